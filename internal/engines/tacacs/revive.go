package tacacs

import (
	"context"

	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// succeeded reports an answer to the server's health.
func (c *client) succeeded() { c.health.Succeeded(c.means) }

// failing reports a missing answer to the server's health.
func (c *client) failing() { c.health.Failed(c.means) }

// means returns how a dead server is found to be back. The protocol has no request for its status, so that
// it is probed only with a test user.
func (c *client) means() engines.Means {
	opts := &c.engine.opts
	m := engines.Means{
		Engine: Name, Account: c.account, Server: c.name, Logger: opts.Logger,
		ProbeInterval: opts.ProbeInterval, ReviveAfter: opts.ReviveAfter, Answers: opts.Answers,
	}
	if c.tester != nil && c.manager != nil {
		m.Probe = c.ask
	}
	return m
}

// ask logs the test user in. A FAIL is as good an answer as a PASS.
func (c *client) ask(ctx context.Context) error {
	var r tacacs.AuthenReply
	s := c.manager.Session()
	defer s.Close()
	switch err := s.Exchange(ctx, c.tester, &r); {
	case err != nil:
		return c.failed(err, s.Sent())
	case r.Status == tacacs.AuthenError:
		return c.unable(s.Sent(), r.ServerMsg, r.Data, c.tester.Data)
	}
	c.succeeded()
	return nil
}
