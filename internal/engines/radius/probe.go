package radius

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// succeeded tells the server's health of an answer.
func (c *client) succeeded() {
	before := c.health.State()
	if before == engines.Alive {
		return
	}
	if after := c.health.Success(); after != before {
		c.tell(after)
	}
}

// failing tells the server's health of a missing answer, and starts the prober
// when that is the first.
func (c *client) failing() {
	before := c.health.State()
	after := c.health.Failure()
	if after != before {
		c.tell(after)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop == nil && !c.retired {
		ctx, stop := context.WithCancel(context.Background())
		c.stop = stop
		go c.probe(ctx)
	}
}

func (c *client) tell(s engines.State) {
	c.engine.opts.Logger.Info("server health changed",
		"engine", Name, "account", string(c.account), "server", c.name, "state", s.String())
}

// probe asks a server that is not alive whether it is back, until it is or the
// Client is retired.
func (c *client) probe(ctx context.Context) {
	wait := c.engine.opts.ProbeInterval
	if c.check == checkTime {
		wait = c.engine.opts.ReviveAfter
	}
	timer := time.NewTimer(jitter(wait))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if c.check == checkTime {
			c.revive()
		} else {
			c.ask(ctx)
		}
		if c.recovered() {
			return
		}
		timer.Reset(jitter(wait))
	}
}

// recovered ends the prober's term when the server is alive. A failure that comes
// later finds no prober and starts one.
func (c *client) recovered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.health.State() != engines.Alive {
		return false
	}
	if c.stop != nil {
		c.stop()
		c.stop = nil
	}
	return true
}

func (c *client) revive() {
	before := c.health.State()
	c.health.Revive()
	if after := c.health.State(); after != before {
		c.tell(after)
	}
}

// ask sends one probe: a Status-Server (RFC 5997), or an Access-Request of the test
// user, to which a Reject is as good an answer as an Accept. exchange tells the health.
func (c *client) ask(ctx context.Context) {
	p := c.engine.pendings.Get().(*pending)
	defer c.finish(p)
	var err error
	if c.check == checkUser {
		err = p.build(&engines.Request{AVPs: []aaa.AVP{
			{Attr: probeUserName, Value: []byte(c.checkUser)},
			{Attr: probePassword, Value: []byte(c.checkPassword.Reveal())},
		}}, c.secret, time.Now())
	} else {
		err = p.status(c.secret)
	}
	if err == nil {
		_, err = c.exchange(ctx, p, c.timeout, 0)
	}
	if err != nil {
		c.engine.opts.Logger.Debug("no answer to a probe",
			"engine", Name, "account", string(c.account), "server", c.name, "error", err.Error())
	}
}

// What a probe of a test user is made of.
var (
	probeUserName = &aaa.Attribute{Name: "User-Name", Number: attrUserName, Type: aaa.TypeString, Wire: true}
	probePassword = &aaa.Attribute{
		Name: "User-Password", Number: attrUserPassword, Type: aaa.TypeString,
		Enc: aaa.EncUser, Hidden: true, Wire: true,
	}
)
