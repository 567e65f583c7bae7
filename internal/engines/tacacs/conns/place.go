package conns

import (
	"context"
	"errors"
	"time"

	"aaa-api/internal/engines"
)

// proved is the key of the secret that worked last, or of the current one.
const proved = -1

// place gives s a place on a connection, under the secret key. Errors are ctx's, a
// *engines.Failure, or why s has ended.
func (m *Manager) place(ctx context.Context, s *Session, key int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	begun := time.Now()
	c, wait, changed, err := m.try(s, key, begun)
	if err != nil || c != nil && c.state != dialling {
		return err
	}
	// The session has to wait, or dials.
	ctx, cancel := context.WithTimeoutCause(ctx, m.opts.ReplyTimeout+m.opts.DialTimeout, FaultBusy)
	defer cancel()
	for c == nil {
		if err := await(ctx, changed, wait); err != nil {
			return err
		}
		c, wait, changed, err = m.try(s, key, begun)
		if err != nil || c != nil && c.state != dialling {
			return err
		}
	}
	return m.dial(ctx, c, s)
}

// try chooses a connection and adds s to it unless it must be dialled. Without one, changed is closed when
// another try may succeed. begun is when the session asked first.
func (m *Manager) try(s *Session, key int, begun time.Time) (c *conn, wait time.Duration, changed <-chan struct{}, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.state == ended {
		return nil, 0, nil, s.failed()
	}
	if key == proved {
		key = m.key
	}
	now := time.Now()
	c, wait, err = m.choose(want{key: key, dialogue: s.dialogue, waited: now.Sub(begun)}, now)
	switch {
	case err != nil:
	case c == nil:
		if m.changed == nil {
			m.changed = make(chan struct{})
		}
		changed = m.changed
	case c.state != dialling:
		c.add(s)
	}
	return c, wait, changed, err
}

// await waits for a change, or until atMost has passed if that is over 0.
func await(ctx context.Context, changed <-chan struct{}, atMost time.Duration) error {
	var late <-chan time.Time
	if atMost > 0 {
		timer := time.NewTimer(atMost)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-changed:
		return nil
	case <-late:
		return nil
	case <-ctx.Done():
		return why(ctx)
	}
}

// why returns the error of a context that has ended: ctx's own, or a Failure if place ran out of time.
func why(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), FaultBusy) {
		return &engines.Failure{Reason: engines.NoAnswer, Err: FaultBusy}
	}
	return ctx.Err()
}
