package radius

import (
	"aaa-api/internal/engines"
	"aaa-api/internal/radius"
)

// With require_message_authenticator auto a client learns which replies its server signs. It learns by kind, since there
// are proxies that sign the rejects which they make themselves and nothing else, and servers that sign what answers
// EAP; and from several replies, since behind one proxy there may be servers of either sort. A kind of which one came
// unsigned is never asked for. Nor are rejects: a forged one lets nobody in, and those of a proxy itself may be all that
// came so far, so that the first mistyped password would be met with silence.

const (
	learnFrom = 5   // signed replies of a kind, and no other, after which it must be signed
	mixed     = 255 // of a kind of which one came unsigned
)

// A kind is the code of a reply, apart for requests with an EAP-Message and for Status-Server.
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

// kindOf is the kind of a reply to what a slot holds, -1 of one that has no Message-Authenticator to ask for.
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

// lesson takes note of a reply that verified.
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
		return // nothing to learn: a busy server's answers take no lock
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

// complain tells the log why a reply is discarded.
func (c *client) complain(code byte, why error) {
	c.engine.opts.Logger.Warn("a reply is discarded",
		"engine", Name, "account", string(c.account), "server", c.name, "code", int(code), "reason", why.Error())
}
