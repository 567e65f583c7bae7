package main

import (
	"bytes"
	"context"
	"fmt"
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
	out, station *deviceOutput
	DAS          netip.AddrPort // where it takes Disconnect-Requests, under the secret of its server
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

func (o *deviceOutput) has(text string) func() bool {
	return func() bool { return strings.Contains(o.String(), text) }
}

// startAccessPoint starts a hostapd that asks RADIUS servers, and a station whose login ends at a FreeRADIUS. Both end with the test.
func startAccessPoint(t *testing.T, auth, acct, das netip.AddrPort, secret string, freeradius *enginetest.FreeRADIUSServer) *accessPoint {
	t.Helper()
	dir := t.TempDir()
	must := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
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
	ap := write("hostapd.conf", fmt.Sprintf(`interface=%s
driver=wired
ieee8021x=1
eap_reauth_period=0
use_pae_group_addr=1
own_ip_addr=127.0.0.1
nas_identifier=ap1
auth_server_addr=%s
auth_server_port=%d
auth_server_shared_secret=%s
acct_server_addr=%s
acct_server_port=%d
acct_server_shared_secret=%s
radius_das_port=%d
radius_das_client=127.0.0.1 %s
radius_das_require_event_timestamp=1
radius_das_require_message_authenticator=1
`, near, auth.Addr(), auth.Port(), secret, acct.Addr(), acct.Port(), secret, das.Port(), secret))
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
	a := &accessPoint{DAS: das}
	a.out = runDevice(t, "hostapd", ap)
	eventually(t, "hostapd is at work", a.out.has("AP-ENABLED"))
	a.station = runDevice(t, "wpa_supplicant", "-D", "wired", "-i", far, "-c", station)
	return a
}

// runDevice runs a program until the test ends.
func runDevice(t *testing.T, name string, args ...string) *deviceOutput {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, name, args...)
	out := new(deviceOutput)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("%v: scripts/test-deps.sh installs what is missing", err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", name, out)
		}
	})
	return out
}
