package tacacs

import (
	"context"
	"time"

	"aaa-api/internal/engines"
)

// succeeded tells the server's health of an answer.
func (c *client) succeeded() {
	before := c.health.State()
	if before == engines.Alive {
		return
	}
	after := c.health.Success()
	if after != before {
		c.tell(after)
	}
	if after == engines.Alive {
		c.recovered()
	}
}

// failing tells the server's health of a missing answer, and starts the timer that gives the
// server another chance.
func (c *client) failing() {
	before := c.health.State()
	after := c.health.Failure()
	if after != before {
		c.tell(after)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer == nil && !c.retired {
		c.startTimer()
	}
}

func (c *client) tell(s engines.State) {
	c.engine.opts.Logger.Info("server health changed",
		"engine", Name, "account", string(c.account), "server", c.name, "state", s.String())
}

// revive is the timer's work while the server is not alive: with a test user it asks, else a
// dead server becomes usable again, for the next request to find out.
func (c *client) revive() {
	if c.probe != nil && c.manager != nil {
		c.ask()
	} else {
		before := c.health.State()
		c.health.Revive()
		if after := c.health.State(); after != before {
			c.tell(after)
		}
	}
	if c.recovered() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil && !c.retired {
		c.startTimer()
	}
}

// ask logs the test user in, to which a FAIL is as good an answer as a PASS.
func (c *client) ask() {
	var r AuthenReply
	s := c.manager.Session()
	defer s.Close()
	err := s.Exchange(context.Background(), c.probe, &r)
	if err == nil && r.Status != AuthenError {
		c.succeeded()
		return
	}
	c.failing()
	c.engine.opts.Logger.Debug("no answer to a probe", "engine", Name, "account", string(c.account), "server", c.name)
}

// recovered stops the timer when the server is alive. A failure that comes later starts it anew.
func (c *client) recovered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.health.State() != engines.Alive {
		return false
	}
	c.stopTimer()
	return true
}

// startTimer starts the timer; c.mu is held.
func (c *client) startTimer() {
	wait := c.engine.opts.ReviveAfter
	if c.probe != nil {
		wait = c.engine.opts.ProbeInterval
	}
	c.timer = time.AfterFunc(jitter(wait), c.revive)
}

// stopTimer stops the timer where it runs; c.mu is held.
func (c *client) stopTimer() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
}
