package conns

import "time"

// traffic is the requests of a connection that are unanswered, and what its replies have shown. The Manager's mu
// guards it.
type traffic struct {
	first, last *turn // the flight: requests that are unanswered and not overtaken, oldest first
	flying      int   // in the flight
	overtaken   int   // unanswered requests, of which a later one was answered
	coming      int   // sessions that have a place and have sent nothing

	window   int       // how many requests may fly while the server has not shown that it interleaves
	cut      time.Time // when the window was made smaller last
	moved    time.Time // when a packet came last, or the first request of the flight left
	received time.Time // when a packet came last
}

// turn is a session's part in the traffic of its connection. Only its traffic writes it.
type turn struct {
	before, after *turn
	coming        bool      // the session has a place and has sent nothing
	flying        bool      // its request is in the flight
	since         time.Time // when its latest request left
}

// expect counts a session that has a place and is about to send.
func (f *traffic) expect(t *turn) {
	t.coming = true
	f.coming++
}

// came notes that a session has sent its first request, or never will.
func (f *traffic) came(t *turn) {
	if t.coming {
		t.coming = false
		f.coming--
	}
}

// sent adds a request to the flight.
func (f *traffic) sent(t *turn, now time.Time) {
	if f.flying == 0 {
		f.moved = now
	}
	f.came(t)
	t.since = now
	t.before, t.after = f.last, nil
	if f.last == nil {
		f.first = t
	} else {
		f.last.after = t
	}
	f.last = t
	t.flying = true
	f.flying++
}

// land takes a request out of the flight.
func (f *traffic) land(t *turn) {
	if t.before == nil {
		f.first = t.after
	} else {
		t.before.after = t.after
	}
	if t.after == nil {
		f.last = t.before
	} else {
		t.after.before = t.before
	}
	t.before, t.after = nil, nil
	t.flying = false
	f.flying--
}

// left takes away a request that gets no reply.
func (f *traffic) left(t *turn) {
	if t.flying {
		f.land(t)
	} else {
		f.overtaken--
	}
}

// arrived notes that a packet came.
func (f *traffic) arrived(now time.Time) { f.received, f.moved = now, now }

// late takes away a request that is answered after a later one.
func (f *traffic) late() { f.overtaken-- }

// overtake takes the requests before t, which is answered, out of the flight.
func (f *traffic) overtake(t *turn) {
	for f.first != t {
		f.land(f.first)
		f.overtaken++
	}
}

// widen lets one more request fly, up to most.
func (f *traffic) widen(most int) { f.window = min(max(f.window, 1)+1, most) }

// narrow halves the window for a request that waited long, once for all requests that waited with it.
func (f *traffic) narrow(t *turn, now time.Time) {
	if t.since.After(f.cut) {
		f.window, f.cut = max(f.window/2, 1), now
	}
}

// rested begins anew with one request at a time if the connection had nothing to do for a while.
func (f *traffic) rested(now time.Time) {
	if now.Sub(f.moved) >= stalled {
		f.window = 1
	}
}

// stuck reports whether a request is unanswered and nothing has come for a while.
func (f *traffic) stuck(now time.Time) bool { return f.flying > 0 && now.Sub(f.moved) >= stalled }

// slow reports whether a request has been unanswered for long.
func (f *traffic) slow(now time.Time) bool { return f.flying > 0 && now.Sub(f.moved) >= long }
