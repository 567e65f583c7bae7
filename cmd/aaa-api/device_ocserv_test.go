package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"aaa-api/internal/engines/enginetest"
)

// vpnGateway is an ocserv, and the server's key as clients pin it.
type vpnGateway struct {
	out *deviceOutput
	url string
	pin string
}

// startVPN starts an ocserv that asks RADIUS servers from an address of its own. It ends with the test. Its library sends no Message-Authenticator.
func startVPN(t *testing.T, auth, acct netip.AddrPort, from string) *vpnGateway {
	t.Helper()
	if _, err := os.Stat("/dev/net/tun"); err != nil { // a machine without udev
		for _, args := range [][]string{{"mkdir", "-p", "/dev/net"}, {"mknod", "/dev/net/tun", "c", "10", "200"}} {
			if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v: ocserv needs /dev/net/tun\n%s", args, err, out)
			}
		}
	}
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} { // ocserv's workers are another user's
		if err := os.Chmod(d, 0o755); err != nil { //nolint:gosec // likewise
			t.Fatal(err)
		}
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // likewise
			t.Fatal(err)
		}
		return path
	}
	certificate, key, spki := enginetest.SelfSigned(t)
	port := freePort(t)
	here := []string{"192.0.2.10", auth.Addr().String()}
	servers := write("servers", shownFile(t, "servers", here...))
	radcli := write("radcli.conf", shownFile(t, "radiusclient.conf", append(here, "192.0.2.22", from, ":1812", fmt.Sprint(":", auth.Port()),
		":1813", fmt.Sprint(":", acct.Port()), "/etc/radcli/servers", servers)...))
	conf := write("ocserv.conf", shownFile(t, "ocserv.conf", "/etc/radcli/radiusclient.conf", radcli)+fmt.Sprintf(`tcp-port = %s
listen-host = 127.0.0.1
run-as-user = nobody
run-as-group = nogroup
socket-file = %s/socket
server-cert = %s
server-key = %s
isolate-workers = false
device = aaavpn
ipv4-network = 192.0.2.0/24
cookie-timeout = 300
use-occtl = false
auth-timeout = 20
predictable-ips = true
`, port, dir, write("certificate.pem", certificate), write("key.pem", key)))
	sum := sha256.Sum256(spki)
	v := &vpnGateway{
		url: fmt.Sprintf("https://127.0.0.1:%s", port), pin: "pin-sha256:" + base64.StdEncoding.EncodeToString(sum[:]),
	}
	v.out, _ = runDevice(t, "ocserv", "-f", "-d", "2", "-c", conf)
	eventually(t, "ocserv is at work", v.out.has("initialized ocserv"))
	return v
}

// connect logs a user in through openconnect, which leaves again at once: its end of the tunnel is a program that ends.
func (v *vpnGateway) connect(t *testing.T, user, password string) (output string, failed error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openconnect", "--protocol=anyconnect", "-u", user, "--passwd-on-stdin", "--servercert", v.pin,
		"--script-tun", "--script", "true", "--no-dtls", v.url)
	cmd.Stdin = strings.NewReader(password + "\n")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
