package tacacs

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// serial is a server that grants single connection mode and serves a connection's sessions one after the other.
// What takes long is a login with the password "slow", or with one that was typed.
func serial(l *link) {
	for h, body := range l.requests() {
		switch b := body.(type) {
		case *AuthenStart:
			if string(b.Data) == "slow" {
				time.Sleep(time.Second)
			}
		case *AuthenContinue:
			if b.Flags&ContinueAbort != 0 {
				continue
			}
			time.Sleep(time.Second)
		}
		l.send(h.answer(h.Flags), pass(body))
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
	if err := m.Exchange(context.Background(), pap("slow"), new(AuthenReply)); err != nil {
		t.Error(err)
	}
}

// onSerial runs a test with a server that serves a connection's sessions one after the other.
func onSerial(t *testing.T, opts Options, test func(*Manager, *peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		p := startPeer(t, &peer{secret: testSecret, ln: network, quiet: true}, serial)
		opts.Dial = network.Dial
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
		atOnce(200, func() { login(t, m) })
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
				exchange(t, s, ascii(), new(AuthenReply))
				login(t, m) // which may use a connection that a dialogue would
				typing = append(typing, s)
			}
			next := make(chan *Session, len(typing))
			for _, s := range typing {
				next <- s
			}
			if took := atOnce(len(typing), func() { exchange(t, <-next, typed("password"), new(AuthenReply)) }); took > time.Second {
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
		if n := p.accepted(); n != 1 {
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
		if n := p.accepted(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestInterleavingIsSeen: a reply that overtakes another one opens a connection to all sessions, and a long
// row of slow replies in order closes it.
func TestInterleavingIsSeen(t *testing.T) {
	t.Parallel()
	p := newHolding(t)
	m := managerOf(t, p.peer, Options{Connections: 1})
	typing := m.Session()
	exchange(t, typing, ascii(), new(AuthenReply))
	c := typing.conn
	c.m.mu.Lock()
	typing.dialogue, c.dialogues = false, 0 // so that the next one joins it
	c.m.mu.Unlock()
	done := make(chan error, 1)
	go func() { done <- m.Exchange(context.Background(), heldAcct(), new(AcctReply)) }()
	<-p.held
	exchange(t, typing, typed("password"), new(AuthenReply))
	if !m.interleaves {
		t.Error("it was not seen")
	}
	for range 10 {
		login(t, m)
	}
	p.let()
	if err := <-done; err != nil || p.accepted() != 1 {
		t.Errorf("%v, %d connections", err, p.accepted())
	}

	now := time.Now()
	m = &Manager{interleaves: true}
	m.opts.fill("")
	c = &conn{m: m}
	for i := range maxDoubts {
		if !m.interleaves {
			t.Errorf("%d replies were enough", i)
		}
		first, second := &Session{m: m, conn: c, since: now}, &Session{m: m, conn: c, since: now}
		c.flight.add(first)
		c.flight.add(second)
		c.moved = now
		now = now.Add(stalled)
		c.answered(first, now)
		second.since = now // not slow, and alone
		c.answered(second, now)
	}
	if m.interleaves || c.flight != (flight{}) {
		t.Errorf("%+v", c.flight)
	}
}
