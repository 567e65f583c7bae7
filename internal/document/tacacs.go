package document

import (
	"crypto/x509"
	"encoding/pem"

	"aaa-api/internal/aaa"
)

// tacacs checks the members that only TACACS+ has. With another protocol they are faults: who
// writes transport tls must not believe that RADIUS over UDP is encrypted.
func (c *check) tacacs(at string, s *aaa.Server) {
	for _, m := range []struct {
		name  string
		given bool
		tls   bool // with transport tls alone
	}{
		{"transport", s.Transport != "", false},
		{"tls", s.TLS != aaa.ServerTLS{}, true},
		{"single_connect", s.SingleConnect != "", false},
		{"connections", s.Connections != 0, false},
	} {
		switch {
		case !m.given:
		case s.Engine != "tacacs":
			c.fault(at+"."+m.name, "engine", "is for aaa_engine tacacs alone, and the server's is "+s.Engine, nil)
		case m.tls && s.Transport != "tls":
			c.fault(at+"."+m.name, "transport", "needs transport tls", nil)
		}
	}
	if s.Engine != "tacacs" && s.Engine != "radius" && !s.PreviousSecret.IsZero() {
		c.fault(at+".previous_secret", "engine", "is for aaa_engine radius and tacacs alone, and the server's is "+s.Engine, nil)
	}
	if s.TLS.CA != "" && !certificates(s.TLS.CA) {
		c.fault(at+".tls.ca", "pem", "must hold certificates in PEM", nil)
	}
	if s.TLS.Certificate != "" && !certificates(s.TLS.Certificate) {
		c.fault(at+".tls.certificate", "pem", "must hold certificates in PEM", nil)
	}
	switch {
	case s.TLS.Certificate != "" && s.TLS.Key.IsZero():
		c.fault(at+".tls.key", "required", "is required with a certificate", nil)
	case s.TLS.Certificate == "" && !s.TLS.Key.IsZero():
		c.fault(at+".tls.certificate", "required", "is required with a key", nil)
	}
	// A key that is kept is sealed: whether it fits is for the engine to find.
	if key := s.TLS.Key.Reveal(); key != "" && key != aaa.Mask && !privateKey(key) {
		c.fault(at+".tls.key", "pem", "must be an unencrypted private key in PEM", nil)
	}
}

// certificates reports whether a text is one or more certificates in PEM.
func certificates(text string) bool {
	rest := []byte(text)
	for n := 0; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return n > 0
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil || block.Type != "CERTIFICATE" {
			return false
		}
	}
}

// privateKey reports whether a text is a private key in PEM, in one of the usual forms.
func privateKey(text string) bool {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return false
	}
	_, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		_, err = x509.ParseECPrivateKey(block.Bytes)
	}
	if err != nil {
		_, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	return err == nil
}
