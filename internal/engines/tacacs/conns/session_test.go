package conns

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// holding is a peer that answers all but the sessions whose user is "held"; those it answers
// when told to. At most 100 are held.
type holding struct {
	*peer
	held    chan struct{} // a token for each held request
	release chan struct{} // close: answer them
}

func newHolding(t testing.TB) *holding {
	h := &holding{held: make(chan struct{}, 100), release: make(chan struct{})}
	h.peer = newPeer(t, func(l *link) {
		var wg sync.WaitGroup
		defer wg.Wait()
		for head, body := range l.Requests() {
			if a, ok := body.(*tacacs.AcctRequest); ok && a.User == "held" {
				wg.Go(func() {
					<-h.release
					l.Send(head.Answer(4), pass(body))
				})
				h.held <- struct{}{}
				continue
			}
			if c, ok := body.(*tacacs.AuthenContinue); ok && c.Flags&tacacs.ContinueAbort != 0 {
				continue
			}
			l.Send(head.Answer(4), pass(body))
		}
	})
	return h
}

// tooLate makes a session's deadline now.
func (s *Session) tooLate() {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.alarm(time.Now(), time.Nanosecond)
}

func (h *holding) let() { close(h.release) }

func heldAcct() *tacacs.AcctRequest {
	a := acct()
	a.User = "held"
	return a
}

// TestDeadline: a session without a reply ends at its deadline, and the late reply is dropped
// without harm to others.
func TestDeadline(t *testing.T) {
	t.Parallel()
	p := newHolding(t)
	m := interleaving(managerOf(t, p.peer, Options{Connections: 1}))
	login(t, m)
	s := m.Session()
	ended := make(chan error, 1)
	go func() { ended <- s.Exchange(context.Background(), heldAcct(), new(tacacs.AcctReply)) }()
	<-p.held
	login(t, m) // the connection is alive meanwhile
	s.tooLate()
	fails(t, "held", <-ended, engines.NoAnswer, FaultTimeout)
	if s := m.Stats(); s.Tombstones != 1 || s.Connections != 1 || s.Sessions != 0 {
		t.Errorf("%+v", s)
	}
	p.let()
	eventually(t, "the late reply", func() bool { return m.Stats().Tombstones == 0 })
	login(t, m)
	if s := m.Stats(); s.Strays != 0 || s.Sessions != 0 || p.Accepted() != 1 {
		t.Errorf("%+v, %d connections", s, p.Accepted())
	}
}

// TestSilence: where nothing at all comes back, the connection gets no new sessions.
func TestSilence(t *testing.T) {
	t.Parallel()
	p := newHolding(t)
	m := managerOf(t, p.peer, Options{Connections: 1})
	login(t, m)
	s := m.Session()
	go func() { <-p.held; s.tooLate() }()
	fails(t, "held", s.Exchange(context.Background(), heldAcct(), new(tacacs.AcctReply)), engines.NoAnswer, FaultTimeout)
	login(t, m)
	if n := p.Accepted(); n != 2 {
		t.Errorf("%d connections", n)
	}
	p.let()
}

// TestCallerGone: the context ends a session with the context's own error.
func TestCallerGone(t *testing.T) {
	t.Parallel()
	p := newHolding(t)
	defer p.let()
	m := managerOf(t, p.peer, Options{Connections: 1})
	login(t, m)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-p.held; cancel() }()
	s := m.Session()
	if err := s.Exchange(ctx, heldAcct(), new(tacacs.AcctReply)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := s.Exchange(context.Background(), acct(), new(tacacs.AcctReply)); !errors.Is(err, context.Canceled) {
		t.Errorf("afterwards: %v", err)
	}
	ctx, cancel = context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := m.Exchange(ctx, heldAcct(), new(tacacs.AcctReply)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timed out: %v", err)
	}
	if err := m.Exchange(ctx, acct(), new(tacacs.AcctReply)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("begun too late: %v", err)
	}
	s = m.Session()
	exchange(t, s, ascii(), new(tacacs.AuthenReply))
	if err := s.Exchange(ctx, typed("password"), new(tacacs.AuthenReply)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("gone between rounds: %v", err)
	}
	login(t, m)
	if s := m.Stats(); s.Tombstones == 0 || s.Sessions != 0 {
		t.Errorf("%+v", s)
	}
}

