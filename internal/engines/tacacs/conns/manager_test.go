package conns

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// TestStalledBesideOthers: on one connection, a session without an answer holds up nobody.
func TestStalledBesideOthers(t *testing.T) {
	t.Parallel()
	p := newHolding(t)
	m := interleaving(managerOf(t, p.peer, Options{Connections: 1}))
	login(t, m)
	stalledOne := make(chan error, 1)
	go func() { stalledOne <- m.Exchange(context.Background(), heldAcct(), new(tacacs.AcctReply)) }()
	<-p.held
	for range 100 {
		login(t, m)
	}
	select {
	case err := <-stalledOne:
		t.Errorf("the stalled session ended: %v", err)
	default:
	}
	p.let()
	if err := <-stalledOne; err != nil {
		t.Error(err)
	}
	if p.Accepted() != 1 {
		t.Errorf("%d connections", p.Accepted())
	}
}

// TestStalledConnection: a server that works off a connection one request at a time is
// stuck with it on a stalled one. New sessions go to other connections.
func TestStalledConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		held, release := make(chan struct{}), make(chan struct{})
		network := newPipes()
		p := startPeer(t, &peer{Secret: testSecret, Listener: network}, func(l *link) {
			for h, body := range l.Requests() {
				if a, ok := body.(*tacacs.AcctRequest); ok && a.User == "held" {
					close(held)
					<-release
				}
				l.Send(h.Answer(4), pass(body))
			}
		})
		m := managerOf(t, p, Options{Connections: 2, Dial: network.Dial})
		login(t, m)
		done := make(chan error, 1)
		go func() { done <- m.Exchange(context.Background(), heldAcct(), new(tacacs.AcctReply)) }()
		<-held
		for range 100 {
			login(t, m)
		}
		time.Sleep(stalled) // now it is known to be stuck, and even a busier one is better
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { login(t, m) })
		}
		wg.Wait()
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := p.Accepted(); n != 2 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestConnectionsAreBounded: many sessions at once use as many connections as allowed, and each as many
// sessions as allowed. One more waits until a place is free.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	p := newHolding(t)
	m := interleaving(managerOf(t, p.peer, Options{Connections: 3, MaxSessions: 4, ReplyTimeout: time.Hour}))
	var wg sync.WaitGroup
	var sessions []*Session
	for len(sessions) < 12 {
		if len(sessions) < 3 {
			login(t, m) // makes a connection, since those before are busy
		}
		s := m.Session()
		sessions = append(sessions, s)
		wg.Go(func() {
			if err := s.Exchange(context.Background(), heldAcct(), new(tacacs.AcctReply)); err != nil && !errors.Is(err, FaultEnded) {
				t.Error(err)
			}
		})
		<-p.held
	}
	if st := m.Stats(); st.Connections != 3 || st.Shared != 3 || st.Sessions != 12 {
		t.Errorf("%+v", st)
	}
	m.mu.Lock()
	for _, c := range m.conns {
		if len(c.sessions) != 4 {
			t.Errorf("%d sessions on a connection", len(c.sessions))
		}
	}
	m.opts.MaxConnections = 3
	m.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := m.Exchange(ctx, pap("password"), new(tacacs.AuthenReply)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a place: %v", err)
	}
	m.mu.Lock()
	m.notify() // forget the one that waited
	m.mu.Unlock()
	done := make(chan error, 1)
	go func() { done <- tryLogin(m) }()
	eventually(t, "a session that waits", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.changed != nil
	})
	sessions[7].Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	p.let()
	wg.Wait()
}

// TestConnectionEach: a server that refuses single connection mode gets a connection a session, at most
// MaxConnections at once; who has no place waits, and gives up when told to.
func TestConnectionEach(t *testing.T) {
	t.Parallel()
	var open, most atomic.Int32
	p := newPeer(t, func(l *link) {
		if n := open.Add(1); n > most.Load() {
			most.Store(n)
		}
		refuses(l)
		open.Add(-1)
	})
	m := managerOf(t, p, Options{MaxConnections: 5})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { login(t, m) })
	}
	wg.Wait()
	// A connection that the manager has closed may be open at the server for a moment more.
	if n := p.Accepted(); n != 50 || most.Load() > 10 {
		t.Errorf("%d connections, %d at once", n, most.Load())
	}
	typing := make([]*Session, 5)
	for i := range typing {
		typing[i] = m.Session()
		exchange(t, typing[i], ascii(), new(tacacs.AuthenReply))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := m.Exchange(ctx, pap("password"), new(tacacs.AuthenReply)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without a place: %v", err)
	}
	wg.Go(func() { login(t, m) })
	typing[0].Close()
	wg.Wait()
	for _, s := range typing {
		s.Close()
	}
}

// TestBusy: without a deadline of the caller's, waiting for a place ends all the same.
func TestBusy(t *testing.T) {
	t.Parallel()
	p := newPeer(t, refuses)
	m := managerOf(t, p, Options{MaxConnections: 1, ReplyTimeout: 300 * time.Millisecond, DialTimeout: 300 * time.Millisecond})
	s := m.Session()
	exchange(t, s, ascii(), new(tacacs.AuthenReply))
	fails(t, "busy", m.Exchange(context.Background(), pap("password"), new(tacacs.AuthenReply)), engines.NoAnswer, FaultBusy)
	s.Close()
	eventually(t, "a place", func() bool { return tryLogin(m) == nil })
}

