package radius

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/radius"
)

// tester is the user in the Access-Request that probes a server.
type tester struct {
	name     string
	password aaa.Secret
}

// succeeded reports an answer to the server's health.
func (c *client) succeeded() { c.health.Succeeded(c.means) }

// failing reports a missing answer to the server's health.
func (c *client) failing() { c.health.Failed(c.means) }

// means is how the recovery of the server is noticed.
func (c *client) means() engines.Means {
	opts := &c.engine.opts
	m := engines.Means{
		Engine: Name, Account: c.account, Server: c.name, Logger: opts.Logger,
		ProbeInterval: opts.ProbeInterval, ReviveAfter: opts.ReviveAfter, Answers: opts.Answers,
	}
	if !c.unasked {
		m.Probe = c.ask
	}
	return m
}

// ask sends one probe: a Status-Server (RFC 5997), or an Access-Request of the test user, whose Reject is as good as an Accept.
// Silence of a server that has never answered a Status-Server proves nothing: it may not know that code.
func (c *client) ask(ctx context.Context) error {
	p := c.engine.pendings.Get().(*pending)
	defer c.finish(p)
	p.key = c.inForce()
	var err error
	if c.tester != nil {
		p.req = &engines.Request{AVPs: []aaa.AVP{
			{Attr: probeUserName, Value: []byte(c.tester.name)},
			{Attr: probePassword, Value: []byte(c.tester.password.Reveal())},
		}}
		err = p.build(p.req, p.key, time.Now())
	} else {
		err = p.status(p.key)
	}
	if err != nil {
		return err
	}
	retries := 0
	if c.previous != nil { // each secret has its attempt: the server may have got the other one while it was dead
		retries = 1
	}
	_, blame, err := c.exchange(ctx, p, c.timeout, retries)
	status := c.tester == nil
	var f *engines.Failure
	switch {
	case err == nil:
		if status {
			c.status.Store(true)
		}
		c.succeeded()
	case ctx.Err() != nil: // the probe is no longer wanted
	case status && !c.status.Load() && errors.As(err, &f) && f.Reason != engines.Unreachable:
		if len(p.held) > 0 { // another of the name's addresses may know such requests
			c.leave(p.held[0].lane.remote.addr.Addr())
		}
		return fmt.Errorf("%w: %w", engines.ErrDeaf, err)
	case blame:
		c.unanswered(p)
	}
	return err
}

// What a probe of a test user is made of.
var (
	probeUserName = &aaa.Attribute{Name: "User-Name", Number: radius.AttrUserName, Type: aaa.TypeString, Wire: true}
	probePassword = &aaa.Attribute{
		Name: "User-Password", Number: radius.AttrUserPassword, Type: aaa.TypeString,
		Enc: aaa.EncUser, Hidden: true, Wire: true,
	}
)