// TestDialogue is an ASCII login with a wrong password first, and the session's end.
func TestDialogue(t *testing.T) {
	t.Parallel()
	p := newPeer(t, good)
	m := managerOf(t, p, Options{})
	s := m.Session()
	var r tacacs.AuthenReply
	exchange(t, s, ascii(), &r)
	if r.Status != tacacs.AuthenGetPass || !r.NoEcho() || r.ServerMsg != "Password:" {
		t.Errorf("%+v", r)
	}
	exchange(t, s, typed("wrong"), &r)
	if r.Final() {
		t.Errorf("%+v", r)
	}
	exchange(t, s, typed("password"), &r)
	if r.Status != tacacs.AuthenPass || s.Err() != nil {
		t.Errorf("%+v, %v", r, s.Err())
	}
	err := s.Exchange(context.Background(), typed("password"), &r)
	if !errors.Is(err, FaultEnded) {
		t.Errorf("after the end: %v", err)
	}
	s.Close()
	onWire(t, p,
		"1 a> AuthenStart 1 single", "1 a< AuthenReply 2 single",
		"1 a> AuthenContinue 3", "1 a< AuthenReply 4",
		"1 a> AuthenContinue 5", "1 a< AuthenReply 6")
}

// TestAbort: a dialogue that is given up is taken leave of; all else just ends.
func TestAbort(t *testing.T) {
	t.Parallel()
	reasons := make(chan string, 10)
	p := newPeer(t, func(l *link) {
		single := byte(4)
		if l.N > 1 {
			single = 0
		}
		for h, body := range l.Requests() {
			if c, ok := body.(*tacacs.AuthenContinue); ok && c.Flags == tacacs.ContinueAbort {
				reasons <- string(c.Data)
				l.Send(h.Answer(0), &tacacs.AuthenReply{Status: tacacs.AuthenFail}) // not due, but seen
				continue
			}
			l.Send(h.Answer(single), pass(body))
		}
	})
	m := managerOf(t, p, Options{Connections: 1})
	s := m.Session()
	exchange(t, s, ascii(), new(tacacs.AuthenReply))
	s.Abort("user hung up")
	if got := <-reasons; got != "user hung up" {
		t.Errorf("reason %q", got)
	}
	s.Close()
	if err := s.Exchange(context.Background(), typed("password"), new(tacacs.AuthenReply)); !errors.Is(err, FaultEnded) {
		t.Errorf("after the abort: %v", err)
	}
	login(t, m) // the connection goes on
	if p.Accepted() != 1 {
		t.Errorf("%d connections", p.Accepted())
	}
	if st := m.Stats(); st.Tombstones != 0 || st.Strays != 0 {
		t.Errorf("the answer to the abort: %+v", st)
	}
	// On a connection of its own, the server hears of it before the connection closes.
	own := managerOf(t, p, Options{})
	s = own.Session()
	exchange(t, s, ascii(), new(tacacs.AuthenReply))
	s.Close()
	if got := <-reasons; got != "" {
		t.Errorf("reason %q", got)
	}
	eventually(t, "the connection's end", func() bool { return own.Stats().Connections == 0 })

	never := m.Session()
	never.Close()
	if err := never.Exchange(context.Background(), ascii(), new(tacacs.AuthenReply)); !errors.Is(err, FaultEnded) {
		t.Errorf("closed before it began: %v", err)
	}
}

// TestAbortWhileWaiting: another goroutine may end a session.
func TestAbortWhileWaiting(t *testing.T) {
	t.Parallel()
	p := newHolding(t)
	defer p.let()
	m := managerOf(t, p.peer, Options{Connections: 1})
	login(t, m)
	s := m.Session()
	go func() { <-p.held; s.Close() }()
	fails(t, "aborted", s.Exchange(context.Background(), heldAcct(), new(tacacs.AcctReply)), engines.NoAnswer, FaultEnded)
}

// TestForgottenDialogue: a session whose owner never comes back ends by itself.
func TestForgottenDialogue(t *testing.T) {
	t.Parallel()
	p := newPeer(t, good)
	m := managerOf(t, p, Options{SessionTimeout: 20 * time.Millisecond})
	s := m.Session()
	exchange(t, s, ascii(), new(tacacs.AuthenReply))
	eventually(t, "the end", func() bool { return s.Err() != nil })
	fails(t, "coming back", s.Exchange(context.Background(), typed("password"), new(tacacs.AuthenReply)), engines.NoAnswer, FaultExpired)
	onWire(t, p, "1 a> AuthenStart 1 single", "1 a< AuthenReply 2 single", "1 a> AuthenContinue 3")
	login(t, m)
}

