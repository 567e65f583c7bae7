package radius

import (
	"context"
	"errors"

	"golang.org/x/time/rate"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/ingress"
	"aaa-api/internal/radius"
)

// maxCandidates bounds the clients whose secrets a packet is tried under.
const maxCandidates = 8

// How many Status-Servers of a client are answered: a second, and at once.
const (
	statusRate  = 10
	statusBurst = 20
)

// keys are the keys of a client, kept in its slot.
type keys struct {
	current, previous *radius.Key // nil: none
	status            *rate.Limiter
}

// proof is the client that a packet is of, and the secret that says so.
type proof struct {
	client   *clients.Client
	keys     *keys
	key      *radius.Key // nil with v11
	previous bool
	v11      bool // of RADIUS/1.1, which hides and signs nothing (RFC 9765)
}

// keysOf makes a client's keys once.
func (s *Server) keysOf(ctx context.Context, c *clients.Client) (*keys, error) {
	if slot := c.Keys.Load(); slot != nil {
		if k, ok := (*slot).(*keys); ok {
			return k, nil
		}
	}
	secrets, err := s.Clients.Secret(ctx, c)
	if err != nil {
		return nil, err
	}
	k := &keys{current: keyOfSecret(secrets.Current), previous: keyOfSecret(secrets.Previous), status: rate.NewLimiter(statusRate, statusBurst)}
	var slot any = k
	c.Keys.Store(&slot)
	return k, nil
}

func keyOfSecret(s aaa.Secret) *radius.Key {
	if s.IsZero() {
		return nil // an empty secret proves nothing
	}
	return radius.NewKey([]byte(s.Reveal()))
}

// radsecKey is that of every RADIUS/TLS connection whose client has no other secret.
var radsecKey = radius.NewKey([]byte(radius.TLSSecret))

// prove finds the client and the secret that a packet verifies under. why is served if there are such. An error is that of secrets which
// can't be had now, if no other secret proves the packet.
//
// An Access-Request without a Message-Authenticator proves nothing. It is taken for the client's that may send such ones, if it is the
// only one that has the address: to try which secret makes sense of a password would be to guess.
func (s *Server) prove(ctx context.Context, known []*clients.Client, p *ingress.Packet, packet radius.Packet) (by proof, why reason, err error) {
	overTLS := p.Listener == ingress.RADIUSTLS
	why = badSecret
	for _, c := range known[:min(len(known), maxCandidates)] {
		k, failed := s.keysOf(ctx, c)
		if failed != nil {
			err = failed
			continue
		}
		if p.V11 {
			return proof{client: c, keys: k, v11: true}, served, nil // its certificate proves it
		}
		current := k.current
		if current == nil && overTLS {
			current = radsecKey
		}
		need := needsMAC(c.Document, overTLS, packet)
		for _, key := range [2]*radius.Key{current, k.previous} {
			if key == nil {
				continue
			}
			signed, unproven := key.VerifyRequest(packet, need)
			switch {
			case unproven != nil:
				why = worse(why, reasonOf(unproven))
			case !signed && packet.Code() == radius.AccessRequest && len(known) > 1:
				return by, ambiguous, nil
			default:
				return proof{client: c, keys: k, key: key, previous: key == k.previous}, served, nil
			}
		}
	}
	return by, why, err
}

// needsMAC reports whether a client's Access-Request must have a Message-Authenticator. TLS proves what it would, so a client that does not
// say otherwise needs none there.
func needsMAC(c *aaa.Client, overTLS bool, packet radius.Packet) bool {
	switch c.RequireMessageAuthenticator {
	case aaa.MACOff:
		return false
	case aaa.MACWithProxyState:
		_, has := packet.Value(radius.AttrProxyState)
		return has
	case aaa.MACRequired:
		return true
	default:
		return !overTLS
	}
}

func reasonOf(err error) reason {
	if errors.Is(err, radius.ErrNoMAC) || errors.Is(err, radius.ErrNoMACWithEAP) {
		return noMAC
	}
	return badSecret
}

// worse returns the reason to report of two: a missing Message-Authenticator tells more than a secret that is wrong.
func worse(a, b reason) reason {
	if a == noMAC {
		return a
	}
	return b
}
