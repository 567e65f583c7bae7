package radius

import "aaa-api/internal/radius"

// While its secret is being changed, a server has one of two. A request goes out under the secret of the server's latest answer.
// After silence it goes out again under the other one, as a new request, since values are hidden under the secret that signs the
// packet. Only a verified reply shows which secret the server has, so an attacker without one can't switch it.

// inForce is the secret of a request's first packet.
func (c *client) inForce() *radius.Key {
	if k := c.proven.Load(); k != nil {
		return k
	}
	return c.key
}

// other is the secret that is not k. It is nil if there is only one.
func (c *client) other(k *radius.Key) *radius.Key {
	if k == c.key {
		return c.previous
	}
	return c.key
}

// nextKey is the secret of a request's next packet. silence says that the packet before had no answer.
func (c *client) nextKey(p *pending, silence bool) *radius.Key {
	if c.previous == nil {
		return p.key
	}
	if k := c.inForce(); k != p.key || !silence {
		return k
	}
	return c.other(p.key)
}

// prove records that the server has the secret k. It reports whether that is news: requests that are out under the other secret
// should then be sent again.
func (c *client) prove(k *radius.Key) bool {
	if c.previous == nil || c.inForce() == k {
		return false
	}
	c.proven.Store(k)
	which := "secret"
	if k == c.previous {
		which = "previous_secret"
	}
	c.engine.opts.Logger.Info("the server answers under another secret than before",
		"engine", Name, "account", string(c.account), "server", c.name, "secret", which)
	return true
}

// provenElsewhere returns the other secret if a reply verifies under it and not under its request's, else nil. That is the reply
// of a server that does not check signatures and could not read the request, so it shows the secret and nothing else.
func (c *client) provenElsewhere(b radius.Packet, at *slot) *radius.Key {
	k := c.other(at.key)
	if k == nil {
		return nil
	}
	if _, err := k.VerifyReply(b, at.code, &at.auth, false); err != nil {
		return nil
	}
	return k
}
