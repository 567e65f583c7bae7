package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"aaa-api/internal/engines/enginetest"
)

// accessPoint is a hostapd with one station on a wire, which logs in by PEAP as alice.
type accessPoint struct {
	out       *deviceOutput
	wire      string // the station's end
	configure string // the station's configuration
}

// login starts the station, which ends by stop or with the test.
func (a *accessPoint) login(t *testing.T) (stop func()) {
	t.Helper()
	_, stop = runDevice(t, "wpa_supplicant", "-D", "wired", "-i", a.wire, "-c", a.configure)
	return stop
}

// deviceOutput is what a program has printed so far.
type deviceOutput struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *deviceOutput) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *deviceOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *deviceOutput) count(text string) int { return strings.Count(o.String(), text) }

func (o *deviceOutput) has(text string) func() bool {
	return func() bool { return strings.Contains(o.String(), text) }
}

// startAccessPoint starts a hostapd that asks RADIUS servers from an address of its own and takes Disconnect-Requests at the port das, for a station
// whose login ends at a FreeRADIUS. It ends with the test.
func startAccessPoint(t *testing.T, auth, acct netip.AddrPort, from string, das uint16, freeradius *enginetest.FreeRADIUSServer) *accessPoint {
	t.Helper()
	dir := t.TempDir()
	must := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: a test with real devices needs root, as network interfaces and mounts of its own\n%s", strings.Join(args, " "), err, out)
		}
	}
	// Network interfaces have names of 15 octets at the most.
	near, far := fmt.Sprintf("aaa%x", os.Getpid()), fmt.Sprintf("aab%x", os.Getpid())
	must("link", "add", near, "type", "veth", "peer", "name", far)
	t.Cleanup(func() { must("link", "del", near) })
	must("link", "set", near, "up")
	must("link", "set", far, "up")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ap := write("hostapd.conf", fmt.Sprintf("interface=%s\ndriver=wired\neap_reauth_period=0\nuse_pae_group_addr=1\n", near)+
		shownFile(t, "hostapd.conf", "192.0.2.10", auth.Addr().String(), "192.0.2.21", from, "1812", fmt.Sprint(auth.Port()), "1813", fmt.Sprint(acct.Port()),
			"3799", fmt.Sprint(das)))
	station := write("station.conf", fmt.Sprintf(`ap_scan=0
network={
	key_mgmt=IEEE8021X
	eap=PEAP
	identity="alice"
	password="correct horse"
	phase2="auth=MSCHAPV2"
	ca_cert=%q
}
`, filepath.Join(freeradius.Dir, enginetest.EAPCA)))
	a := &accessPoint{wire: far, configure: station}
	a.out, _ = runDevice(t, "hostapd", ap)
	eventually(t, "hostapd is at work", a.out.has("AP-ENABLED"))
	return a
}

// runDevice runs a program until stop or the test's end.
func runDevice(t *testing.T, name string, args ...string) (out *deviceOutput, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, name, args...)
	out = new(deviceOutput)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("%v: scripts/test-deps.sh installs what is missing", err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		_ = cmd.Wait()
	})
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("%s:\n%s", name, out)
		}
	})
	return out, stop
}

// testAccessPoint: a station is a session, which an administrator and its time end at the access point.
func (n *deviceNode) testAccessPoint(t *testing.T) {
	provider := n.newProvider(t)
	account := n.account(t, provider, "hostapd", "")
	das := enginetest.UDPPort(t).Port()
	// hostapd answers a Disconnect-Request from the address that the kernel takes, which is this one on loopback.
	n.client(t, account, shownFile(t, "ap.json", "192.0.2.21", "127.0.20.1", `"enabled": true`, fmt.Sprintf(`"enabled": true, "address": "127.0.0.1", "port": %d`, das)))
	a := startAccessPoint(t, n.auth, n.acct, "127.0.20.1", das, n.freeradius)
	const gone = "AP-STA-DISCONNECTED"

	stop := a.login(t)
	s := n.session(t, account, "alice's session", func(s map[string]any) bool { return s["open"] == true })
	device, _ := s["device"].(map[string]any)
	if s["user"] != "alice" || device["client"] != "device" || device["address"] != "127.0.20.1" {
		t.Errorf("the session: %v", s)
	}
	id, _ := s["id"].(string)
	ended := call(t, n.token, "DELETE", account+"/aaa/sessions/"+id, "").want(t, http.StatusOK)
	if said, _ := ended.Data["disconnected"].(map[string]any); said["acknowledged"] != true {
		t.Errorf("DELETE: %s", ended.Body)
	}
	eventually(t, "hostapd disconnects the station", func() bool { return a.out.count(gone) == 1 })
	acctSession, _ := s["acct_session_id"].(string)
	lines := []string{`NAS-Identifier = "ap1"`, fmt.Sprintf("Acct-Session-Id = %q", acctSession)}
	n.recorded(t, append(lines, "Acct-Status-Type = Stop")...)
	stop()

	n.patch(t, provider+"/aaa", `{"session_timeout":1}`)
	a.login(t)
	eventually(t, "the station is disconnected when its time is over", func() bool { return a.out.count(gone) >= 2 })
	// hostapd names the station's next session as the one before, so the API has one.
	n.session(t, account, "the session is over", func(s map[string]any) bool {
		return s["open"] == false && s["cause"] == "Session-Timeout" && s["acct_session_id"] == acctSession
	})
	eventually(t, "the records of both are at the server", func() bool {
		return n.records(append(lines, "Acct-Status-Type = Start")...) == 2 && n.records(append(lines, "Acct-Status-Type = Stop")...) == 2
	})
}
