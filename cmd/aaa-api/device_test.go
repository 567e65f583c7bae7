package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/operations"
)

// deviceNode is a node with all listeners for network devices. The document of its provider names a real FreeRADIUS, and each device has an
// account and an address of its own below it.
type deviceNode struct {
	ctl
	freeradius        *enginetest.FreeRADIUSServer
	files             *enginetest.Files // certificates of the TLS listeners and of a device
	auth, acct        netip.AddrPort
	authTLS           netip.AddrPort
	tacacs, tacacsTLS netip.AddrPort
	provider          string // URL
}

// deviceSecret is of all devices but those that docs/devices.md shows.
const deviceSecret = "a secret of devices"

// newDeviceNode starts the node.
func newDeviceNode(t *testing.T) *deviceNode {
	t.Helper()
	dir := migratedDir(t)
	n := &deviceNode{freeradius: enginetest.FreeRADIUS(t), files: enginetest.MutualFiles(t)}
	auth, acct := portPair(t)
	p := start(t, dir, nil, "--radius-auth="+auth, "--radius-acct="+acct, "--radius-tls=127.0.0.1:0", "--tacacs=127.0.0.1:0", "--tacacs-tls=127.0.0.1:0",
		"--device-tls-cert="+n.files.Server, "--device-tls-key="+n.files.ServerKey, "--device-tls-ca="+n.files.Client)
	n.ctl = ctl{t: t, dir: dir, process: p, token: readToken(t, dir, "admin.token")}
	at := p.deviceAddresses()
	for name, to := range map[string]*netip.AddrPort{
		"radius-auth": &n.auth, "radius-acct": &n.acct, "radius-tls": &n.authTLS, "tacacs": &n.tacacs, "tacacs-tls": &n.tacacsTLS,
	} {
		var err error
		if *to, err = netip.ParseAddrPort(at[name]); err != nil {
			t.Fatalf("%s is at %q: %v", name, at[name], err)
		}
	}
	n.provider = n.newProvider(t)
	return n
}

// newProvider makes a provider whose document names FreeRADIUS and tracks sessions, and returns its URL.
func (n *deviceNode) newProvider(t *testing.T) string {
	t.Helper()
	r := newRadiusTenant(t, n.process, n.token)
	n.patch(t, r.provider, `{"track_sessions":true}`)
	provider := strings.TrimSuffix(r.provider, "/aaa")
	n.patch(t, provider, `{"client_networks":["127.0.0.0/8"]}`)
	return provider
}

// portPair are two free ports, one after the other: where pam_radius asks and accounts.
func portPair(t *testing.T) (auth, acct string) {
	t.Helper()
	for range 100 {
		at := enginetest.UDPPort(t)
		next := netip.AddrPortFrom(at.Addr(), at.Port()+1)
		if c, err := net.ListenPacket("udp", next.String()); err == nil {
			c.Close()
			return at.String(), next.String()
		}
	}
	t.Fatal("no two free ports side by side")
	return "", ""
}

// patch changes a document.
func (n *deviceNode) patch(t *testing.T, url, data string) {
	t.Helper()
	call(t, n.token, "PATCH", url, `{"data":`+data+`}`).want(t, http.StatusOK)
}

// account makes an account below a provider, whose clients may be on loopback, and returns its URL.
func (n *deviceNode) account(t *testing.T, provider, name, more string) string {
	t.Helper()
	id, _ := call(t, n.token, "PUT", provider, `{"data":{"name":"`+name+`","client_networks":["127.0.0.0/8"]`+more+`}}`).want(t, http.StatusCreated).Data["id"].(string)
	return n.url + "/v2/accounts/" + id
}

// client writes the document of an account's device, and waits until the node knows it.
func (n *deviceNode) client(t *testing.T, account, document string) {
	t.Helper()
	call(t, n.token, "PUT", account+"/aaa/clients/device", document).want(t, http.StatusCreated)
	eventually(t, "the client is known", func() bool {
		_, known := n.use(t, account)
		return known
	})
}

// use is what the node knows of a device.
func (n *deviceNode) use(t *testing.T, account string) (use operations.ClientUse, known bool) {
	t.Helper()
	var list []operations.ClientUse
	c := n.ctl
	c.t = t
	c.json(&list, "clients", "--account", account[strings.LastIndexByte(account, '/')+1:])
	if len(list) == 0 {
		return use, false
	}
	return list[0], true
}

// recorded waits for an accounting record at FreeRADIUS that has all lines.
func (n *deviceNode) recorded(t *testing.T, lines ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("a record with %q at the server", lines), func() bool { return n.records(lines...) > 0 })
}

// records counts the accounting records at FreeRADIUS that have all lines.
func (n *deviceNode) records(lines ...string) (found int) {
	text, _ := os.ReadFile(n.freeradius.DetailFile) // there is none before the first record
	for record := range strings.SplitSeq(string(text), "\n\n") {
		if !slices.ContainsFunc(lines, func(line string) bool { return !strings.Contains(record+"\n", "\t"+line+"\n") }) {
			found++
		}
	}
	return found
}

// session waits for a session of an account that fits, and returns it.
func (n *deviceNode) session(t *testing.T, account, what string, fits func(map[string]any) bool) (found map[string]any) {
	t.Helper()
	eventually(t, what, func() bool {
		var list struct{ Data []map[string]any }
		got := call(t, n.token, "GET", account+"/aaa/sessions", "").want(t, http.StatusOK)
		if err := json.Unmarshal([]byte(got.Body), &list); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list.Data, fits)
		if i >= 0 {
			found = list.Data[i]
		}
		return i >= 0
	})
	return found
}

// file writes a file of the test.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	overwrite(t, path, text)
	return path
}

// TestDevices: the clients of real devices log in, are challenged, accounted and disconnected by a node.
func TestDevices(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Fatal("real devices need root: network interfaces, mounts, a tunnel")
	}
	n := newDeviceNode(t)
	onLoopback := `{"data":{"address":"127.0.0.1","secret":"` + deviceSecret + `"}}`
	for _, device := range []struct {
		name, document string
		run            func(t *testing.T, account string)
	}{
		{"radclient", onLoopback, n.testRadclient}, // first, as its account has the other programs on 127.0.0.1
		{"eapol_test", strings.Replace(onLoopback, "127.0.0.1", "127.0.20.2", 1), n.testEAP},
		{"pam_radius", shownFile(t, "login.json", "192.0.2.23", "127.0.20.3"), n.testPAM},
		{"ocserv", shownFile(t, "vpn.json", "192.0.2.22", "127.0.20.4"), n.testVPN},
		{"TLS", shownFile(t, "branch.json", "vpn.branch.example", "127.0.0.1"), n.testTLS},
		{"switch", strings.Replace(onLoopback, "127.0.0.1", "127.0.20.6", 1), n.testSwitch},
		{"R6Unsigned", `{"data":{"address":"127.0.20.10","secret":"` + deviceSecret + `","require_message_authenticator":"off"}}`, n.testUnsigned},
	} {
		account := n.account(t, n.provider, device.name, "")
		n.client(t, account, device.document)
		t.Run(device.name, func(t *testing.T) {
			t.Parallel()
			device.run(t, account)
		})
		if device.name == "radclient" {
			t.Run("perl", func(t *testing.T) {
				t.Parallel()
				n.testPerl(t, account)
			})
		}
	}
	t.Run("hostapd", func(t *testing.T) {
		t.Parallel()
		n.testAccessPoint(t)
	})
	t.Run("clients", func(t *testing.T) {
		t.Parallel()
		n.testClients(t)
	})
}
