package radius

import (
	"aaa-api/internal/engines"
	"aaa-api/internal/radius"
)

// With require_message_authenticator auto, a client learns which replies its server signs, and demands them from then on.
//
//   - It learns each kind of reply apart: some proxies sign only the rejects that they make themselves, and some servers
//     only answers to EAP.
//   - It learns from several replies: servers behind one proxy may differ.
//   - A kind with an unsigned reply is never demanded.
//   - A signed reject is never demanded: a forged one lets nobody in, and the signed ones so far may all come from the proxy
//     itself, so that the server's own rejects would be dropped.

const (
	learnFrom = 5   // signed replies of a kind, and no other, after which it must be signed
	mixed     = 255 // of a kind with an unsigned reply
)

// A kind is a reply's code. Replies to requests with an EAP-Message and to Status-Server are kinds of their own.
const (
	kindAccept = iota
	kindReject
	kindChallenge
	kindsOfEAP // the same of requests with an EAP-Message
	kindStatus = 2 * kindsOfEAP
	numKinds   = kindStatus + 1
)

var kindNames = [numKinds]string{
	"accept", "reject", "challenge", "eap_accept", "eap_reject", "eap_challenge", "status_server",
}

var _ engines.Learner = (*client)(nil)

// kindOf is the kind of a reply to a slot's request, -1 for codes that need no Message-Authenticator.
func kindOf(at *slot, reply radius.Code) int {
	kind := -1
	switch reply {
	case radius.AccessAccept:
		kind = kindAccept
	case radius.AccessReject:
		kind = kindReject
	case radius.AccessChallenge:
		kind = kindChallenge
	}
	switch {
	case kind >= 0 && at.code == radius.StatusServer:
		return kindStatus
	case kind >= 0 && at.eap:
		return kindsOfEAP + kind
	}
	return kind
}

func isReject(kind int) bool { return kind == kindReject || kind == kindsOfEAP+kindReject }

// demands reports whether a reply of a kind must have a Message-Authenticator.
func (c *client) demands(kind int) bool {
	if c.alwaysMA || !c.autoMA || kind < 0 {
		return c.alwaysMA
	}
	return c.signed[kind].Load() == learnFrom
}

// lesson learns from a verified reply.
func (c *client) lesson(kind int, hasMA bool) {
	c.answers.Add(1)
	if c.left.Load() > 0 {
		c.left.Store(0)
	}
	if !c.autoMA || kind < 0 {
		return
	}
	n := &c.signed[kind]
	if known := n.Load(); known == mixed || hasMA && (known == learnFrom || known > 0 && isReject(kind)) {
		return // nothing new, so a busy server's answers take no lock
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch known := n.Load(); {
	case known == mixed:
	case !hasMA:
		n.Store(mixed)
	case isReject(kind):
		n.Store(1)
	case known < learnFrom:
		if n.Add(1) == learnFrom {
			c.engine.opts.Logger.Info("replies of a kind must have a Message-Authenticator from now on",
				"engine", Name, "account", string(c.account), "server", c.name, "kind", kindNames[kind])
		}
	}
}

// Learnt implements engines.Learner.
func (c *client) Learnt() map[string]string {
	var all map[string]string
	for kind := range c.signed {
		n := c.signed[kind].Load()
		if n == 0 {
			continue
		}
		if all == nil {
			all = make(map[string]string)
		}
		switch n {
		case mixed:
			all[kindNames[kind]] = engines.NotSigned
		case learnFrom:
			all[kindNames[kind]] = engines.MustBeSigned
		default:
			all[kindNames[kind]] = engines.SignedSoFar
		}
	}
	return all
}

// complain logs why a reply is dropped.
func (c *client) complain(code byte, why error) {
	c.engine.opts.Logger.Warn("a reply is discarded",
		"engine", Name, "account", string(c.account), "server", c.name, "code", int(code), "reason", why.Error())
}
