package tacacs

import (
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/enginetest"
)

// TestEngineOverTLS: certificates in PEM, as documents hold them.
func TestEngineOverTLS(t *testing.T) {
	t.Parallel()
	server, config := enginetest.MutualTLS(t)
	p := startPeer(t, &peer{TLS: server, Quiet: true}, enginetest.TACACSGood)
	members := enginetest.Members(t, p.TLS, config)
	c := open(t, p, EngineOptions{}, func(s *aaa.Server) {
		s.Secret, s.Transport = aaa.Secret{}, "tls"
		s.TLS = members
	})
	if r := ask(t, c, aaa.Authn, "user=bob", "password=password"); r.Outcome != aaa.Accept {
		t.Errorf("%+v", r)
	}
	stranger := open(t, p, EngineOptions{}, func(s *aaa.Server) {
		s.Secret, s.Transport = aaa.Secret{}, "tls"
		s.TLS = aaa.ServerTLS{CA: members.CA, ServerName: "127.0.0.1"}
	})
	if _, err := stranger.Exchange(t.Context(), request(t, aaa.Authn, "user=bob", "password=password")); err == nil {
		t.Error("let in without a certificate")
	}
}
