package tacacs

import (
	"errors"
	"testing"
	"time"

	"aaa-api/internal/engines"
)

// TestChoose holds the rules by which a new session gets its connection, one by one.
func TestChoose(t *testing.T) {
	t.Parallel()
	now := time.Now()
	idle := func() *conn { return &conn{state: shared} }
	busy := func(waiting int, moved time.Duration) *conn {
		return &conn{state: shared, waiting: waiting, moved: now.Add(-moved)}
	}
	with := func(c *conn, change func(*conn)) *conn { change(c); return c }
	full := func(c *conn) {
		c.sessions = map[uint32]*Session{1: nil, 2: nil}
	}
	young := &conn{state: first, opened: now}
	old := &conn{state: first, opened: now.Add(-time.Second)}
	const (
		dials = -1 // a new connection
		waits = -2 // for others, and at most for a time
		stays = -3 // until something changes
		fails = -4
	)
	for _, tc := range []struct {
		name  string
		conns []*conn
		want  int // which of them
		set   func(*Manager)
	}{
		{name: "none", want: dials},
		{name: "an idle one", conns: []*conn{busy(1, 0), idle()}, want: 1},
		{name: "few, all busy", conns: []*conn{busy(1, 0)}, want: dials},
		{name: "enough, the least busy", conns: []*conn{busy(3, 0), busy(2, 0)}, want: 1},
		{name: "enough, the one that makes headway", conns: []*conn{busy(1, time.Second), busy(2, 0)}, want: 1},
		{name: "enough, all stuck", conns: []*conn{busy(2, time.Second), busy(1, time.Second)}, want: 1},
		{name: "one under the other secret", conns: []*conn{with(idle(), func(c *conn) { c.key = 1 })}, want: dials},
		{name: "one that drains", conns: []*conn{with(idle(), func(c *conn) { c.draining = true })}, want: dials},
		{name: "one of another's own", conns: []*conn{{state: alone}}, want: dials},
		{name: "full ones", conns: []*conn{with(idle(), full), with(idle(), full)}, want: dials},
		{name: "one that takes no octets", conns: []*conn{busy(2, 0), with(busy(1, 0), func(c *conn) { c.out = make([]byte, maxQueued) })}, want: 0},
		{name: "negotiations under way", conns: []*conn{young, young}, want: waits},
		{name: "dialling", conns: []*conn{{state: dialling, opened: now}, {state: dialling, opened: now}}, want: waits},
		{name: "one negotiation under way", conns: []*conn{young}, want: dials},
		{name: "negotiations that stall", conns: []*conn{old, old}, want: dials},
		{name: "a negotiation beside a busy one", conns: []*conn{young, busy(1, 0)}, want: 1},
		{name: "negotiations that end in no", conns: []*conn{young, young}, want: dials, set: func(m *Manager) { m.refused = true }},
		{name: "negotiations never", conns: []*conn{young, young}, want: dials, set: func(m *Manager) { m.opts.NoSingleConnect = true }},
		{name: "no more allowed", conns: []*conn{old, old, old}, want: stays},
		{name: "after a failure", want: fails, set: func(m *Manager) { m.retryAt = now.Add(time.Second) }},
		{name: "after a failure, with a busy one", conns: []*conn{busy(1, 0)}, want: 0, set: func(m *Manager) { m.retryAt = now.Add(time.Second) }},
		{name: "some time after a failure", want: dials, set: func(m *Manager) { m.retryAt = now }},
	} {
		m := &Manager{opts: Options{Connections: 2, MaxConnections: 3, MaxSessions: 2}, dialErr: errors.New("refused")}
		m.opts.DialTimeout = time.Second
		for _, c := range tc.conns {
			own := &conn{
				m: m, key: c.key, state: c.state, draining: c.draining, waiting: c.waiting, moved: c.moved,
				opened: c.opened, sessions: c.sessions, out: c.out,
			}
			m.conns = append(m.conns, own)
		}
		if tc.set != nil {
			tc.set(m)
		}
		before := append([]*conn(nil), m.conns...)
		c, wait, err := m.choose(0, now)
		got := stays
		switch {
		case err != nil:
			got = fails
			var f *engines.Failure
			if !errors.As(err, &f) || f.Reason != engines.Unreachable || !errors.Is(err, m.dialErr) {
				t.Errorf("%s: %v", tc.name, err)
			}
		case c != nil:
			got = dials
			for i, x := range before {
				if x == c {
					got = i
				}
			}
			if got == dials && (c.state != dialling || len(m.conns) != len(before)+1) {
				t.Errorf("%s: %+v", tc.name, c)
			}
		case wait > 0:
			got = waits
		}
		if got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}
