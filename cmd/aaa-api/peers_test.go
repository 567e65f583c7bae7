package main

import (
	"net"
	"strings"
	"testing"

	"aaa-api/internal/config"
	"aaa-api/internal/peer"
	"aaa-api/internal/store/pgtest"
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

// A node that may have others beside it, and that they can't reach, says so once, and how to put it right.
func TestUnreachableNodeWarns(t *testing.T) {
	t.Parallel()
	shared, dir := []string{"AAA_API_DATABASE_URL=" + pgtest.Open(t)}, t.TempDir()
	for _, tc := range []struct {
		name string
		dir  string
		env  []string
		args []string
		want int
	}{
		{"any address", dir, shared, []string{"--listen=:0"}, 1},
		{"any address of IPv4", dir, shared, []string{"--listen=0.0.0.0:0"}, 1},
		{"any address, advertised", dir, shared, []string{"--listen=:0", "--advertise=http://node1.example:8000"}, 0},
		{"an address", dir, shared, []string{"--listen=127.0.0.1:0"}, 0},
		{"a node that is alone", t.TempDir(), nil, []string{"--listen=:0"}, 0},
	} {
		p := start(t, tc.dir, tc.env, tc.args...)
		p.stop()
		var warnings []string
		for line := range strings.Lines(p.log()) {
			if strings.Contains(line, "reach it") {
				warnings = append(warnings, line)
			}
		}
		if len(warnings) != tc.want ||
			tc.want > 0 && !(strings.Contains(warnings[0], `"level":"WARN"`) && strings.Contains(warnings[0], "set --advertise http://HOST:PORT")) {
			t.Errorf("%s: warnings %v, want %d", tc.name, warnings, tc.want)
		}
	}
}
