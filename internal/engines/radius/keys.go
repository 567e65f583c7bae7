package radius

import (
	"crypto/hmac"
	"crypto/md5"
	"hash"
	"sync"
)

// key is a shared secret, with the states that compute HMAC-MD5 under it. They are used again.
type key struct {
	pool   sync.Pool
	secret []byte
}

type mac struct {
	hash.Hash
	out [md5.Size]byte // here, since what a Hash writes to is on the heap
}

var zeros [md5.Size]byte

// packet is the Message-Authenticator of a packet whose attribute's value is at an offset: as if zeros
// were there (RFC 2869 §5.14).
func (k *key) packet(b []byte, at int) [md5.Size]byte {
	h, _ := k.pool.Get().(*mac)
	if h == nil {
		h = &mac{Hash: hmac.New(md5.New, k.secret)}
	}
	h.Reset()
	h.Write(b[:at])
	h.Write(zeros[:])
	h.Write(b[at+md5.Size:])
	h.Sum(h.out[:0])
	out := h.out
	k.pool.Put(h)
	return out
}

// A server whose secret is being changed has one of two. A request goes out under the one that the server's latest answer
// was under. After silence it goes out again under the other, as a new request: what it hides is hidden under the secret
// that it is signed with. Only a reply that verifies tells which of them the server has, so that nobody without either of
// them changes where requests begin.

// inForce is the secret that requests begin with.
func (c *client) inForce() *key {
	if k := c.proven.Load(); k != nil {
		return k
	}
	return c.key
}

// other is the secret that is not k, nil where there is only one.
func (c *client) other(k *key) *key {
	if k == c.key {
		return c.previous
	}
	return c.key
}

// nextKey is the secret of a request's next packet, after a time of silence or because the packet is to go out again.
func (c *client) nextKey(p *pending, silence bool) *key {
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
func (c *client) prove(k *key) bool {
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
func (c *client) provenElsewhere(b []byte, at *slot) *key {
	k := c.other(at.key)
	if k == nil {
		return nil
	}
	if _, err := verify(b, at.code, &at.auth, k.secret, k, false); err != nil {
		return nil
	}
	return k
}
