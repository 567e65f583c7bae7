package tacacs

import (
	"errors"
	"testing"

	"aaa-api/internal/aaa"
)

// TestNoCredentialIsLost: a login that brought a credential is not begun without one.
func TestNoCredentialIsLost(t *testing.T) {
	t.Parallel()
	chap := aaa.AVP{Attr: &aaa.Attribute{Name: "CHAP-Password", Number: 3, Type: aaa.TypeOctets, Hidden: true, Wire: true}, Value: []byte("x"), Clear: true}
	req := request(t, aaa.Authn, "user=bob")
	req.AVPs = append(req.AVPs, chap)
	var e *aaa.Error
	if _, err := read(req); !errors.As(err, &e) || e.Kind != aaa.KindBadInput || e.Fields[0].Path != "CHAP-Password" {
		t.Errorf("a login without its credential: %v", err)
	}
	req.AVPs = append(req.AVPs, request(t, aaa.Authn, "password=hush").AVPs...)
	if _, err := read(req); err != nil {
		t.Errorf("beside a password: %v", err)
	}
	req.Op, req.AVPs = aaa.Authz, append(req.AVPs[:1:1], chap)
	if _, err := read(req); err != nil {
		t.Errorf("an authorisation, which has no credential: %v", err)
	}
}
