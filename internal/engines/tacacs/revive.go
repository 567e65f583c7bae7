package tacacs

import (
	"context"

	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// succeeded tells the server's health of an answer.
func (c *client) succeeded() { c.health.Succeeded(c.means) }

// failing tells the server's health of a missing answer.
func (c *client) failing() { c.health.Failed(c.means) }

// means is how the server is found to be back: the protocol has no request for its status, so it
// is asked where there is a test user.
func (c *client) means() engines.Means {
	opts := &c.engine.opts
	m := engines.Means{
		Engine: Name, Account: c.account, Server: c.name, Logger: opts.Logger,
		ProbeInterval: opts.ProbeInterval, ReviveAfter: opts.ReviveAfter,
	}
	if c.tester != nil && c.manager != nil {
		m.Probe = c.ask
	}
	return m
}

// ask logs the test user in, to which a FAIL is as good an answer as a PASS.
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
