package tacacs

import (
	"crypto/tls"

	"aaa-api/internal/ingress"
)

// peerOf tells whom a connection's verified certificate names; nil: it has none.
func peerOf(state *tls.ConnectionState) *ingress.Peer {
	if len(state.PeerCertificates) == 0 {
		return nil
	}
	cert := state.PeerCertificates[0]
	p := &ingress.Peer{Issuer: cert.Issuer.String(), Serial: cert.SerialNumber.Text(16)}
	p.SANs = append(p.SANs, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		p.SANs = append(p.SANs, ip.String())
	}
	for _, uri := range cert.URIs {
		p.SANs = append(p.SANs, uri.String())
	}
	return p
}
