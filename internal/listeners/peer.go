package listeners

import (
	"crypto/tls"
	"io"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/ingress"
)

// PeerOf names the peer of a connection whose handshake is complete; nil: it showed no certificate that was verified. Names that are too long
// or no lines are left out, so that no client can have them.
func PeerOf(cs tls.ConnectionState) *ingress.Peer {
	if len(cs.VerifiedChains) == 0 {
		return nil
	}
	leaf := cs.VerifiedChains[0][0]
	p := &ingress.Peer{Issuer: leaf.Issuer.String()}
	if len(p.Issuer) > ingress.MaxIssuer || !aaa.IsLine(p.Issuer) {
		p.Issuer = ""
	}
	if n := leaf.SerialNumber; n != nil && n.Sign() > 0 {
		if p.Serial = n.Text(16); len(p.Serial) > ingress.MaxSerial {
			p.Serial = ""
		}
	}
	add := func(name string) {
		if name != "" && len(name) <= ingress.MaxSAN && len(p.SANs) < ingress.MaxSANs && aaa.IsLine(name) {
			p.SANs = append(p.SANs, name)
		}
	}
	for _, name := range leaf.DNSNames {
		add(name)
	}
	for _, ip := range leaf.IPAddresses {
		add(ip.String())
	}
	for _, uri := range leaf.URIs {
		add(uri.String())
	}
	return p
}

// Expiry is when the certificates end that verify the peer: those of the chain that lasts longest. It is zero without a verified chain.
func Expiry(cs tls.ConnectionState) (end time.Time) {
	for _, chain := range cs.VerifiedChains {
		first := chain[0].NotAfter
		for _, certificate := range chain[1:] {
			if certificate.NotAfter.Before(first) {
				first = certificate.NotAfter
			}
		}
		if first.After(end) {
			end = first
		}
	}
	return end
}

// CloseAtExpiry closes a connection when the peer's certificate ends. Call stop when the connection ends before.
func CloseAtExpiry(c io.Closer, cs tls.ConnectionState) (stop func()) {
	end := Expiry(cs)
	if end.IsZero() {
		return func() {}
	}
	timer := time.AfterFunc(time.Until(end), func() { _ = c.Close() })
	return func() { timer.Stop() }
}
