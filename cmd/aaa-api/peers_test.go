package main

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/spf13/pflag"

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

// A node that may have others beside it, and that they can't reach, says so once, and how to put it right.
func TestUnreachableNodeWarns(t *testing.T) {
	t.Parallel()
	const shared = "AAA_API_DATABASE_URL=postgres://db.example/aaa"
	for _, tc := range []struct {
		name string
		vars []string
		want int
	}{
		{"any address", []string{shared, "AAA_API_LISTEN=:0"}, 1},
		{"any address of IPv4", []string{shared, "AAA_API_LISTEN=0.0.0.0:0"}, 1},
		{"any address, advertised", []string{shared, "AAA_API_LISTEN=:0", "AAA_API_ADVERTISE=http://node1.example:8000"}, 0},
		{"an address", []string{shared, "AAA_API_LISTEN=127.0.0.1:0"}, 0},
		{"a node that is alone", []string{"AAA_API_LISTEN=:0"}, 0},
	} {
		cfg, err := config.Load(pflag.NewFlagSet("", pflag.ContinueOnError), tc.vars)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", cfg.Listen)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		var log bytes.Buffer
		n := &node{cfg: cfg, log: slog.New(slog.NewJSONHandler(&log, nil)), listener: l, url: advertised(cfg, l.Addr())}
		n.warnUnreachable(t.Context())
		checkWarnings(t, tc.name, log.String(), tc.want)
	}
}

// unreachableWarns starts one more node, on any address: it says what the two others have not.
func (c *pair) unreachableWarns(t *testing.T) {
	third := start(t, t.TempDir(), c.env, c.key, "--listen=:0")
	third.stop()
	checkWarnings(t, "any address", third.log(), 1)
	checkWarnings(t, "an address", c.one.log()+c.two.log(), 0)
}

func checkWarnings(t *testing.T, name, log string, want int) {
	t.Helper()
	var warnings []string
	for line := range strings.Lines(log) {
		if strings.Contains(line, "reach it") {
			warnings = append(warnings, line)
		}
	}
	if len(warnings) != want ||
		want > 0 && !(strings.Contains(warnings[0], `"level":"WARN"`) && strings.Contains(warnings[0], "set --advertise http://HOST:PORT")) {
		t.Errorf("%s: warnings %v, want %d", name, warnings, want)
	}
}
