package document

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
	"aaa-api/internal/secmod"
)

// prepareClient writes the document of the client "switch" in place of a stored one.
func prepareClient(t testing.TB, doc string, stored json.RawMessage) (*PreparedClient, error) {
	t.Helper()
	d, err := LoadClient(account, "switch", stored)
	if err != nil {
		t.Fatal(err)
	}
	value, err := schema.Parse([]byte(doc), schema.MaxDepth)
	if err != nil {
		t.Fatal(err)
	}
	d.Replace(value)
	return d.PrepareClient(t.Context(), newPreparer(t))
}

func TestClientSecrets(t *testing.T) {
	t.Parallel()
	made, err := prepareClient(t, `{"address":"192.0.2.1","secret":"hush-secret-of-16","previous_secret":"hush-previous-16","coa":{"secret":"hush-coa-secret16","port":3.8e3},"enabled":false}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(made.Body), "hush") || made.Network != netip.MustParsePrefix("192.0.2.1/32") || made.Certificate != "" || made.Warnings != nil {
		t.Errorf("prepared as %+v, %s", made, made.Body)
	}
	open := func(body json.RawMessage, name string, id aaa.AccountID) (*aaa.Client, error) {
		c, err := DecodeClient(body)
		if err != nil {
			t.Fatal(err)
		}
		return c, OpenClient(t.Context(), id, name, c, vault{})
	}
	c, err := open(made.Body, "switch", account)
	if err != nil || c.Secret.Reveal() != "hush-secret-of-16" || c.PreviousSecret.Reveal() != "hush-previous-16" || c.CoA.Secret.Reveal() != "hush-coa-secret16" ||
		c.CoA.Port != 3800 || !c.Disabled {
		t.Errorf("opened as %+v, %v", c, err)
	}
	if _, err := open(made.Body, "other", account); aaa.KindOf(err) != aaa.KindUnavailable || !errors.Is(err, secmod.ErrSealed) {
		t.Errorf("opened under another name: %v", err)
	}
	if _, err := open(made.Body, "switch", aaa.NewAccountID()); !errors.Is(err, secmod.ErrSealed) {
		t.Errorf("opened in another account: %v", err)
	}
	masked, err := MaskClient("switch", made.Body)
	text, _ := json.Marshal(masked)
	if err != nil || strings.Count(string(text), aaa.Mask) != 3 || strings.Contains(string(text), secmod.SealedPrefix) {
		t.Errorf("masked as %s, %v", text, err)
	}
	// What was read can be written back; a secret is not found under another's place.
	again, err := prepareClient(t, string(text), made.Body)
	if err != nil || string(again.Body) != string(made.Body) {
		t.Errorf("written back as %s, %v", again.Body, err)
	}
	for _, doc := range []string{`{"address":"192.0.2.1","secret":"********"}`, `{"address":"192.0.2.1","secret":"s","coa":{"secret":"********"}}`} {
		if _, err := prepareClient(t, doc, nil); aaa.KindOf(err) != aaa.KindBadInput {
			t.Errorf("%s: %v", doc, err)
		}
	}
}

func TestClientFaults(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		`{}`:                                  "address required",
		`{"secret":"s"}`:                      "address required",
		`{"address":"192.0.2.1"}`:             "secret required",
		`{"address":"192.0.2.1","secret":""}`: "secret minLength",
		`{"address":"192.0.2.1/24","secret":"s"}`:                                   "address pattern",
		`{"address":"::ffff:192.0.2.1","secret":"s"}`:                               "address pattern",
		`{"address":"fe80::1%eth0","secret":"s"}`:                                   "address pattern",
		`{"address":"switch.example.net","secret":"s"}`:                             "address pattern",
		`{"address":"224.0.0.1","secret":"s"}`:                                      "address pattern",
		`{"address":"0.0.0.0","secret":"s"}`:                                        "address pattern",
		`{"address":"192.0.2.0/33","secret":"s"}`:                                   "address pattern",
		`{"certificate":{}}`:                                                        "address required",
		`{"certificate":{"san":"a b"}}`:                                             "certificate.san pattern",
		`{"certificate":{"san":"a","serial":"1"}}`:                                  "certificate conflict",
		`{"certificate":{"serial":"1"}}`:                                            "certificate.issuer required",
		`{"certificate":{"issuer":"CN=x"}}`:                                         "certificate.serial required",
		`{"certificate":{"issuer":"x","serial":"1"}}`:                               "certificate.issuer pattern",
		`{"certificate":{"issuer":"CN=x,","serial":"1"}}`:                           "certificate.issuer pattern",
		`{"certificate":{"issuer":"CN=x\\","serial":"1"}}`:                          "certificate.issuer pattern",
		`{"certificate":{"issuer":"CN=x","serial":"1g"}}`:                           "certificate.serial pattern",
		`{"certificate":{"san":"a"},"previous_secret":"s"}`:                         "secret required",
		`{"address":"192.0.2.1","secret":"s","protocols":[]}`:                       "protocols minItems",
		`{"address":"192.0.2.1","secret":"s","protocols":["diameter"]}`:             "protocols.0 enum",
		`{"address":"192.0.2.1","secret":"s","quirks":["no-such"]}`:                 "quirks.0 enum",
		`{"address":"192.0.2.1","secret":"s","reply_within":499}`:                   "reply_within minimum",
		`{"address":"192.0.2.1","secret":"s","reply_within":30001}`:                 "reply_within maximum",
		`{"address":"192.0.2.1","secret":"s","warn_after":"tomorrow"}`:              "warn_after format",
		`{"address":"192.0.2.1","secret":"s","warn_after":"2016-12-31T23:59:60Z"}`:  "warn_after format",
		`{"address":"192.0.2.1","secret":"s","require_message_authenticator":"no"}`: "require_message_authenticator enum",
		`{"address":"192.0.2.1","secret":"s","coa":{"address":"192.0.2.0/24"}}`:     "coa.address address",
		`{"address":"192.0.2.1","secret":"s","coa":{"port":0}}`:                     "coa.port minimum",
		`{"address":"192.0.2.1","secret":"s","colour":"red"}`:                       "colour unknown",
	} {
		_, err := prepareClient(t, doc, nil)
		var e *aaa.Error
		if !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Path+" "+e.Fields[0].Rule != want {
			t.Errorf("%s: %v %+v, want %s", doc, err, e, want)
		}
	}
}

func TestClientWarnings(t *testing.T) {
	t.Parallel()
	const long = `"secret":"sixteen octets.."`
	for doc, want := range map[string]string{
		`{"address":"192.0.2.1",` + long + `}`:                                                                   "",
		`{"address":"192.0.2.1","secret":"fifteen octets."}`:                                                     "secret weak",
		`{"address":"192.0.2.1",` + long + `,"previous_secret":"old","coa":{"secret":"short"}}`:                  "previous_secret weak, coa.secret weak",
		`{"address":"10.0.0.0/8",` + long + `}`:                                                                  "",
		`{"address":"10.0.0.0/7",` + long + `}`:                                                                  "address wide",
		`{"address":"2001:db8::/32",` + long + `}`:                                                               "",
		`{"address":"2000::/31",` + long + `}`:                                                                   "address wide",
		`{"address":"192.0.2.1","require_message_authenticator":"off",` + long + `}`:                             "require_message_authenticator weak",
		`{"address":"192.0.2.1","protocols":["tacacs"],"require_message_authenticator":"off",` + long + `}`:      "",
		`{"address":"192.0.2.1","protocols":["radius"],"quirks":["short-body"],"reply_within":900,` + long + `}`: "quirks unused, reply_within unused",
		`{"address":"192.0.2.1","protocols":["tacacs"],"coa":{"enabled":true},` + long + `}`:                     "coa unused",
		`{"address":"192.0.2.1","warn_after":"2027-01-31T12:00:00Z",` + long + `}`:                               "warn_after unused",
		`{"certificate":{"san":"switch.example.net"}}`:                                                           "",
	} {
		p, err := prepareClient(t, doc, nil)
		if err != nil {
			t.Errorf("%s: %v", doc, err)
			continue
		}
		var got []string
		for _, w := range p.Warnings {
			got = append(got, w.Path+" "+w.Rule)
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s: %s, want %s", doc, s, want)
		}
	}
}

// TestClientCertificate: certificates that are written in two ways and are one have one key.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		`{"san":"AP.Example.NET."}`:                                       "san:ap.example.net",
		`{"san":"2001:DB8:0::1"}`:                                         "san:2001:db8::1",
		`{"san":"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}`:         "san:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
		`{"issuer":"CN=Devices CA,O=Ex\\, Inc+OU=a","serial":"00:0A:bC"}`: "serial:abc:CN=Devices CA,O=Ex\\, Inc+OU=a",
	} {
		p, err := prepareClient(t, `{"certificate":`+doc+`}`, nil)
		if err != nil || p.Certificate != want || p.Network.IsValid() {
			t.Errorf("%s: %+v, %v", doc, p, err)
		}
	}
}
