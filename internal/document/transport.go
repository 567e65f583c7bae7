package document

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
)

// transport checks how a server is reached. A member that the server's protocol or transport does not have is a fault: nobody is
// to believe that a server is encrypted which is not.
func (c *check) transport(at string, s *aaa.Server) {
	for _, m := range []struct {
		name  string
		given bool
		tls   bool // with transport tls alone
	}{
		{"transport", s.Transport != "", false},
		{"tls", s.TLS != aaa.ServerTLS{}, true},
		{"single_connect", s.SingleConnect != "", false},
		{"connections", s.Connections != 0, c.overUDP(s)},
		{"previous_secret", !s.PreviousSecret.IsZero(), false},
	} {
		if !m.given {
			continue
		}
		switch takers := c.prepare.engines.Taking(m.name); {
		case !slices.Contains(takers, s.Engine):
			c.fault(at+"."+m.name, "engine", "is for aaa_engine "+strings.Join(takers, " and ")+" alone, and the server's is "+s.Engine, nil)
		case m.tls && s.Transport != "tls":
			c.fault(at+"."+m.name, "transport", "needs transport tls", nil)
		}
	}
	if all := c.prepare.engines.Transports(s.Engine); s.Transport != "" && len(all) > 0 && !slices.Contains(all, s.Transport) {
		c.fault(at+".transport", "enum", "must be "+strings.Join(all, " or ")+" for aaa_engine "+s.Engine, all)
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
	// A key that stays as it is stands as the mask. Whether it fits its certificate is for the engine to find.
	if key := s.TLS.Key.Reveal(); key != "" && key != aaa.Mask && !privateKey(key) {
		c.fault(at+".tls.key", "pem", "must be an unencrypted private key in PEM", nil)
	}
}

// overUDP reports whether a server's protocol goes over UDP unless transport says otherwise.
func (c *check) overUDP(s *aaa.Server) bool {
	all := c.prepare.engines.Transports(s.Engine)
	return len(all) > 0 && all[0] == "udp"
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
