package conns

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// rogue is what a server does wrong with the answer to one request.
type rogue struct {
	name   string
	do     func(l *link, h tacacs.Header, body tacacs.Body)
	reason engines.Reason
	fault  error
	closes bool // the connection, even with others on it; else they may end
}

func raw(l *link, h tacacs.Header, b []byte, length uint32) {
	h.Length = length
	tacacs.Obfuscate(b, h, l.Secret)
	_, _ = l.Write(append(h.Append(nil), b...))
}

// octets is a body in the clear.
func octets(body tacacs.Body) []byte {
	b, err := body.Append(nil)
	if err != nil {
		panic(err)
	}
	return b
}

var rogues = []rogue{
	{"wrong key", func(l *link, h tacacs.Header, body tacacs.Body) {
		b, _ := tacacs.AppendPacket(nil, h.Answer(4), pass(body), "quite another secret")
		_, _ = l.Write(b)
	}, engines.BadReply, FaultSecret, false},
	{"sequence skipped", func(l *link, h tacacs.Header, body tacacs.Body) {
		h.Seq += 2
		l.Send(h.Answer(4), pass(body))
	}, engines.BadReply, tacacs.FaultSequence, false},
	{"sequence of a client", func(l *link, h tacacs.Header, body tacacs.Body) {
		h = h.Answer(4)
		h.Seq--
		l.Send(h, pass(body))
	}, engines.BadReply, tacacs.FaultSequence, false},
	{"sequence 0", func(l *link, h tacacs.Header, body tacacs.Body) {
		h = h.Answer(4)
		h.Seq = 0
		l.Send(h, pass(body))
	}, engines.BadReply, tacacs.FaultSequence, false},
	{"type of another", func(l *link, h tacacs.Header, body tacacs.Body) {
		h = h.Answer(4)
		h.Type = tacacs.TypeAcct
		l.Send(h, &tacacs.AcctReply{Status: tacacs.AcctSuccess})
	}, engines.BadReply, tacacs.FaultType, false},
	{"unknown type", func(l *link, h tacacs.Header, body tacacs.Body) {
		h = h.Answer(4)
		h.Type = 9
		l.Send(h, pass(body))
	}, engines.BadReply, tacacs.FaultType, true},
	{"major version", func(l *link, h tacacs.Header, body tacacs.Body) {
		h = h.Answer(4)
		h.Version = 0xd0
		l.Send(h, pass(body))
	}, engines.BadReply, tacacs.FaultVersion, true},
	{"4 GiB promised", func(l *link, h tacacs.Header, body tacacs.Body) {
		raw(l, h.Answer(4), octets(pass(body)), 0xffffffff)
	}, engines.BadReply, tacacs.FaultTooLong, true},
	{"65536 octets promised", func(l *link, h tacacs.Header, body tacacs.Body) {
		raw(l, h.Answer(4), octets(pass(body)), 65536)
	}, engines.BadReply, tacacs.FaultTooLong, true},
	{"trailing octets", func(l *link, h tacacs.Header, body tacacs.Body) {
		b := append(octets(pass(body)), 1, 2, 3, 4, 5)
		raw(l, h.Answer(4), b, uint32(len(b)))
	}, engines.BadReply, tacacs.FaultLengths, false},
	{"lengths that want more", func(l *link, h tacacs.Header, body tacacs.Body) {
		b := octets(pass(body))
		binary.BigEndian.PutUint16(b[2:], 9)
		raw(l, h.Answer(4), b, uint32(len(b)))
	}, engines.BadReply, tacacs.FaultLengths, false},
	{"an empty body", func(l *link, h tacacs.Header, _ tacacs.Body) {
		raw(l, h.Answer(4), nil, 0)
	}, engines.ServerError, FaultEmpty, false},
	{"a status that does not exist", func(l *link, h tacacs.Header, _ tacacs.Body) {
		l.Send(h.Answer(4), &tacacs.AuthenReply{Status: 0x55})
	}, engines.BadReply, tacacs.FaultStatus, false},
	{"unencrypted flag", func(l *link, h tacacs.Header, body tacacs.Body) {
		l.Send(h.Answer(4|tacacs.FlagUnencrypted), pass(body))
	}, engines.BadReply, tacacs.FaultFlag, true},
	{"closed without a word", func(l *link, _ tacacs.Header, _ tacacs.Body) {
		l.Close()
	}, engines.Unreachable, FaultClosed, true},
	{"closed in the middle of a header", func(l *link, h tacacs.Header, _ tacacs.Body) {
		_, _ = l.Write(h.Answer(4).Append(nil)[:7])
		l.Close()
	}, engines.Unreachable, FaultClosed, true},
	{"closed in the middle of a body", func(l *link, h tacacs.Header, body tacacs.Body) {
		raw(l, h.Answer(4), octets(pass(body)), 100)
		l.Close()
	}, engines.Unreachable, FaultClosed, true},
}

