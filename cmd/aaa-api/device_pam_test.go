package main

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pamService is a service of PAM whose users are asked for by RADIUS, in a file system of its own. The module sends no Message-Authenticator, and
// its accounting goes to the port after that of authentication.
type pamService struct{ dir string }

// newPAM makes the service, which asks from an address of its own.
func newPAM(t *testing.T, auth netip.AddrPort, from string) pamService {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "server.conf")
	services := filepath.Join(dir, "pam.d")
	if err := os.Mkdir(services, 0o755); err != nil { //nolint:gosec // of a test
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		conf:                                    shownFile(t, "pam_radius_auth.conf", "192.0.2.10:1812", auth.String(), "192.0.2.23", from),
		filepath.Join(services, "aaa-api-test"): shownFile(t, "pam.d/sshd", "pam_radius_auth.so", "pam_radius_auth.so conf="+conf),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return pamService{services}
}

// login runs operations of pamtester, such as authenticate, with the answers to what the user is asked.
func (p pamService) login(t *testing.T, user string, answers []string, operations ...string) (output string, failed error) {
	t.Helper()
	args := append([]string{"-m", "sh", "-c", `mount --bind "$0" /etc/pam.d && exec pamtester -v aaa-api-test "$@"`, p.dir, user}, operations...)
	cmd := exec.CommandContext(t.Context(), "unshare", args...)
	cmd.Stdin = strings.NewReader(strings.Join(answers, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
