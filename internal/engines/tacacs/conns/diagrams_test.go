package conns

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// lines joins lines as a wire log has them.
// onWire expects these lines in the peer's log, and no more by then.
func onWire(t *testing.T, p *peer, want ...string) {
	t.Helper()
	if got := p.Wire(len(want)); got != strings.Join(want, "\n") {
		t.Errorf("on the wire:\n%s", got)
	}
}

// TestWireNotShared: the client asks for single connection mode and the server does not
// grant it. The client closes the connection after the transaction, and the next one has its own.
func TestWireNotShared(t *testing.T) {
	t.Parallel()
	p := newPeer(t, refuses)
	m := managerOf(t, p, Options{})
	s := m.Session()
	var r tacacs.AuthenReply
	exchange(t, s, ascii(), &r)
	exchange(t, s, typed("password"), &r)
	if r.Status != tacacs.AuthenPass {
		t.Errorf("status %v", r.Status)
	}
	want := []string{
		"1 a> AuthenStart 1 single",
		"1 a< AuthenReply 2",
		"1 a> AuthenContinue 3",
		"1 a< AuthenReply 4",
		"1 closed by client",
	}
	onWire(t, p, want...)
	exchange(t, m.Session(), acct(), new(tacacs.AcctReply))
	want = append(want, "2 b> AcctRequest 1 single", "2 b< AcctReply 2", "2 closed by client")
	onWire(t, p, want...)
}

// TestWireOfferedUnasked: the server offers what the client did not ask for. The client
// closes the connection after the transaction.
func TestWireOfferedUnasked(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(l *link) {
		for h, body := range l.Requests() {
			l.Send(h.Answer(tacacs.FlagSingleConnect), pass(body))
		}
	})
	m := managerOf(t, p, Options{NoSingleConnect: true})
	s := m.Session()
	var r tacacs.AuthenReply
	exchange(t, s, ascii(), &r)
	exchange(t, s, typed("password"), &r)
	onWire(t, p,
		"1 a> AuthenStart 1",
		"1 a< AuthenReply 2 single",
		"1 a> AuthenContinue 3",
		"1 a< AuthenReply 4 single",
		"1 closed by client")
}

// TestWireSharedBlocking: one transaction after the other on one connection. The flag is in
// the first two packets alone.
func TestWireSharedBlocking(t *testing.T) {
	t.Parallel()
	p := newPeer(t, good)
	m := managerOf(t, p, Options{})
	s := m.Session()
	var r tacacs.AuthenReply
	exchange(t, s, ascii(), &r)
	exchange(t, s, typed("password"), &r)
	exchange(t, m.Session(), acct(), new(tacacs.AcctReply))
	onWire(t, p,
		"1 a> AuthenStart 1 single",
		"1 a< AuthenReply 2 single",
		"1 a> AuthenContinue 3",
		"1 a< AuthenReply 4",
		"1 b> AcctRequest 1",
		"1 b< AcctReply 2")
}

// TestWireSharedNonBlocking: at a server that interleaves, while a user types a password, an accounting record and then
// an authorization come and go on the same connection.
func TestWireSharedNonBlocking(t *testing.T) {
	t.Parallel()
	p := newPeer(t, good)
	m := interleaving(managerOf(t, p, Options{Connections: 1}))
	s := m.Session()
	var r tacacs.AuthenReply
	exchange(t, s, ascii(), &r)
	exchange(t, m.Session(), acct(), new(tacacs.AcctReply))
	exchange(t, m.Session(), authorExample(), new(tacacs.AuthorReply))
	exchange(t, s, typed("password"), &r)
	if r.Status != tacacs.AuthenPass {
		t.Errorf("status %v", r.Status)
	}
	onWire(t, p,
		"1 a> AuthenStart 1 single",
		"1 a< AuthenReply 2 single",
		"1 b> AcctRequest 1",
		"1 b< AcctReply 2",
		"1 c> AuthorRequest 1",
		"1 c< AuthorReply 2",
		"1 a> AuthenContinue 3",
		"1 a< AuthenReply 4")
}

