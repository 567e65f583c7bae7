package radius

import (
	"errors"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/radius/avp/avptest"
)

// TestNoCredentialIsLost: an authentication that brought a credential is not sent without one.
func TestNoCredentialIsLost(t *testing.T) {
	t.Parallel()
	tacacs := &aaa.Vendor{Name: "TACACS-Plus", Number: aaa.VendorTACACS, TypeOctets: 2, LengthOctets: 1}
	foreign := &aaa.Attribute{Name: "password", Vendor: tacacs, Number: 2, Type: aaa.TypeString, Hidden: true, Wire: true}
	silent := &aaa.Attribute{Name: "User-Password", Number: 2, Type: aaa.TypeString}
	d := avptest.New()
	challenge := d.AVP("CHAP-Challenge", "0123456789abcdef")
	for name, c := range map[string]struct {
		op   aaa.Op
		avps []aaa.AVP
		ok   bool
	}{
		"a password of TACACS+ alone":   {aaa.Authn, []aaa.AVP{{Attr: foreign, Value: []byte("x")}}, false},
		"one that never travels":        {aaa.Authn, []aaa.AVP{{Attr: silent, Value: []byte("x")}}, false},
		"a challenge alone":             {aaa.Authn, []aaa.AVP{challenge}, true},
		"beside a challenge":            {aaa.Authn, []aaa.AVP{{Attr: foreign, Value: []byte("x")}, challenge}, false},
		"beside User-Password":          {aaa.Authn, []aaa.AVP{{Attr: foreign, Value: []byte("x")}, d.AVP("User-Password", "x")}, true},
		"beside the State of a login":   {aaa.Authn, []aaa.AVP{{Attr: foreign, Value: []byte("x")}, d.AVP("State", "x")}, true},
		"no credential, none asked for": {aaa.Authn, nil, true},
		"an authorisation":              {aaa.Authz, []aaa.AVP{{Attr: foreign, Value: []byte("x")}}, true},
		"a record":                      {aaa.Accounting, []aaa.AVP{d.AVP("User-Password", "x")}, true},
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

// TestZeroOctets: what a zero octet would make another value at the server is refused. FreeRADIUS takes alice\x00x for alice.
func TestZeroOctets(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	chap := d.AVP("CHAP-Password", "pass\x00")
	chap.Clear = true
	for name, c := range map[string]struct {
		avps []aaa.AVP
		want string // the path of the refusal; empty: it is sent
	}{
		"a password that ends in one": {[]aaa.AVP{d.AVP("User-Name", "bob"), d.AVP("User-Password", "pass\x00")}, "User-Password"},
		"a password of nothing else":  {[]aaa.AVP{d.AVP("User-Name", "bob"), d.AVP("User-Password", "\x00")}, "User-Password"},
		"a password that holds one":   {[]aaa.AVP{d.AVP("User-Name", "bob"), d.AVP("User-Password", "pa\x00ss")}, ""},
		"an empty password":           {[]aaa.AVP{d.AVP("User-Name", "bob"), d.AVP("User-Password", "")}, ""},
		"a password that is hashed":   {[]aaa.AVP{d.AVP("User-Name", "bob"), chap}, ""},
		"a name that holds one":       {[]aaa.AVP{d.AVP("User-Name", "bob\x00x"), d.AVP("User-Password", "pass")}, "User-Name"},
		"a name that ends in one":     {[]aaa.AVP{d.AVP("User-Name", "bob\x00"), d.AVP("User-Password", "pass")}, "User-Name"},
	} {
		_, client := scripted(t, 0, 0, nil)
		_, err := client.Encode(&engines.Request{Op: aaa.Authn, Dict: d, AVPs: c.avps})
		var e *aaa.Error
		if (err == nil) != (c.want == "") || err != nil && (!errors.As(err, &e) || e.Kind != aaa.KindBadInput || e.Fields[0].Path != c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOneProof: of two credentials of different kinds a server checks one, so a login with both is refused (RFC 2865 §4.1, RFC 3579 §3.3).
func TestOneProof(t *testing.T) {
	t.Parallel()
	d := avptest.New()
	password, eap := d.AVP("User-Password", "right"), d.AVP("EAP-Message", "\x02\x01\x00\x04")
	chap, ms := d.AVP("CHAP-Password", "wrong"), d.AVP("MS-CHAP2-Response", "wrong")
	chap.Clear, ms.Clear = true, true
	for name, c := range map[string]struct {
		op   aaa.Op
		avps []aaa.AVP
		want string // the path of the refusal; empty: it is sent
	}{
		"PAP and CHAP":              {aaa.Authn, []aaa.AVP{password, chap}, "CHAP-Password"},
		"PAP and MS-CHAP":           {aaa.Authn, []aaa.AVP{password, ms}, "MS-CHAP2-Response"},
		"EAP and PAP":               {aaa.Authn, []aaa.AVP{eap, password}, "User-Password"},
		"PAP and a challenge":       {aaa.Authn, []aaa.AVP{password, d.AVP("CHAP-Challenge", "0123456789abcdef")}, ""},
		"EAP in pieces":             {aaa.Authn, []aaa.AVP{eap, eap}, ""},
		"MS-CHAP and its challenge": {aaa.Authn, []aaa.AVP{d.AVP("MS-CHAP-Challenge", "0123456789abcdef"), ms}, ""},
		"a record":                  {aaa.Accounting, []aaa.AVP{d.AVP("State", "x"), d.AVP("Class", "x")}, ""},
	} {
		_, client := scripted(t, 0, 0, nil)
		_, err := client.Encode(&engines.Request{Op: c.op, Dict: d, AVPs: append([]aaa.AVP{d.AVP("User-Name", "bob")}, c.avps...)})
		var e *aaa.Error
		if (err == nil) != (c.want == "") || err != nil && (!errors.As(err, &e) || e.Kind != aaa.KindBadInput || e.Fields[0].Path != c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
