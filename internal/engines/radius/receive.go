package radius

import (
	"errors"
	"net/netip"

	"aaa-api/internal/radius"
)

// reply hands a datagram to the request that it answers. It drops what does not verify.
func (s *socket) reply(from netip.AddrPort, b []byte) {
	r, ok := s.engine.remotes.Load(from)
	if !ok || len(b) < 2 {
		return // from a stranger, or empty: balancers send an empty datagram for a dead server
	}
	r.mu.Lock()
	l := r.on(s)
	if l == nil {
		r.mu.Unlock()
		return
	}
	var at slot
	if now := l.slots.get(b[1]); now != nil {
		at = *now
	}
	r.mu.Unlock()
	if at.pending == nil {
		return // late, a duplicate, or not asked for
	}
	c := at.client
	kind := kindOf(&at, radius.Code(b[0]))
	hasMA := false
	packet, err := radius.Parse(b)
	if err == nil {
		hasMA, err = at.key.VerifyReply(packet, at.code, &at.auth, c.demands(kind))
	}
	var proven *radius.Key
	switch {
	case err == nil:
		packet, proven = packet.Clone(), at.key
		if packet.HasEAP() && !at.eap { // its Message-Authenticator says nothing of other replies
			kind = -1
		}
	case errors.Is(err, radius.ErrAuthenticator):
		if proven = c.provenElsewhere(packet, &at); proven != nil {
			err = errOtherKey
			break
		}
		fallthrough
	default:
		err = unfitReply(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now, p := l.slots.get(b[1]), at.pending
	if now == nil || now.pending != p || now.auth != at.auth {
		return // the request has ended in the meantime
	}
	if err != nil {
		why := err // on the heap in this rare case alone
		p.dropped.Store(&why)
		c.complain(b[0], err)
	} else if p.claim() {
		p.reply, p.asked, p.used = packet, at.auth, at.key
		c.lesson(kind, hasMA)
		l.heard++
		r.heard = true
		l.silent = false
		if !l.answers.Load() {
			l.answers.Store(true)
		}
		p.wake()
	}
	if proven != nil && c.prove(proven) {
		r.hasten(c, proven)
	}
}

// hasten sends again at once what the Client has out under another secret. r.mu is held.
func (r *remote) hasten(c *client, k *radius.Key) {
	for _, l := range r.lanes {
		for _, at := range l.slots.list {
			if p := at.pending; p != nil && at.client == c && at.key != k && !p.ended.Load() {
				p.hasten()
			}
		}
	}
}
