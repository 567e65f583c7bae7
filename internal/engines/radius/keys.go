package radius

import "aaa-api/internal/radius"

// A server whose secret is being changed has one of two. A request goes out under the one that the server's latest answer
// was under. After silence it goes out again under the other, as a new request: what it hides is hidden under the secret
// that it is signed with. Only a reply that verifies tells which of them the server has, so that nobody without either of
// them changes where requests begin.

// inForce is the secret that requests begin with.
func (c *client) inForce() *radius.Key {
	if k := c.proven.Load(); k != nil {
		return k
	}
	return c.key
}

// other is the secret that is not k, nil where there is only one.
func (c *client) other(k *radius.Key) *radius.Key {
	if k == c.key {
		return c.previous
	}
	return c.key
}

// nextKey is the secret of a request's next packet, after a time of silence or because the packet is to go out again.
func (c *client) nextKey(p *pending, silence bool) *radius.Key {
	if c.previous == nil {
		return p.key
	}
	if k := c.inForce(); k != p.key || !silence {
		return k
	}
	return c.other(p.key)
}

// prove takes note that the server has a secret. It reports whether that is another one than was known: what is out
// under the other one should go out again.
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

// provenElsewhere reports whether a reply that does not verify under its request's secret does under the other one: so
// answers a server that does not check what requests are signed with. The reply is to a request that the server could
// not read, and counts for nothing more.
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
