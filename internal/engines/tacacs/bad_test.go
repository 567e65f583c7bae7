package tacacs

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"aaa-api/internal/engines"
)

// rogue is what a server does wrong with the answer to one request.
type rogue struct {
	name   string
	do     func(l *link, h Header, body Body)
	reason engines.Reason
	fault  error
	closes bool // the connection, even with others on it; else they may end
}

func raw(l *link, h Header, b []byte, length uint32) {
	h.Length = length
	Obfuscate(b, h, l.secret)
	_, _ = l.Write(append(h.Append(nil), b...))
}

// octets is a body in the clear.
func octets(body Body) []byte {
	b, err := body.Append(nil)
	if err != nil {
		panic(err)
	}
	return b
}

var rogues = []rogue{
	{"wrong key", func(l *link, h Header, body Body) {
		b, _ := AppendPacket(nil, h.answer(4), pass(body), "quite another secret")
		_, _ = l.Write(b)
	}, engines.BadReply, FaultSecret, false},
	{"sequence skipped", func(l *link, h Header, body Body) {
		h.Seq += 2
		l.send(h.answer(4), pass(body))
	}, engines.BadReply, FaultSequence, false},
	{"sequence of a client", func(l *link, h Header, body Body) {
		h = h.answer(4)
		h.Seq--
		l.send(h, pass(body))
	}, engines.BadReply, FaultSequence, false},
	{"sequence 0", func(l *link, h Header, body Body) {
		h = h.answer(4)
		h.Seq = 0
		l.send(h, pass(body))
	}, engines.BadReply, FaultSequence, false},
	{"type of another", func(l *link, h Header, body Body) {
		h = h.answer(4)
		h.Type = TypeAcct
		l.send(h, &AcctReply{Status: AcctSuccess})
	}, engines.BadReply, FaultType, false},
	{"unknown type", func(l *link, h Header, body Body) {
		h = h.answer(4)
		h.Type = 9
		l.send(h, pass(body))
	}, engines.BadReply, FaultType, true},
	{"major version", func(l *link, h Header, body Body) {
		h = h.answer(4)
		h.Version = 0xd0
		l.send(h, pass(body))
	}, engines.BadReply, FaultVersion, true},
	{"4 GiB promised", func(l *link, h Header, body Body) {
		raw(l, h.answer(4), octets(pass(body)), 0xffffffff)
	}, engines.BadReply, FaultTooLong, true},
	{"65536 octets promised", func(l *link, h Header, body Body) {
		raw(l, h.answer(4), octets(pass(body)), 65536)
	}, engines.BadReply, FaultTooLong, true},
	{"trailing octets", func(l *link, h Header, body Body) {
		b := append(octets(pass(body)), 1, 2, 3, 4, 5)
		raw(l, h.answer(4), b, uint32(len(b)))
	}, engines.BadReply, FaultLengths, false},
	{"lengths that want more", func(l *link, h Header, body Body) {
		b := octets(pass(body))
		binary.BigEndian.PutUint16(b[2:], 9)
		raw(l, h.answer(4), b, uint32(len(b)))
	}, engines.BadReply, FaultLengths, false},
	{"an empty body", func(l *link, h Header, _ Body) {
		raw(l, h.answer(4), nil, 0)
	}, engines.ServerError, FaultEmpty, false},
	{"a status that does not exist", func(l *link, h Header, _ Body) {
		l.send(h.answer(4), &AuthenReply{Status: 0x55})
	}, engines.BadReply, FaultStatus, false},
	{"unencrypted flag", func(l *link, h Header, body Body) {
		l.send(h.answer(4|FlagUnencrypted), pass(body))
	}, engines.BadReply, FaultFlag, true},
	{"closed without a word", func(l *link, _ Header, _ Body) {
		l.Close()
	}, engines.Unreachable, FaultClosed, true},
	{"closed in the middle of a header", func(l *link, h Header, _ Body) {
		_, _ = l.Write(h.answer(4).Append(nil)[:7])
		l.Close()
	}, engines.Unreachable, FaultClosed, true},
	{"closed in the middle of a body", func(l *link, h Header, body Body) {
		raw(l, h.answer(4), octets(pass(body)), 100)
		l.Close()
	}, engines.Unreachable, FaultClosed, true},
}

// TestRoguesInSharedTerms: every reply that can't be used is one that does not verify or is malformed, but for that whose flag
// is at odds with the transport; the shared secret is to blame for the first alone.
func TestRoguesInSharedTerms(t *testing.T) {
	t.Parallel()
	for f := FaultShort; f <= FaultSecret; f++ {
		unverified, malformed := errors.Is(f, engines.ErrUnverified), errors.Is(f, engines.ErrMalformed)
		if unverified != (f == FaultSecret) || malformed != (f != FaultSecret && f != FaultFlag && f != FaultEmpty) {
			t.Errorf("%v: unverified %t, malformed %t", f, unverified, malformed)
		}
	}
	if err := error(&secretError{FaultLengths}); !errors.Is(err, engines.ErrUnverified) {
		t.Error(err)
	}
}

