package tacacs

import (
	"context"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/ingress"
	"aaa-api/internal/tacacs"
)

// maxCandidates bounds the clients of one address whose secrets are tried.
const maxCandidates = 8

// candidates returns the clients that may have sent a packet: over TLS that of the certificate, since nobody has shown the secret of another.
func (s *Server) candidates(p *ingress.Packet) []*clients.Client {
	if p.Listener != ingress.TACACSTLS {
		list := s.o.Clients.ByAddress(aaa.ClientTACACS, p.From.Addr().Unmap())
		return list[:min(len(list), maxCandidates)]
	}
	if p.Peer == nil {
		return nil
	}
	peer := *p.Peer
	peer.From = p.From.Addr()
	if c := s.o.Clients.ByPeer(aaa.ClientTACACS, &peer); c != nil {
		return []*clients.Client{c}
	}
	return nil
}

// choose finds the client and the secret of a session's first packet: those under which lengths add up (RFC 8907 §4.5 has no other proof) and
// numbers are the protocol's. Lengths alone add up by chance under any secret, once in some 400 packets that are made for it; an answer
// would show octets that a stranger can try secrets on. body is nil where none fits.
func (x *exchange) choose(ctx context.Context, candidates []*clients.Client) (body tacacs.Request, err error) {
	fits := func(c *clients.Client, secret aaa.Secret, previous bool) bool {
		octets := slices.Clone(x.packet.Octets[tacacs.HeaderLen:])
		tacacs.Obfuscate(octets, x.header, secret.Reveal())
		b, err := decode(octets, x.header, quirksOf(c))
		if err != nil || x.header.Flags&tacacs.FlagUnencrypted == 0 && !sensible(b) {
			return false
		}
		body, x.client, x.secret = b, c, secret
		x.previous = previous
		return true
	}
	for _, c := range candidates {
		if x.header.Flags&tacacs.FlagUnencrypted != 0 {
			fits(c, aaa.Secret{}, false)
			break
		}
		secrets, err := x.server.o.Clients.Secret(ctx, c)
		if err != nil {
			if len(candidates) == 1 {
				return nil, err
			}
			continue
		}
		if !secrets.Current.IsZero() && fits(c, secrets.Current, false) {
			break
		}
		if !secrets.Previous.IsZero() && fits(c, secrets.Previous, true) {
			break
		}
	}
	if body != nil {
		x.server.o.Clients.Seen(x.client, x.previous)
	}
	return body, nil
}

// sensible reports whether a body's numbers are those of the protocol. A body revealed under another secret seldom has them.
func sensible(b tacacs.Request) bool {
	identity := func(i *tacacs.Identity) bool {
		return i.PrivLvl <= tacacs.PrivMax && i.AuthenType <= tacacs.AuthenMSCHAPv2 && i.AuthenService <= tacacs.ServiceFWProxy &&
			i.AuthenMethod <= tacacs.MethodRCMD
	}
	switch b := b.(type) {
	case *tacacs.AuthenStart:
		return b.PrivLvl <= tacacs.PrivMax && b.Action >= tacacs.ActionLogin && b.Action <= tacacs.ActionSendAuth &&
			b.Method >= tacacs.AuthenASCII && b.Method <= tacacs.AuthenMSCHAPv2 && b.Service <= tacacs.ServiceFWProxy
	case *tacacs.AuthenContinue:
		return b.Flags <= tacacs.ContinueAbort
	case *tacacs.AuthorRequest:
		return identity(&b.Identity)
	case *tacacs.AcctRequest:
		return identity(&b.Identity) && b.Flags&^(tacacs.AcctStart|tacacs.AcctStop|tacacs.AcctWatchdog) == 0
	}
	return false
}
