package main

import (
	"net"
	"testing"

	"aaa-api/internal/config"
	"aaa-api/internal/peer"
)

// A node tells the others an address only where it knows one that means itself to them.
func TestAdvertised(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ set, listens, want string }{
		{"", "10.0.0.1:8000", "http://10.0.0.1:8000"},
		{"", "[2001:db8::1]:8000", "http://[2001:db8::1]:8000"},
		{"", "0.0.0.0:8000", ""},
		{"", "[::]:8000", ""},
		{"https://node1.example", "0.0.0.0:8000", "https://node1.example"},
		{"https://node1.example", "10.0.0.1:8000", "https://node1.example"},
	} {
		addr, err := net.ResolveTCPAddr("tcp", tc.listens)
		if err != nil {
			t.Fatal(err)
		}
		got := advertised(&config.Config{Advertise: tc.set}, addr)
		if got != tc.want || got != "" && !peer.IsURL(got) {
			t.Errorf("%+v: got %q", tc, got)
		}
	}
}