// TestWireCrossing: replies come in another order than their requests went, and each
// finds its session.
func TestWireCrossing(t *testing.T) {
	t.Parallel()
	held := make(chan struct{})
	p := newPeer(t, func(l *link) {
		h, body, _ := l.Next()
		l.Send(h.Answer(tacacs.FlagSingleConnect), pass(body))
		h1, _, _ := l.Next()
		close(held)
		h2, _, _ := l.Next()
		l.Send(h2.Answer(0), &tacacs.AcctReply{Status: tacacs.AcctSuccess, ServerMsg: "second"})
		l.Send(h1.Answer(0), &tacacs.AcctReply{Status: tacacs.AcctSuccess, ServerMsg: "first"})
		l.Next()
	})
	m := interleaving(managerOf(t, p, Options{Connections: 1}))
	login(t, m)
	var wg sync.WaitGroup
	var first, second tacacs.AcctReply
	wg.Go(func() { exchange(t, m.Session(), acct(), &first) })
	<-held
	wg.Go(func() { exchange(t, m.Session(), acct(), &second) })
	wg.Wait()
	if first.ServerMsg != "first" || second.ServerMsg != "second" {
		t.Errorf("first got %q, second %q", first.ServerMsg, second.ServerMsg)
	}
	onWire(t, p,
		"1 a> AuthenStart 1 single",
		"1 a< AuthenReply 2 single",
		"1 b> AcctRequest 1",
		"1 c> AcctRequest 1",
		"1 c< AcctReply 2",
		"1 b< AcctReply 2")
}

// TestServerGone: when the server goes, every session is told, also one that waits for
// its user.
func TestServerGone(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	p := newPeer(t, func(l *link) {
		h, body, _ := l.Next()
		l.Send(h.Answer(tacacs.FlagSingleConnect), pass(body))
		h, body, _ = l.Next()
		l.Send(h.Answer(0), pass(body))
		for range 10 {
			l.Next()
		}
		close(reached)
		l.Next()
	})
	m := interleaving(managerOf(t, p, Options{Connections: 1}))
	login(t, m)
	typing := m.Session()
	exchange(t, typing, ascii(), new(tacacs.AuthenReply))
	errs := make(chan error, 10)
	for range 10 {
		go func() { errs <- m.Exchange(context.Background(), acct(), new(tacacs.AcctReply)) }()
	}
	<-reached
	p.Cut()
	for range 10 {
		fails(t, "waiting", <-errs, engines.Unreachable, FaultClosed)
	}
	eventually(t, "the resting session's error", func() bool { return typing.Err() != nil })
	fails(t, "resting", typing.Err(), engines.Unreachable, FaultClosed)
	fails(t, "going on", typing.Exchange(context.Background(), typed("password"), new(tacacs.AuthenReply)), engines.Unreachable, FaultClosed)
	if s := m.Stats(); s.Connections != 0 || s.Sessions != 0 {
		t.Errorf("left over: %+v", s)
	}
}

// TestFirstGoesAlone: until the reply that grants single connection mode, no second
// packet is on a connection, however many sessions wait.
func TestFirstGoesAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		p := startPeer(t, &peer{Secret: testSecret, Listener: network}, func(l *link) {
			h, body, ok := l.Next()
			if !ok {
				return
			}
			_ = l.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			if _, err := l.Reader.Peek(1); err == nil {
				t.Error("a second packet came before the reply to the first")
			}
			_ = l.SetReadDeadline(time.Time{})
			l.Send(h.Answer(h.Flags), pass(body))
			good(l)
		})
		m := managerOf(t, p, Options{Connections: 2, Dial: network.Dial})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { login(t, m) })
		}
		wg.Wait()
		for range 20 {
			login(t, m)
		}
		flags := make(map[string]int) // of each connection
		for _, line := range strings.Split(p.Wire(80), "\n") {
			if n, rest, _ := strings.Cut(line, " "); strings.HasSuffix(rest, " single") {
				flags[n]++
			}
		}
		for n, got := range flags {
			if got != 2 {
				t.Errorf("connection %s has %d packets with the flag", n, got)
			}
		}
		if s := m.Stats(); s.Shared > 2 {
			t.Errorf("%+v, two connections were to be kept", s)
		}
	})
}
