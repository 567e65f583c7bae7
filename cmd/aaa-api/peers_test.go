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
	for _, tc := range []struct {
		set, listens, admin string
		tls                 bool
		want                string
	}{
		{"", "10.0.0.1:8000", "", false, "http://10.0.0.1:8000"},
		{"", "[2001:db8::1]:8000", "", false, "http://[2001:db8::1]:8000"},
		{"", "0.0.0.0:8000", "", false, ""},
		{"", "[::]:8000", "", false, ""},
		{"https://node1.example", "0.0.0.0:8000", "", false, "https://node1.example"},
		{"https://node1.example", "10.0.0.1:8000", "", false, "https://node1.example"},
		{"", "10.0.0.1:8000", "", true, "https://10.0.0.1:8000"},
		{"", "0.0.0.0:8000", "", true, ""},
		{"", "0.0.0.0:8000", "10.0.0.1:9000", true, "http://10.0.0.1:9000"},
		{"", "10.0.0.1:8000", "[::]:9000", false, ""},
		{"http://node1.example:9000", "10.0.0.1:8000", "10.0.0.1:9000", false, "http://node1.example:9000"},
	} {
		n := &module{cfg: &config.Config{Advertise: tc.set, AdminListen: tc.admin}, at: endpoints{api: listensAt(t, tc.listens)}}
		if tc.admin != "" {
			n.at.admin = listensAt(t, tc.admin)
		}
		if tc.tls {
			n.certificate = &certificate{}
		}
		got := n.advertised()
		if got != tc.want || got != "" && !peer.IsURL(got) {
			t.Errorf("%+v: got %q", tc, got)
		}
	}
}

func listensAt(t *testing.T, address string) net.Addr {
	t.Helper()
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// A node that may have others beside it, and that they can't reach, says so once, and how to put it right.
func TestUnreachableNodeWarns(t *testing.T) {
	t.Parallel()
	const shared = "AAA_API_DATABASE_URL=postgres://db.example/aaa"
	cert, key := certificateFiles(t, t.TempDir(), "api.example")
	port := freePort(t)
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
		{"an admin listener", []string{shared, "AAA_API_LISTEN=127.0.0.1:0", "AAA_API_ADMIN_LISTEN=127.0.0.1:0"}, 0},
		{"an admin listener on any address", []string{shared, "AAA_API_LISTEN=127.0.0.1:0", "AAA_API_ADMIN_LISTEN=:0"}, 1},
		{"an admin listener for this host alone", []string{shared, "AAA_API_LISTEN=:0", "AAA_API_ADMIN_LISTEN=127.0.0.1:0"}, 1},
		{"an admin listener, and the API's port advertised", []string{
			shared, "AAA_API_LISTEN=127.0.0.1:" + port, "AAA_API_ADMIN_LISTEN=127.0.0.1:0", "AAA_API_ADVERTISE=http://node1.example:" + port,
		}, 1},
		{"an admin listener, and another port advertised", []string{
			shared, "AAA_API_LISTEN=127.0.0.1:0", "AAA_API_ADMIN_LISTEN=127.0.0.1:0", "AAA_API_ADVERTISE=https://node1.example",
		}, 0},
		{"a certificate of another name", []string{shared, "AAA_API_LISTEN=127.0.0.1:0", "AAA_API_TLS_CERT=" + cert, "AAA_API_TLS_KEY=" + key}, 1},
		{"a certificate and an admin listener", []string{
			shared, "AAA_API_LISTEN=127.0.0.1:0", "AAA_API_TLS_CERT=" + cert, "AAA_API_TLS_KEY=" + key, "AAA_API_ADMIN_LISTEN=127.0.0.1:0",
		}, 0},
	} {
		cfg, err := config.Load(pflag.NewFlagSet("", pflag.ContinueOnError), tc.vars)
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		n := &module{cfg: cfg, log: slog.New(slog.NewJSONHandler(&log, nil))}
		taken, err := listen(t.Context(), cfg, 1, heldFiles{})
		if err != nil {
			t.Fatal(err)
		}
		if n.at = taken.endpoints(); cfg.TLSCert != "" {
			if n.certificate, err = loadCertificate(cfg.TLSCert, cfg.TLSKey, n.log); err != nil {
				t.Fatal(err)
			}
		}
		n.url = n.advertised()
		n.warnUnreachable(t.Context())
		checkWarnings(t, tc.name, log.String(), tc.want)
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
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
