package enginetest

import "testing"

func TestFreeRADIUSAnswers(t *testing.T) {
	s := FreeRADIUS(t)
	if s.Secret == "" || s.DetailFile == "" || s.AuthAddr.Port() == s.AcctAddr.Port() {
		t.Errorf("incomplete: %+v", s)
	}
}