// TestSequenceNumbersEnd: a dialogue without end is aborted before sequence number 255.
func TestSequenceNumbersEnd(t *testing.T) {
	t.Parallel()
	last := make(chan tacacs.Header, 1)
	p := newPeer(t, func(l *link) {
		l.Quiet = true
		for h, body := range l.Requests() {
			if c, ok := body.(*tacacs.AuthenContinue); ok && c.Flags == tacacs.ContinueAbort {
				last <- h
				continue
			}
			l.Send(h.Answer(4), &tacacs.AuthenReply{Status: tacacs.AuthenGetData})
		}
	})
	m := managerOf(t, p, Options{})
	s := m.Session()
	exchange(t, s, ascii(), new(tacacs.AuthenReply))
	rounds := 1
	var err error
	for ; err == nil; rounds++ {
		err = s.Exchange(context.Background(), typed("x"), new(tacacs.AuthenReply))
	}
	if !errors.Is(err, FaultExhausted) || rounds != 127 {
		t.Errorf("after %d rounds: %v", rounds, err)
	}
	if h := <-last; h.Seq != 253 {
		t.Errorf("aborted with sequence number %d", h.Seq)
	}
}

// TestWrongUse: bodies that do not fit are refused, with nothing sent.
func TestWrongUse(t *testing.T) {
	t.Parallel()
	p := newPeer(t, good)
	m := managerOf(t, p, Options{})
	var field *tacacs.FieldError
	for what, err := range map[string]error{
		"reply of another type": m.Exchange(context.Background(), acct(), new(tacacs.AuthenReply)),
		"forbidden content":     m.Exchange(context.Background(), &tacacs.AcctRequest{}, new(tacacs.AcctReply)),
		"too long":              m.Exchange(context.Background(), pap(string(make([]byte, 300))), new(tacacs.AuthenReply)),
	} {
		if !errors.As(err, &field) {
			t.Errorf("%s: %v", what, err)
		}
	}
	s := m.Session()
	exchange(t, s, ascii(), new(tacacs.AuthenReply))
	if err := s.Exchange(context.Background(), acct(), new(tacacs.AcctReply)); !errors.As(err, &field) {
		t.Errorf("another type later: %v", err)
	}
	if err := s.Exchange(context.Background(), typed(string(make([]byte, 70000))), new(tacacs.AuthenReply)); !errors.As(err, &field) {
		t.Errorf("too long later: %v", err)
	}
	exchange(t, s, typed("password"), new(tacacs.AuthenReply)) // it is as it was
	full := &tacacs.AuthorRequest{Args: slices.Repeat([]string{"a=" + strings.Repeat("x", 253)}, 255)}
	full.User, full.Port = strings.Repeat("x", 255), strings.Repeat("x", 255)
	if err := m.Exchange(context.Background(), full, new(tacacs.AuthorReply)); !errors.As(err, &field) {
		t.Errorf("too long together: %v", err)
	}
	if p.Accepted() != 1 {
		t.Error("a connection was made for nothing")
	}
	eventually(t, "rest", func() bool { return m.Stats().Sessions == 0 })
}

// TestIDsAreUnique: neither a live session's id nor one with a tombstone is given out again. It
// does not run beside others, whose ids it would forge.
func TestIDsAreUnique(t *testing.T) {
	m := &Manager{}
	c := &conn{m: m, state: shared}
	c.tombs.add(2, time.Now())
	next := uint32(0)
	old := random32
	random32 = func() uint32 { next++; return next / 3 } // each id three times
	defer func() { random32 = old }()
	seen := make(map[uint32]bool)
	for range 10 {
		s := m.Session()
		c.add(s)
		if seen[s.id] || s.id == 2 {
			t.Fatalf("id %d was given out", s.id)
		}
		seen[s.id] = true
	}
	random32 = old
	for range 1000 {
		if id := random32(); seen[id] {
			t.Fatal("random ids repeat")
		} else {
			seen[id] = true
		}
	}
}

func TestTombstones(t *testing.T) {
	t.Parallel()
	var ts tombstones
	now := time.Now()
	for id := range uint32(3 * maxTombstones) {
		ts.add(id, now)
	}
	if ts.len() != maxTombstones || len(ts.order) != maxTombstones || ts.has(0) || !ts.has(3*maxTombstones-1) {
		t.Errorf("%d tombstones", ts.len())
	}
	if !ts.take(3*maxTombstones-1) || ts.take(3*maxTombstones-1) {
		t.Error("one reply each")
	}
	// An id that died again keeps its second grave when the first is forgotten.
	again := uint32(2 * maxTombstones)
	ts.take(again)
	ts.add(again, now.Add(time.Minute))
	ts.expire(now.Add(tombstoneLife))
	if ts.len() != 1 || !ts.has(again) {
		t.Errorf("%d tombstones after their time", ts.len())
	}
	ts.expire(now.Add(2 * tombstoneLife))
	if ts.len() != 0 || ts.order != nil {
		t.Errorf("%d tombstones at the end", ts.len())
	}
}
