package document

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// keyPair makes a certificate and its key, in PEM within JSON strings.
func keyPair(t testing.TB) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, b []byte) string {
		quoted, _ := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})))
		return string(quoted)
	}
	return text("CERTIFICATE", cert), text("EC PRIVATE KEY", der)
}

func TestPrepareTransport(t *testing.T) {
	t.Parallel()
	cert, key := keyPair(t)
	for name, c := range map[string]struct {
		server string
		want   []string
	}{
		"over TCP":                       {`{"aaa_engine":"tacacs","port":49,"previous_secret":"old","single_connect":"no","connections":8,"transport":"tcp"}`, nil},
		"over TLS":                       {`{"aaa_engine":"tacacs","transport":"tls","secret":null,"tls":{"ca":` + cert + `,"certificate":` + cert + `,"key":` + key + `,"server_name":"t.example"}}`, nil},
		"TLS, host trust":                {`{"aaa_engine":"tacacs","transport":"tls","secret":null}`, nil},
		"no secret":                      {`{"aaa_engine":"tacacs","secret":null}`, []string{"servers.0.secret required"}},
		"bounds":                         {`{"aaa_engine":"tacacs","transport":"sctp","single_connect":"yes","connections":9,"previous_secret":""}`, []string{"servers.0.connections maximum", "servers.0.previous_secret minLength", "servers.0.single_connect enum", "servers.0.transport enum"}},
		"RADIUS":                         {`{"previous_secret":"x"}`, nil},
		"Diameter":                       {`{"aaa_engine":"diameter","previous_secret":"x"}`, []string{"servers.0.previous_secret engine"}},
		"RADIUS over TLS":                {`{"transport":"tls","port":2083,"secret":null,"connections":8,"tls":{"ca":` + cert + `,"certificate":` + cert + `,"key":` + key + `,"server_name":"r.example"}}`, nil},
		"RADIUS over TLS, with a secret": {`{"transport":"tls"}`, nil},
		"RADIUS over UDP":                {`{"transport":"udp"}`, nil},
		"RADIUS, no secret":              {`{"transport":"udp","secret":null}`, []string{"servers.0.secret required"}},
		"RADIUS over TCP":                {`{"transport":"tcp"}`, []string{"servers.0.transport enum"}},
		"TACACS+ over UDP":               {`{"aaa_engine":"tacacs","transport":"udp"}`, []string{"servers.0.transport enum"}},
		"TLS members on UDP":             {`{"tls":{"server_name":"x"},"connections":1}`, []string{"servers.0.tls transport", "servers.0.connections transport"}},
		"RADIUS with members of TACACS+": {`{"transport":"tls","single_connect":"no"}`, []string{"servers.0.single_connect engine"}},
		"Diameter over TLS":              {`{"aaa_engine":"diameter","transport":"tls","tls":{"server_name":"x"}}`, []string{"servers.0.transport engine", "servers.0.tls engine"}},
		"TLS members on TCP": {
			`{"aaa_engine":"tacacs","tls":{"server_name":"x"}}`, []string{"servers.0.tls transport"},
		},
		"not PEM": {`{"aaa_engine":"tacacs","transport":"tls","tls":{"ca":"x","certificate":` + key + `,"key":` + cert + `}}`, []string{"servers.0.tls.ca pem", "servers.0.tls.certificate pem", "servers.0.tls.key pem"}},
		"half a pair": {
			`{"aaa_engine":"tacacs","transport":"tls","tls":{"certificate":` + cert + `}}`, []string{"servers.0.tls.key required"},
		},
		"the other half": {
			`{"aaa_engine":"tacacs","transport":"tls","tls":{"key":` + key + `}}`, []string{"servers.0.tls.certificate required"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := newPreparer(t).Prepare(t.Context(), account, patched(t, "{"+servers(c.server)+"}"), nil)
			if c.want != nil {
				if diff := cmp.Diff(c.want, faultsOf(t, err)); diff != "" {
					t.Errorf("faults (-want +got):\n%s", diff)
				}
				if strings.Contains(err.Error(), "PRIVATE") {
					t.Error("the fault shows a key")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Decode(t.Context(), account, got.Body, vault{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTACACSSecrets are sealed, masked, and kept by a mask.
func TestTACACSSecrets(t *testing.T) {
	t.Parallel()
	cert, key := keyPair(t)
	stored, err := newPreparer(t).Prepare(t.Context(), account, patched(t, "{"+servers(
		`{"aaa_engine":"tacacs","transport":"tls","previous_secret":"hush-old","tls":{"certificate":`+cert+`,"key":`+key+`}}`)+"}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := Mask(stored.Body)
	if err != nil {
		t.Fatal(err)
	}
	for what, body := range map[string]string{"stored": string(stored.Body), "shown": string(shown)} {
		if strings.Contains(body, "hush") || strings.Contains(body, "PRIVATE") {
			t.Errorf("%s: %s", what, body)
		}
	}
	again, err := newPreparer(t).Prepare(t.Context(), account, shown, stored.Body)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Decode(t.Context(), account, again.Body, vault{})
	if err != nil {
		t.Fatal(err)
	}
	var want string
	if err := json.Unmarshal([]byte(key), &want); err != nil {
		t.Fatal(err)
	}
	if s := d.Servers[0]; s.TLS.Key.Reveal() != want || s.PreviousSecret.Reveal() != "hush-old" || s.AVP != "" {
		t.Errorf("%+v", s)
	}
}
