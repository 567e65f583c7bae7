package enginetest

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// deviceTime bounds a run of a device's client.
const deviceTime = 30 * time.Second

// RunDevice runs a client of network devices, such as radtest, and returns all that it printed. failed says how it ended.
func RunDevice(t testing.TB, env []string, name string, args ...string) (output string, failed error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path = "/usr/sbin/" + name; !exists(path) {
			t.Fatalf("%s is missing: scripts/test-deps.sh installs it", name)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), deviceTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// EAP is a login of a wireless station, as wpa_supplicant's configuration has it.
type EAP struct {
	Method   string // PEAP, TLS, MD5
	Identity string
	Password string // of PEAP and MD5
}

// EAPTest runs eapol_test, which is an access point and a station at once, against a RADIUS server that hands the login on to s. It checks the
// keys of the link: those that the server sent must be those that the station made.
func (s *FreeRADIUSServer) EAPTest(t testing.TB, server netip.AddrPort, secret string, login EAP, more ...string) (output string, failed error) {
	t.Helper()
	dir := t.TempDir()
	conf := fmt.Sprintf("network={\n\tssid=\"test\"\n\tkey_mgmt=IEEE8021X\n\teap=%s\n\tidentity=%q\n", login.Method, login.Identity)
	switch login.Method {
	case "TLS":
		conf += fmt.Sprintf("\tca_cert=%q\n\tclient_cert=%q\n\tprivate_key=%q\n", filepath.Join(s.Dir, EAPCA), filepath.Join(s.Dir, EAPClient), filepath.Join(s.Dir, EAPClientKey))
	case "PEAP":
		conf += fmt.Sprintf("\tanonymous_identity=%q\n\tpassword=%q\n\tphase2=\"auth=MSCHAPV2\"\n\tca_cert=%q\n", login.Identity, login.Password, filepath.Join(s.Dir, EAPCA))
	default:
		conf += fmt.Sprintf("\tpassword=%q\n", login.Password)
	}
	file := filepath.Join(dir, "station.conf")
	if err := os.WriteFile(file, []byte(conf+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-c", file, "-a", server.Addr().String(), "-p", fmt.Sprint(server.Port()), "-s", secret, "-t", "10"}
	if login.Method == "MD5" {
		args = append(args, "-n") // which has no keys
	}
	return RunDevice(t, nil, "eapol_test", append(args, more...)...)
}
