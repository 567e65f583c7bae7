package conns

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// serial is a server that grants single connection mode and serves a connection's sessions one after the other.
// What takes long is a login with the password "slow", or with one that was typed.
func serial(l *link) {
	for h, body := range l.Requests() {
		switch b := body.(type) {
		case *tacacs.AuthenStart:
			if string(b.Data) == "slow" {
				time.Sleep(time.Second)
			}
		case *tacacs.AuthenContinue:
			if b.Flags&tacacs.ContinueAbort != 0 {
				continue
			}
			time.Sleep(time.Second)
		}
		l.Send(h.Answer(h.Flags), pass(body))
	}
}

// atOnce runs fn n times side by side and returns how long that took.
func atOnce(n int, fn func()) time.Duration {
	var wg sync.WaitGroup
	begun := time.Now()
	for range n {
		wg.Go(fn)
	}
	wg.Wait()
	return time.Since(begun)
}

func slowLogin(t *testing.T, m *Manager) {
	t.Helper()
	if err := m.Exchange(context.Background(), pap("slow"), new(tacacs.AuthenReply)); err != nil {
		t.Error(err)
	}
}

// onSerial runs a test with a server that serves a connection's sessions one after the other.
func onSerial(t *testing.T, opts Options, test func(*Manager, *peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		p := startPeer(t, &peer{Secret: testSecret, Listener: network, Quiet: true}, serial)
		opts.Dial, opts.WriteTimeout = network.Dial, time.Hour // a busy server does not read, and pipes hold nothing
		test(managerOf(t, p, opts), p)
	})
}

// TestSerialServer: what one session waits for holds up no other by more than the moment in which it shows.
func TestSerialServer(t *testing.T) {
	t.Parallel()
	const longest = time.Second + 3*queueing
	onSerial(t, Options{}, func(m *Manager, _ *peer) {
		for _, state := range []string{"without connections", "with slow ones"} {
			if took := atOnce(24, func() { slowLogin(t, m) }); took > longest {
				t.Errorf("%s: logins of a second took %v", state, took)
			}
		}
		atOnce(proof-24, func() { login(t, m) }) // and then slow ones without a pause
		if took := atOnce(24, func() { slowLogin(t, m) }); took > longest {
			t.Errorf("in one row with quick logins: logins of a second took %v", took)
		}
		atOnce(1000, func() { login(t, m) }) // the server is known to be quick
		if took := atOnce(100, func() { slowLogin(t, m) }); took > pipeline/4*time.Second+3*queueing {
			t.Errorf("in one row with many quick logins: logins of a second took %v", took)
		}
		atOnce(1000, func() { login(t, m) })
		slowLogin(t, m) // by itself, and then it is not
		if took := atOnce(24, func() { slowLogin(t, m) }); took > longest {
			t.Errorf("in one row with slow logins: logins of a second took %v", took)
		}
		atOnce(1000, func() { login(t, m) })
		time.Sleep(stalled)
		if took := atOnce(24, func() { slowLogin(t, m) }); took > longest {
			t.Errorf("after quick logins: logins of a second took %v", took)
		}
		held := make(chan struct{})
		go func() { atOnce(4, func() { slowLogin(t, m) }); close(held) }()
		synctest.Wait()
		if took := atOnce(24, func() { login(t, m) }); took > queueing {
			t.Errorf("beside slow logins quick ones took %v", took)
		}
		<-held
	})
}

// TestSerialDialogues: no user's answer waits behind another's.
func TestSerialDialogues(t *testing.T) {
	t.Parallel()
	onSerial(t, Options{}, func(m *Manager, p *peer) {
		for range 2 {
			var typing []*Session
			for range 12 {
				s := m.Session()
				exchange(t, s, ascii(), new(tacacs.AuthenReply))
				login(t, m) // which may use a connection that a dialogue would
				typing = append(typing, s)
			}
			next := make(chan *Session, len(typing))
			for _, s := range typing {
				next <- s
			}
			if took := atOnce(len(typing), func() { exchange(t, <-next, typed("password"), new(tacacs.AuthenReply)) }); took > time.Second {
				t.Errorf("answers took %v", took)
			}
		}
		synctest.Wait()
		if st := m.Stats(); st.Shared != 4 {
			t.Errorf("%+v, four connections were to be kept", st)
		}
	})
}

