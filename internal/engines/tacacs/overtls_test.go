package tacacs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/enginetest"
)

// TestEngineOverTLS: certificates in PEM, as documents hold them.
func TestEngineOverTLS(t *testing.T) {
	t.Parallel()
	server, config := enginetest.MutualTLS(t)
	p := startPeer(t, &peer{TLS: server, Quiet: true}, enginetest.TACACSGood)
	ca, cert, key := pemOf(t, p.TLS, config)
	c := open(t, p, EngineOptions{}, func(s *aaa.Server) {
		s.Secret, s.Transport = aaa.Secret{}, "tls"
		s.TLS = aaa.ServerTLS{CA: ca, Certificate: cert, Key: aaa.NewSecret(key), ServerName: "127.0.0.1"}
	})
	if r := ask(t, c, aaa.Authn, "user=bob", "password=password"); r.Outcome != aaa.Accept {
		t.Errorf("%+v", r)
	}
	stranger := open(t, p, EngineOptions{}, func(s *aaa.Server) {
		s.Secret, s.Transport = aaa.Secret{}, "tls"
		s.TLS = aaa.ServerTLS{CA: ca, ServerName: "127.0.0.1"}
	})
	if _, err := stranger.Exchange(t.Context(), request(t, aaa.Authn, "user=bob", "password=password")); err == nil {
		t.Error("let in without a certificate")
	}
}

// pemOf writes a client's configuration as documents hold it.
func pemOf(t testing.TB, server, config *tls.Config) (ca, cert, key string) {
	t.Helper()
	own := config.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return block("CERTIFICATE", server.Certificates[0].Certificate[0]), block("CERTIFICATE", own.Certificate[0]), block("PRIVATE KEY", der)
}