// TestRoguesInSharedTerms: a packet that breaks the protocol is malformed for all engines, but for one whose flag does
// not match the transport. Garbage under the secret is unverified.
func TestRoguesInSharedTerms(t *testing.T) {
	t.Parallel()
	for f := tacacs.FaultShort; f <= tacacs.FaultFlag; f++ {
		err := badReply(f)
		if !errors.Is(err, f) || errors.Is(err, engines.ErrUnverified) || errors.Is(err, engines.ErrMalformed) != (f != tacacs.FaultFlag) {
			t.Errorf("%v: malformed %t", err, errors.Is(err, engines.ErrMalformed))
		}
	}
	for f := FaultEmpty; f <= FaultBusy; f++ {
		if errors.Is(f, engines.ErrUnverified) != (f == FaultSecret) || errors.Is(f, engines.ErrMalformed) {
			t.Errorf("%v in terms of all engines", f)
		}
	}
	if err := error(&secretError{badReply(tacacs.FaultLengths)}); !errors.Is(err, engines.ErrUnverified) {
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
				if l.N > 1 {
					good(l)
					return
				}
				if h, body, ok := l.Next(); ok {
					r.do(l, h, body)
					l.Next()
				}
			})
			m := managerOf(t, p, Options{})
			s := m.Session()
			err := s.Exchange(context.Background(), pap("password"), new(tacacs.AuthenReply))
			fails(t, "the session", err, r.reason, r.fault)
			if s.Err() == nil {
				t.Error("the session has no error")
			}
			eventually(t, "the connection's end", func() bool { return m.Stats().Connections == 0 })
			login(t, m)
			if n := p.Accepted(); n != 2 {
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
				if l.N > 1 {
					good(l)
					return
				}
				h, body, _ := l.Next()
				l.Send(h.Answer(4), pass(body))
				other, otherBody, _ := l.Next()
				bad, badBody, ok := l.Next()
				if !ok {
					return
				}
				if _, ok := otherBody.(*tacacs.AcctRequest); !ok {
					other, otherBody, bad, badBody = bad, badBody, other, otherBody
				}
				r.do(l, bad, badBody)
				<-elsewhere
				l.Send(other.Answer(0), pass(otherBody))
				l.Next()
			})
			m := interleaving(managerOf(t, p, Options{Connections: 1}))
			login(t, m)
			other := make(chan error, 1)
			go func() { other <- m.Exchange(context.Background(), acct(), new(tacacs.AcctReply)) }()
			err := m.Exchange(context.Background(), pap("password"), new(tacacs.AuthenReply))
			fails(t, "the session", err, r.reason, r.fault)
			login(t, m)
			if n := p.Accepted(); n != 2 {
				t.Errorf("%d connections", n)
			}
			close(elsewhere)
			if err := <-other; !r.closes && err != nil {
				t.Errorf("the other session: %v", err)
			} else if r.closes && !errors.Is(err, FaultClosed) && !errors.Is(err, r.fault) {
				t.Errorf("the other session: %v", err)
			} else if r.closes && errors.Is(r.fault, tacacs.FaultFlag) && errors.Is(err, tacacs.FaultFlag) {
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
		for h, body := range l.Requests() {
			if a, ok := body.(*tacacs.AcctRequest); ok && a.User == "bob" {
				h.SessionID++
			}
			l.Send(h.Answer(4), pass(body))
		}
	})
	shared := managerOf(t, p, Options{Connections: 1})
	login(t, shared)
	s := shared.Session()
	go func() {
		eventually(t, "the stray", func() bool { return shared.Stats().Strays == 1 })
		s.tooLate()
	}()
	err := s.Exchange(context.Background(), acct(), new(tacacs.AcctReply))
	fails(t, "shared", err, engines.BadReply, tacacs.FaultSessionID)
	login(t, shared)
	if s := shared.Stats(); s.Strays != 1 {
		t.Errorf("%+v", s)
	}
	first := managerOf(t, p, Options{ReplyTimeout: time.Hour})
	err = first.Exchange(context.Background(), acct(), new(tacacs.AcctReply))
	fails(t, "first", err, engines.BadReply, tacacs.FaultSessionID)
	eventually(t, "the connection's end", func() bool { return first.Stats().Connections == 0 })
}

// TestUnasked: a second reply to a session between rounds breaks the sequence.
func TestUnasked(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(l *link) {
		h, body, _ := l.Next()
		l.Send(h.Answer(4), pass(body))
		l.Send(h.Answer(0), pass(body))
		l.Next()
	})
	m := managerOf(t, p, Options{})
	s := m.Session()
	exchange(t, s, ascii(), new(tacacs.AuthenReply))
	eventually(t, "the error", func() bool { return s.Err() != nil })
	fails(t, "going on", s.Exchange(context.Background(), typed("password"), new(tacacs.AuthenReply)), engines.BadReply, tacacs.FaultSequence)
}

// TestUnknownFlags: bits that mean nothing are ignored.
func TestUnknownFlags(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(l *link) {
		for h, body := range l.Requests() {
			l.Send(h.Answer(0xfe), pass(body))
		}
	})
	m := managerOf(t, p, Options{})
	login(t, m)
	login(t, m)
	if p.Accepted() != 1 {
		t.Error("the connection was not kept")
	}
}

// TestMinorVersionOfReply: servers differ in which of the two minor versions they answer with.
func TestMinorVersionOfReply(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(l *link) {
		for h, body := range l.Requests() {
			h.Version ^= 1
			l.Send(h.Answer(4), pass(body))
		}
	})
	login(t, managerOf(t, p, Options{}))
}

// TestLongReply: a body longer than the reader's buffer arrives whole, one over MaxReply not at all.
func TestLongReply(t *testing.T) {
	t.Parallel()
	for _, n := range []int{readAhead - 5, readAhead, tacacs.MaxBody - 5} {
		msg := string(make([]byte, n))
		p := newPeer(t, func(l *link) {
			for h := range l.Requests() {
				l.Send(h.Answer(4), &tacacs.AcctReply{Status: tacacs.AcctSuccess, ServerMsg: msg})
			}
		})
		m := managerOf(t, p, Options{})
		for range 3 {
			var r tacacs.AcctReply
			exchange(t, m.Session(), acct(), &r)
			if r.ServerMsg != msg {
				t.Errorf("%d octets became %d", n, len(r.ServerMsg))
			}
		}
		small := managerOf(t, p, Options{MaxReply: 1000})
		fails(t, "over MaxReply", small.Exchange(context.Background(), acct(), new(tacacs.AcctReply)), engines.BadReply, tacacs.FaultTooLong)
	}
}
