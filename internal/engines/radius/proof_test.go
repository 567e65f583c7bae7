package radius

import (
	"errors"
	"testing"

	"aaa-api/internal/aaa"
)

// TestNoCredentialIsLost: an authentication that brought a credential is not sent without one.
func TestNoCredentialIsLost(t *testing.T) {
	t.Parallel()
	tacacs := &aaa.Vendor{Name: "TACACS-Plus", Number: aaa.VendorTACACS, TypeOctets: 2, LengthOctets: 1}
	foreign := &aaa.Attribute{Name: "password", Vendor: tacacs, Number: 2, Type: aaa.TypeString, Hidden: true, Wire: true}
	silent := &aaa.Attribute{Name: "User-Password", Number: 2, Type: aaa.TypeString}
	d := newTestDict()
	challenge := d.avp("CHAP-Challenge", "0123456789abcdef")
	for name, c := range map[string]struct {
		op   aaa.Op
		avps []aaa.AVP
		ok   bool
	}{
		"a password of TACACS+ alone":   {aaa.Authn, []aaa.AVP{{Attr: foreign, Value: []byte("x")}}, false},
		"one that never travels":        {aaa.Authn, []aaa.AVP{{Attr: silent, Value: []byte("x")}}, false},
		"a challenge alone":             {aaa.Authn, []aaa.AVP{challenge}, true},
		"beside a challenge":            {aaa.Authn, []aaa.AVP{{Attr: foreign, Value: []byte("x")}, challenge}, false},
		"beside User-Password":          {aaa.Authn, []aaa.AVP{{Attr: foreign, Value: []byte("x")}, d.avp("User-Password", "x")}, true},
		"beside the State of a login":   {aaa.Authn, []aaa.AVP{{Attr: foreign, Value: []byte("x")}, d.avp("State", "x")}, true},
		"no credential, none asked for": {aaa.Authn, nil, true},
		"an authorisation":              {aaa.Authz, []aaa.AVP{{Attr: foreign, Value: []byte("x")}}, true},
		"a record":                      {aaa.Accounting, []aaa.AVP{d.avp("User-Password", "x")}, true},
	} {
		_, client := scripted(t, 0, 0, nil)
		req := login(d)
		req.Op, req.AVPs = c.op, append(req.AVPs[:1:1], c.avps...)
		_, err := client.Encode(req)
		var e *aaa.Error
		if c.ok != (err == nil) || !c.ok && (!errors.As(err, &e) || e.Fields[0].Rule != "credential") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