// TestQueueIsNoSilence: where no other connection is to be had, a session waits for its turn, however long others take.
func TestQueueIsNoSilence(t *testing.T) {
	t.Parallel()
	onSerial(t, Options{Connections: 1, MaxConnections: 1, ReplyTimeout: 2 * time.Second}, func(m *Manager, p *peer) {
		login(t, m)
		if took := atOnce(8, func() { slowLogin(t, m) }); took != 8*time.Second {
			t.Errorf("took %v", took)
		}
		if n := p.Accepted(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestQuickSerialServer: where a server is quick, a connection takes as many sessions as it answers in time.
func TestQuickSerialServer(t *testing.T) {
	t.Parallel()
	onSerial(t, Options{Connections: 1}, func(m *Manager, p *peer) {
		login(t, m)
		atOnce(500, func() { login(t, m) })
		if n := p.Accepted(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestInterleavingIsSeen: a reply to a request that a later one overtook opens a connection to all sessions, and a
// long row of slow replies in order closes it.
func TestInterleavingIsSeen(t *testing.T) {
	t.Parallel()
	p := newHolding(t)
	m := managerOf(t, p.peer, Options{Connections: 1})
	typing := m.Session()
	exchange(t, typing, ascii(), new(tacacs.AuthenReply))
	c := typing.conn
	c.m.mu.Lock()
	typing.dialogue, c.dialogues = false, 0 // so that the next one joins it
	c.m.mu.Unlock()
	done := make(chan error, 1)
	go func() { done <- m.Exchange(context.Background(), heldAcct(), new(tacacs.AcctReply)) }()
	<-p.held
	exchange(t, typing, typed("password"), new(tacacs.AuthenReply))
	if m.pace.interleaves {
		t.Error("a request that is overtaken may never be answered")
	}
	for range 10 { // it is known to hold up nobody
		login(t, m)
	}
	p.let()
	if err := <-done; err != nil || p.Accepted() != 1 || !m.pace.interleaves {
		t.Errorf("%v, %d connections, %v", err, p.Accepted(), m.pace.interleaves)
	}

	now := time.Now()
	m = &Manager{pace: pace{interleaves: true}}
	m.opts.fill("")
	c = &conn{m: m}
	for i := range maxDoubts {
		if !m.pace.interleaves {
			t.Errorf("%d replies were enough", i)
		}
		first, second := &Session{m: m, conn: c}, &Session{m: m, conn: c}
		c.traffic.sent(&first.turn, now)
		c.traffic.sent(&second.turn, now)
		now = now.Add(long)
		c.answered(first, now)
		second.turn.since = now // not slow, and alone
		c.answered(second, now)
	}
	if m.pace.interleaves || c.traffic.flying != 0 || c.traffic.first != nil || c.traffic.last != nil {
		t.Errorf("%+v", c.traffic)
	}
}

// TestWindow: how many requests a connection of a quick server holds grows while they are needed and shrinks once
// replies are slow. One that takes the server long leaves one.
func TestWindow(t *testing.T) {
	t.Parallel()
	now := time.Now()
	m := &Manager{pace: pace{quick: proof - 1}}
	m.opts.fill("")
	c := &conn{m: m}
	serve := func(n int, each time.Duration) {
		now = now.Add(1)
		var list []*Session
		for range n {
			s := &Session{m: m, conn: c}
			c.traffic.sent(&s.turn, now)
			list = append(list, s)
		}
		for _, s := range list {
			now = now.Add(each)
			c.answered(s, now)
		}
	}
	for _, step := range []struct {
		times, n      int
		each          time.Duration
		window, quick int
	}{
		{1, 1, 0, 0, proof},
		{20, 1, 0, 2, proof}, // one after the other needs no more
		{1, 4, 0, 4, proof},
		{99, 100, 0, pipeline / 4, proof},
		{1, 1, stalled, 4, proof},
		{1, 3, stalled, 2, proof}, // that is one cut
		{1, 2, 0, 3, proof},
		{3, 1, stalled, 1, proof},
		{1, 1, long, 1, 0},
		{1, proof, 0, 1, proof},
	} {
		for range step.times {
			serve(step.n, step.each)
		}
		if c.traffic.window != step.window || m.pace.quick != step.quick || c.load() != 0 {
			t.Errorf("%+v: window %d after %d quick replies, load %d", step, c.traffic.window, m.pace.quick, c.load())
		}
	}
	m.pace.interleaves, m.pace.doubts, c.traffic.overtaken = true, maxDoubts-1, 1
	if c.load() != 1 {
		t.Error("an interleaving server is not busy with what was overtaken")
	}
	c.answered(&Session{m: m, conn: c, turn: turn{since: now}}, now)
	if m.pace.doubts != 0 || c.load() != 0 {
		t.Errorf("%d doubts", m.pace.doubts)
	}
}

// TestDroppedRequest: a serial server that never answers one request does not look as if it interleaved.
func TestDroppedRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		p := startPeer(t, &peer{Secret: testSecret, Listener: network, Quiet: true}, func(l *link) {
			for h, body := range l.Requests() {
				switch b := body.(type) {
				case *tacacs.AcctRequest:
					continue
				case *tacacs.AuthenStart:
					if string(b.Data) == "slow" {
						time.Sleep(time.Second)
					}
				}
				l.Send(h.Answer(h.Flags), pass(body))
			}
		})
		m := managerOf(t, p, Options{Dial: network.Dial, ReplyTimeout: 2 * time.Second})
		atOnce(1000, func() { login(t, m) })
		begun := time.Now()
		fails(t, "the dropped one", recordAmong(m, 10), engines.NoAnswer, FaultTimeout)
		if took := time.Since(begun); took > 2*time.Second+100*time.Millisecond {
			t.Errorf("its silence took %v", took)
		}
		time.Sleep(stalled)
		if took := atOnce(24, func() { slowLogin(t, m) }); took > time.Second+3*queueing {
			t.Errorf("logins of a second took %v", took)
		}
	})
}

// recordAmong makes an accounting record, with logins right behind it and each tenth of a second from then on, and
// returns the record's error.
func recordAmong(m *Manager, logins int) error {
	err := make(chan error, 1)
	go func() { err <- m.Exchange(context.Background(), acct(), new(tacacs.AcctReply)) }()
	synctest.Wait()
	for {
		atOnce(logins, func() { _ = tryLogin(m) })
		select {
		case e := <-err:
			return e
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// TestGivenUpOnSerial: a server that is busy with a request whose caller has gone holds up no other session.
func TestGivenUpOnSerial(t *testing.T) {
	t.Parallel()
	onSerial(t, Options{}, func(m *Manager, p *peer) {
		for range 8 {
			login(t, m)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
				defer cancel()
				if err := m.Exchange(ctx, pap("slow"), new(tacacs.AuthenReply)); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := atOnce(24, func() { login(t, m) }); took > queueing {
			t.Errorf("quick logins took %v", took)
		}
	})
}

// TestDeadConnection: a connection on which requests are given up after a second without any reply gets no more of
// them, even if no caller stays to the end of a timeout.
func TestDeadConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		p := startPeer(t, &peer{Secret: testSecret, Listener: network, Quiet: true}, func(l *link) {
			for h, body := range l.Requests() {
				if l.N > 1 || body.(*tacacs.AuthenStart).User == "bob" {
					l.Send(h.Answer(h.Flags), pass(body))
				}
			}
		})
		m := interleaving(managerOf(t, p, Options{Dial: network.Dial, Connections: 1}))
		login(t, m)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		lost := pap("password")
		lost.User = "alice"
		if err := m.Exchange(ctx, lost, new(tacacs.AuthenReply)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := m.Exchange(context.Background(), lost, new(tacacs.AuthenReply)); err != nil || p.Accepted() != 2 {
			t.Errorf("%v, %d connections", err, p.Accepted())
		}
	})
}

// TestSlowDialling: a connection that takes long to be made holds up only the session that makes it, and others for
// a moment.
func TestSlowDialling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		p := startPeer(t, &peer{Secret: testSecret, Listener: network, Quiet: true}, serial)
		var dialled atomic.Int32
		m := managerOf(t, p, Options{Dial: func(ctx context.Context, a, b string) (net.Conn, error) {
			if dialled.Add(1) <= 4 {
				time.Sleep(3 * time.Second)
			}
			return network.Dial(ctx, a, b)
		}})
		var quick atomic.Int32
		atOnce(24, func() {
			begun := time.Now()
			slowLogin(t, m)
			if time.Since(begun) <= time.Second+dialPatience+queueing {
				quick.Add(1)
			}
		})
		if n := quick.Load(); n != 20 {
			t.Errorf("%d of 24 logins did not wait for what others dialled", n)
		}
	})
}

// TestSurplus: a connection is one too many only beside others that new sessions may use.
func TestSurplus(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		other *conn
		want  bool
	}{
		"shared":               {&conn{state: shared}, true},
		"in use by a dialogue": {&conn{state: shared, dialogues: 1}, false},
		"draining":             {&conn{state: shared, draining: true}, false},
		"of the other secret":  {&conn{state: shared, key: 1}, false},
		"being negotiated":     {&conn{state: first}, false},
	} {
		m := &Manager{opts: Options{Connections: 1}}
		own := &conn{m: m, state: shared}
		c.other.m = m
		m.conns = []*conn{own, c.other}
		if got := own.surplus(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