// TestRogueFirst: each of them on a connection's first reply. The session gets the
// right error, the connection goes, and the next session has a new one.
func TestRogueFirst(t *testing.T) {
	t.Parallel()
	for _, r := range rogues {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, func(l *link) {
				if l.n > 1 {
					good(l)
					return
				}
				if h, body, ok := l.next(); ok {
					r.do(l, h, body)
					l.next()
				}
			})
			m := managerOf(t, p, Options{})
			s := m.Session()
			err := s.Exchange(context.Background(), pap("password"), new(AuthenReply))
			fails(t, "the session", err, r.reason, r.fault)
			if s.Err() == nil {
				t.Error("the session has no error")
			}
			eventually(t, "the connection's end", func() bool { return m.Stats().Connections == 0 })
			login(t, m)
			if n := p.accepted(); n != 2 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestRogueAmongOthers: each of them on a shared connection where another session waits.
// The other one ends well, or is told that the connection has gone; new sessions go elsewhere.
func TestRogueAmongOthers(t *testing.T) {
	t.Parallel()
	for _, r := range rogues {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			elsewhere := make(chan struct{})
			p := newPeer(t, func(l *link) {
				if l.n > 1 {
					good(l)
					return
				}
				h, body, _ := l.next()
				l.send(h.answer(4), pass(body))
				other, otherBody, _ := l.next()
				bad, badBody, ok := l.next()
				if !ok {
					return
				}
				if _, ok := otherBody.(*AcctRequest); !ok {
					other, otherBody, bad, badBody = bad, badBody, other, otherBody
				}
				r.do(l, bad, badBody)
				<-elsewhere
				l.send(other.answer(0), pass(otherBody))
				l.next()
			})
			m := interleaving(managerOf(t, p, Options{Connections: 1}))
			login(t, m)
			other := make(chan error, 1)
			go func() { other <- m.Exchange(context.Background(), acct(), new(AcctReply)) }()
			err := m.Exchange(context.Background(), pap("password"), new(AuthenReply))
			fails(t, "the session", err, r.reason, r.fault)
			login(t, m)
			if n := p.accepted(); n != 2 {
				t.Errorf("%d connections", n)
			}
			close(elsewhere)
			if err := <-other; !r.closes && err != nil {
				t.Errorf("the other session: %v", err)
			} else if r.closes && !errors.Is(err, FaultClosed) && !errors.Is(err, r.fault) {
				t.Errorf("the other session: %v", err)
			} else if r.closes && errors.Is(r.fault, FaultFlag) && errors.Is(err, FaultFlag) {
				t.Error("the other session was taken for the one with the flag")
			}
		})
	}
}

// TestUnknownSession: a reply to nobody is dropped on a shared connection, and a session that waits
// in vain beside it says so. On a connection with one session it is an error at once.
func TestUnknownSession(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(l *link) {
		for h, body := range l.requests() {
			if a, ok := body.(*AcctRequest); ok && a.User == "bob" {
				h.SessionID++
			}
			l.send(h.answer(4), pass(body))
		}
	})
	shared := managerOf(t, p, Options{Connections: 1})
	login(t, shared)
	s := shared.Session()
	go func() {
		eventually(t, "the stray", func() bool { return shared.Stats().Strays == 1 })
		s.tooLate()
	}()
	err := s.Exchange(context.Background(), acct(), new(AcctReply))
	fails(t, "shared", err, engines.BadReply, FaultSessionID)
	login(t, shared)
	if s := shared.Stats(); s.Strays != 1 {
		t.Errorf("%+v", s)
	}
	first := managerOf(t, p, Options{ReplyTimeout: time.Hour})
	err = first.Exchange(context.Background(), acct(), new(AcctReply))
	fails(t, "first", err, engines.BadReply, FaultSessionID)
	eventually(t, "the connection's end", func() bool { return first.Stats().Connections == 0 })
}

// TestUnasked: a second reply to a session between rounds breaks the sequence.
func TestUnasked(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(l *link) {
		h, body, _ := l.next()
		l.send(h.answer(4), pass(body))
		l.send(h.answer(0), pass(body))
		l.next()
	})
	m := managerOf(t, p, Options{})
	s := m.Session()
	exchange(t, s, ascii(), new(AuthenReply))
	eventually(t, "the error", func() bool { return s.Err() != nil })
	fails(t, "going on", s.Exchange(context.Background(), typed("password"), new(AuthenReply)), engines.BadReply, FaultSequence)
}

// TestUnknownFlags: bits that mean nothing are ignored.
func TestUnknownFlags(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(l *link) {
		for h, body := range l.requests() {
			l.send(h.answer(0xfe), pass(body))
		}
	})
	m := managerOf(t, p, Options{})
	login(t, m)
	login(t, m)
	if p.accepted() != 1 {
		t.Error("the connection was not kept")
	}
}

// TestMinorVersionOfReply: servers differ in which of the two minor versions they answer with.
func TestMinorVersionOfReply(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(l *link) {
		for h, body := range l.requests() {
			h.Version ^= 1
			l.send(h.answer(4), pass(body))
		}
	})
	login(t, managerOf(t, p, Options{}))
}

// TestLongReply: a body longer than the reader's buffer arrives whole, one over MaxReply not at all.
func TestLongReply(t *testing.T) {
	t.Parallel()
	for _, n := range []int{readAhead - acctReplyFixed, readAhead, MaxBody - acctReplyFixed} {
		msg := string(make([]byte, n))
		p := newPeer(t, func(l *link) {
			for h := range l.requests() {
				l.send(h.answer(4), &AcctReply{Status: AcctSuccess, ServerMsg: msg})
			}
		})
		m := managerOf(t, p, Options{})
		for range 3 {
			var r AcctReply
			exchange(t, m.Session(), acct(), &r)
			if r.ServerMsg != msg {
				t.Errorf("%d octets became %d", n, len(r.ServerMsg))
			}
		}
		small := managerOf(t, p, Options{MaxReply: 1000})
		fails(t, "over MaxReply", small.Exchange(context.Background(), acct(), new(AcctReply)), engines.BadReply, FaultTooLong)
	}
}