// TestIdle: an unused connection is closed by the client; the next session has a new one.
func TestIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		p := startPeer(t, &peer{Secret: testSecret, Listener: network}, good)
		m := managerOf(t, p, Options{IdleTimeout: 30 * time.Millisecond, Dial: network.Dial})
		login(t, m)
		time.Sleep(30*time.Millisecond - time.Nanosecond)
		if s := m.Stats(); s.Connections != 1 {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Nanosecond)
		onWire(t, p, "1 a> AuthenStart 1 single", "1 a< AuthenReply 2 single", "1 closed by client")
		s := m.Session()
		exchange(t, s, ascii(), new(tacacs.AuthenReply))
		time.Sleep(time.Minute) // a dialogue is not idleness
		exchange(t, s, typed("password"), new(tacacs.AuthenReply))
		login(t, m)
		if n := p.Accepted(); n != 2 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestServerClosesIdle: a server may close a shared connection at any time (RFC 8907 §4.3).
func TestServerClosesIdle(t *testing.T) {
	t.Parallel()
	p := newPeer(t, good)
	m := managerOf(t, p, Options{})
	for range 5 {
		login(t, m)
		p.Cut()
		eventually(t, "notice of it", func() bool { return m.Stats().Connections == 0 })
	}
	if n := p.Accepted(); n != 5 {
		t.Errorf("%d connections", n)
	}
}

// watched is a START that calls seen first when it is checked, and then, with a connection chosen, each time that it
// is encoded.
type watched struct {
	*tacacs.AuthenStart
	seen func()
}

func (w watched) Validate() error { w.seen(); return w.AuthenStart.Validate() }

func (w watched) Append(dst []byte) ([]byte, error) { w.seen(); return w.AuthenStart.Append(dst) }

// TestClosedBeforeUse: a connection that goes between its choice and its use is replaced,
// since nothing was sent on it, though not for ever.
func TestClosedBeforeUse(t *testing.T) {
	t.Parallel()
	for cuts, want := range map[int]error{1: nil, 2: nil, 3: FaultClosed} {
		p := newPeer(t, good)
		m := managerOf(t, p, Options{})
		calls := 0
		start := watched{ascii(), func() {
			if calls++; calls == 1 || calls > cuts+1 {
				return
			}
			eventually(t, "the peer's side", func() bool { return p.Accepted() == calls-1 })
			p.Cut()
			eventually(t, "notice", func() bool { return m.Stats().Connections == 0 })
		}}
		s := m.Session()
		if err := s.Exchange(context.Background(), start, new(tacacs.AuthenReply)); !errors.Is(err, want) {
			t.Errorf("closed %d times: %v", cuts, err)
		}
		if n := p.Accepted(); n != min(cuts+1, 3) {
			t.Errorf("closed %d times: %d connections", cuts, n)
		}
		s.Close()
	}
}

// TestRetire: what is under way ends, idle connections close, and a late session still works.
func TestRetire(t *testing.T) {
	t.Parallel()
	p := newPeer(t, good)
	m := managerOf(t, p, Options{Connections: 2})
	s := m.Session()
	exchange(t, s, ascii(), new(tacacs.AuthenReply))
	m.Retire()
	if st := m.Stats(); st.Connections != 1 {
		t.Errorf("%+v", st)
	}
	exchange(t, s, typed("password"), new(tacacs.AuthenReply))
	eventually(t, "the end of the connection", func() bool { return m.Stats().Connections == 0 })
	login(t, m)
	eventually(t, "the end of the late one's", func() bool { return m.Stats().Connections == 0 })
}

// TestNothingReads: where a server takes no octets, new sessions queue none on its connection, which
// is closed after WriteTimeout.
func TestNothingReads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		network := newPipes() // whose connections hold no octet that is not read
		p := startPeer(t, &peer{Secret: testSecret, Listener: network}, func(l *link) {
			h, body, ok := l.Next()
			if !ok {
				return
			}
			l.Send(h.Answer(4), pass(body))
			<-stop
		})
		m := managerOf(t, p, Options{Connections: 1, WriteTimeout: 100 * time.Millisecond, Dial: network.Dial})
		login(t, m)
		c := m.conns[0]
		answer := &tacacs.AuthenContinue{UserMsg: make(tacacs.Sensitive, 60000)}
		var wg sync.WaitGroup
		start := time.Now()
		for range 200 { // dialogues whose second request is long
			s := m.Session()
			m.mu.Lock()
			c.add(s)
			s.kind, s.version, s.seq = tacacs.TypeAuthen, tacacs.Version0, 1
			m.mu.Unlock()
			wg.Go(func() {
				fails(t, "unread", s.Exchange(context.Background(), answer, new(tacacs.AuthenReply)), engines.Unreachable, FaultClosed)
			})
		}
		synctest.Wait()
		m.mu.Lock()
		queued := c.unwritten()
		m.mu.Unlock()
		login(t, m)
		if queued <= maxQueued || p.Accepted() != 2 {
			t.Errorf("with %d octets queued, the next session is on connection %d", queued, p.Accepted())
		}
		wg.Wait()
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("closed after %v", took)
		}
		close(stop)
	})
}

func TestNewManager(t *testing.T) {
	t.Parallel()
	if _, err := NewManager("192.0.2.1:49", Secrets{}, Options{}); !errors.Is(err, ErrNoSecret) {
		t.Errorf("without a secret: %v", err)
	}
	if _, err := NewManager("192.0.2.1", Secrets{Current: aaa.NewSecret("x")}, Options{}); err == nil {
		t.Error("no port is no fault")
	}
}
