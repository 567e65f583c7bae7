package enginetest

import (
	"strings"
	"testing"
)

// The stations' logins work with the server itself, so that a test through this service tests the service.
func TestEAPTest(t *testing.T) {
	t.Parallel()
	s := FreeRADIUS(t)
	for _, login := range []EAP{{"PEAP", "alice", "correct horse"}, {"TLS", "alice", ""}, {"MD5", "alice", "correct horse"}} {
		if out, err := s.EAPTest(t, s.AuthAddr, s.Secret, login); err != nil || !strings.HasSuffix(strings.TrimSpace(out), "SUCCESS") {
			t.Errorf("%s: %v\n%s", login.Method, err, out)
		}
		wrong := login
		wrong.Password = "wrong"
		if out, err := s.EAPTest(t, s.AuthAddr, s.Secret, wrong); (err == nil) != (login.Method == "TLS") {
			t.Errorf("%s with a wrong password: %v\n%s", login.Method, err, out)
		}
	}
}
