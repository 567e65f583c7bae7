package tacacs

import (
	"errors"
	"strings"
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

// TestNothingIsLeftOut: a login or an authorisation that has no place for what the caller wrote is refused, and names it.
func TestNothingIsLeftOut(t *testing.T) {
	t.Parallel()
	response := "chap_response=0x" + strings.Repeat("ab", 16)
	for _, c := range []struct {
		op    aaa.Op
		pairs string
		want  string // the path of the refusal; empty: it is sent
	}{
		{aaa.Authn, "user=alice user=bob password=x", "user"},
		{aaa.Authn, "user=bob user=bob password=x", ""},
		{aaa.Authn, "user=bob password=x password=y", "password"},
		{aaa.Authn, "User-Name=alice User-Name=bob password=x", "User-Name"},
		{aaa.Authn, "User-Name=alice user=bob password=x", ""},
		{aaa.Authz, "user=bob priv_lvl=1 priv_lvl=15 cmd=", "priv_lvl"},
		{aaa.Accounting, "user=bob Acct-Session-Id=a Acct-Session-Id=b", "Acct-Session-Id"},
		{aaa.Accounting, "user=bob Acct-Status-Type=Start Acct-Status-Type=Interim-Update", ""},

		{aaa.Authn, "user=bob action=login password=x new_password=y", "new_password"},
		{aaa.Authn, "user=bob password=x user_msg=1", "user_msg"},
		{aaa.Authn, "user=bob authen_type=ascii user_msg=1", ""},
		{aaa.Authn, "user=bob authen_type=ascii data=x", "data"},
		{aaa.Authn, "user=bob authen_type=ascii chap_id=1 chap_challenge=12 " + response, "chap_response"},
		{aaa.Authn, "user=bob password=x chap_id=1 chap_challenge=12 " + response, "chap_response"},
		{aaa.Authn, "user=bob password=x chap_challenge=1234", "chap_challenge"},
		{aaa.Authn, "user=bob authen_type=chap password=x chap_challenge=1234", ""},
		{aaa.Authn, "user=bob authen_type=chap data=x chap_id=1", "chap_id"},
		{aaa.Authn, "user=bob password=x data=y", ""}, // as docs/tacacs.md says

		{aaa.Authz, "user=bob cmd-arg=version", "cmd-arg"},
		{aaa.Authz, "user=bob service=shell cmd-arg*=version", "cmd-arg"},
		{aaa.Custom, "user=bob service=shell cmd-arg=version", "cmd-arg"},
		{aaa.Authz, "user=bob service=shell cmd= cmd-arg=version", ""},
		{aaa.Authz, "user=bob service=ppp cmd-arg=version", ""},
		{aaa.Accounting, "user=bob cmd-arg=version", ""},
	} {
		_, err := (&client{}).Encode(request(t, c.op, strings.Fields(c.pairs)...))
		if c.want != "" {
			wantInput(t, err, c.want)
		} else if err != nil {
			t.Errorf("%s: %v", c.pairs, err)
		}
	}
}
