package conns

import (
	"errors"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// TestChoose holds the rules by which a new session gets its connection, one by one.
func TestChoose(t *testing.T) {
	t.Parallel()
	now := time.Now()
	idle := func() *conn { return &conn{state: shared} }
	busy := func(waiting int, moved time.Duration) *conn {
		return &conn{state: shared, traffic: traffic{flying: waiting, moved: now.Add(-moved), window: 9}}
	}
	with := func(c *conn, change func(*conn)) *conn { change(c); return c }
	full := func(c *conn) {
		c.sessions = map[uint32]*Session{1: nil, 2: nil}
	}
	talks := func(c *conn) { c.dialogues = 1 }
	comes := func(c *conn) { c.traffic.coming = 8 }
	more := func(m *Manager) { m.opts.MaxConnections = 9 }
	rested := func() *conn { c := idle(); c.traffic.window = 9; return c }
	sessions := func(c *conn) *conn { c.sessions = map[uint32]*Session{1: nil}; return c }
	interleaving := func(m *Manager) { interleaving(m) }
	rotating := func(m *Manager) { interleaving(m); m.secrets = make([]aaa.Secret, 2) }
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

		dialogue bool          // the new session is one
		waited   time.Duration // the new session has so long
	}{
		{name: "none", want: dials},
		{name: "an idle one", conns: []*conn{busy(1, 0), idle()}, want: 1},
		{name: "few, all busy", conns: []*conn{busy(1, 0)}, want: dials},
		{name: "enough, the least busy", conns: []*conn{busy(3, 0), busy(2, 0)}, want: 1},
		{name: "enough, the one that makes headway", conns: []*conn{busy(1, stalled), busy(2, 0)}, want: 1},
		{name: "enough, both without a reply for a moment", conns: []*conn{busy(1, stalled), busy(1, stalled)}, want: dials},
		{name: "enough, both about to be busy", conns: []*conn{with(busy(1, 0), comes), with(busy(1, 0), comes)}, want: waits},
		{name: "enough, stuck, and a dialogue's own", conns: []*conn{busy(1, stalled), busy(1, stalled), with(idle(), talks)}, want: dials, set: more},
		{name: "enough, another one unanswered for long", conns: []*conn{busy(2, 0), busy(1, long)}, want: waits},
		{name: "enough, the server not known to be quick", conns: []*conn{busy(1, 0), busy(1, 0)}, want: waits, set: func(m *Manager) { m.pace.quick-- }},
		{name: "enough, all stuck", conns: []*conn{busy(2, time.Second), busy(1, time.Second)}, want: dials},
		{name: "enough, all stuck, interleaving", conns: []*conn{busy(2, time.Second), busy(1, time.Second)}, want: 1, set: interleaving},
		{name: "enough, no more in flight", conns: []*conn{busy(9, 0), busy(9, 0)}, want: waits},
		{name: "enough, no more in flight, interleaving", conns: []*conn{busy(9, 0), busy(9, 0)}, want: 0, set: interleaving},
		{name: "after a rest", conns: []*conn{rested(), rested()}, want: 0},
		{name: "a dialogue's own", conns: []*conn{with(idle(), talks)}, want: dials},
		{name: "a dialogue's, interleaving", conns: []*conn{with(idle(), talks)}, want: 0, set: interleaving},
		{name: "a dialogue's, while the secret changes", conns: []*conn{with(idle(), talks)}, want: dials, set: rotating},
		{name: "dialogues do not count", conns: []*conn{with(idle(), talks), with(idle(), talks), with(idle(), talks), busy(1, 0)}, want: dials, set: more},
		{name: "dialogues do not count while the secret changes", conns: []*conn{with(idle(), talks), with(idle(), talks), with(idle(), talks), busy(1, 0)}, want: dials, set: func(m *Manager) {
			rotating(m)
			more(m)
		}},
		{name: "of a dialogue, an idle one", conns: []*conn{busy(1, 0), idle()}, want: 1, dialogue: true},
		{name: "of a dialogue, busy ones", conns: []*conn{sessions(busy(1, 0)), sessions(busy(1, 0))}, want: dials, dialogue: true},
		{name: "of a dialogue, busy ones, interleaving", conns: []*conn{sessions(busy(1, 0)), sessions(busy(1, 0))}, want: 0, dialogue: true, set: interleaving},
		{name: "no more allowed, without room", conns: []*conn{busy(2, time.Second), busy(1, time.Second), busy(3, time.Second)}, want: 1},
		{name: "after a failure, without room", conns: []*conn{busy(2, time.Second)}, want: 0, set: func(m *Manager) { m.retryAt = now.Add(time.Second) }},
		{name: "one under the other secret", conns: []*conn{with(idle(), func(c *conn) { c.key = 1 })}, want: dials},
		{name: "one that drains", conns: []*conn{with(idle(), func(c *conn) { c.draining = true })}, want: dials},
		{name: "one of another's own", conns: []*conn{{state: alone}}, want: dials},
		{name: "full ones", conns: []*conn{with(idle(), full), with(idle(), full)}, want: dials},
		{name: "one that takes no octets", conns: []*conn{busy(2, 0), with(busy(1, 0), func(c *conn) { c.out = make([]byte, maxQueued) })}, want: 0},
		{name: "one that still writes", conns: []*conn{busy(2, 0), with(busy(1, 0), func(c *conn) { c.writing = maxQueued })}, want: 0},
		{name: "negotiations under way", conns: []*conn{young, young}, want: waits},
		{name: "dialling", conns: []*conn{{state: dialling, opened: now}, {state: dialling, opened: now}}, want: waits},
		{name: "diallings that take long", conns: []*conn{{state: dialling, opened: now.Add(-dialPatience)}, {state: dialling, opened: now.Add(-dialPatience)}}, want: dials},
		{name: "dialling, waited for long enough", conns: []*conn{{state: dialling, opened: now}, {state: dialling, opened: now}}, want: dials, waited: dialPatience},
		{name: "negotiations, waited for long enough", conns: []*conn{young, young}, want: dials, waited: queueing},
		{name: "enough, no more in flight, waited for long enough", conns: []*conn{busy(9, 0), busy(9, 0)}, want: dials, waited: queueing},
		{name: "no more allowed, a dialogue's while the secret changes", conns: []*conn{with(idle(), talks), old, old}, want: stays, set: rotating},
		{name: "after a failure, a dialogue's while the secret changes", conns: []*conn{with(idle(), talks)}, want: fails, set: func(m *Manager) {
			rotating(m)
			m.retryAt = now.Add(time.Second)
		}},
		{name: "of a dialogue while the secret changes, no more allowed", conns: []*conn{sessions(busy(1, 0)), old, old}, want: stays, dialogue: true, set: rotating},
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
		m := &Manager{opts: Options{Connections: 2, MaxConnections: 3, MaxSessions: 2}, dialErr: errors.New("refused"), pace: pace{quick: proof}}
		m.opts.DialTimeout = time.Second
		for _, c := range tc.conns {
			own := &conn{
				m: m, key: c.key, state: c.state, draining: c.draining, traffic: c.traffic, dialogues: c.dialogues,
				opened: c.opened, sessions: c.sessions, out: c.out, writing: c.writing,
			}
			m.conns = append(m.conns, own)
		}
		if tc.set != nil {
			tc.set(m)
		}
		before := append([]*conn(nil), m.conns...)
		c, wait, err := m.choose(want{dialogue: tc.dialogue, waited: tc.waited}, now)
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
