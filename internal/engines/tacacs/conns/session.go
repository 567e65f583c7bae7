package conns

import (
	"context"
	"errors"
	"sync"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// Session is one TACACS+ session. One goroutine at a time may call Exchange; Close and Abort
// may be called by any.
type Session struct {
	m *Manager

	// Set by Exchange before the session has a place, and constant while it has one.
	kind     tacacs.Type
	version  byte
	dialogue bool // an authentication with rounds that its user answers

	// Guarded by m.mu.
	conn     *conn // nil: no place yet
	id       uint32
	opens    bool // the first packet asks for single connection mode
	state    sessionState
	seq      byte   // of the latest request; 0: none
	sent     int    // packets, on all connections
	strays   uint64 // of the connection, when the request went
	deadline time.Time
	timer    *time.Timer // nil before the first request
	got      tacacs.Header
	body     []byte
	err      error // why it ended, where that was not a final reply

	lost func(error) // called once when the session ends with an error, with m.mu held; may be nil
	turn turn        // in the traffic of conn

	wake chan struct{} // gets a token when a request is answered or has failed
}

type sessionState uint8

const (
	resting  sessionState = iota // between rounds, or not begun
	awaiting                     // a reply
	ended
)

// lastSeq is the last sequence number that Exchange uses; the next one is kept for an abort.
// 255 is never reached (RFC 8907 §4.1).
const lastSeq = 251

// Session makes a session. It does no I/O: the first Exchange finds it a place on a
// connection. The caller must call Close on each session whose latest Exchange returned neither an error nor a
// final reply.
func (m *Manager) Session() *Session {
	return &Session{m: m, wake: make(chan struct{}, 1)}
}

// Exchange sends the next request of the session and waits for its reply, which it decodes
// into receive. The bodies' types must fit each other and the session's first. With a final
// reply the session has ended.
//
// Errors: a *tacacs.FieldError, with nothing sent and the session as it was; ctx's, which may be wrapped together
// with tacacs.FaultSessionID; else a *engines.Failure that wraps a Fault or the network's error, with the Reason
//
//   - NoAnswer: FaultTimeout, FaultExpired, FaultBusy
//   - Unreachable: no connection could be made, or it broke (FaultClosed)
//   - ServerError: FaultEmpty
//   - BadReply: FaultSecret for garbage, else the tacacs.Fault of the packet. RFC 8907 §10.5.2
//     has FaultFlag treated like a FAIL.
//
// FaultEnded is a caller's mistake, FaultExhausted the end of an endless dialogue.
// After any error but a *tacacs.FieldError the session has ended.
func (s *Session) Exchange(ctx context.Context, send tacacs.Request, receive tacacs.Reply) error {
	if err := send.Validate(); err != nil {
		return err
	}
	if s.seq == 0 {
		s.kind, s.version = send.Type(), tacacs.Version0
		if start, ok := send.(*tacacs.AuthenStart); ok {
			s.version, s.dialogue = start.Version(), start.Method == tacacs.AuthenASCII
		}
	}
	if send.Type() != s.kind || receive.Type() != s.kind {
		return &tacacs.FieldError{Field: "type", Problem: "is not the session's"}
	}
	if s.seq > 0 {
		if err := ctx.Err(); err != nil {
			s.m.mu.Lock()
			defer s.m.mu.Unlock()
			s.abort("", err)
			return err
		}
		return s.round(ctx, send, receive)
	}
	err := s.begin(ctx, proved, send, receive)
	if err != nil && len(s.m.secrets) > 1 && s.suspect(err) {
		key := 1 - s.conn.key
		s.again()
		err = s.begin(ctx, key, send, receive)
	}
	return err
}

// placed gives the session its place; mu is held. opens: its first packet asks for single connection mode.
func (s *Session) placed(c *conn, id uint32, opens bool) { s.conn, s.id, s.opens = c, id, opens }

// begin runs the first round. A server may close a connection at any time (RFC 8907 §4.3): if it does so before
// anything was sent, begin takes another one.
func (s *Session) begin(ctx context.Context, key int, send tacacs.Request, receive tacacs.Reply) error {
	for tries := 3; ; tries-- {
		if err := s.m.place(ctx, s, key); err != nil {
			s.m.mu.Lock()
			s.finish(err)
			s.m.mu.Unlock()
			return err
		}
		err := s.round(ctx, send, receive)
		if s.seq > 0 || tries == 1 || !errors.Is(err, FaultClosed) {
			return err
		}
		s.again()
	}
}

// suspect reports whether the end of a first round may be due to a wrong secret.
func (s *Session) suspect(err error) bool {
	return s.seq == 1 && (errors.Is(err, FaultSecret) || errors.Is(err, FaultEmpty) ||
		errors.Is(err, FaultClosed) && !s.conn.verified.Load())
}

// again resets the session, apart from its count of packets.
func (s *Session) again() {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.conn, s.state, s.seq, s.err, s.opens = nil, resting, 0, nil, false
}

// buffers hold packets while they are encoded.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// round sends a request and waits for the reply.
func (s *Session) round(ctx context.Context, send tacacs.Request, receive tacacs.Reply) error {
	c := s.conn
	h := tacacs.Header{Version: s.version, Type: s.kind, SessionID: s.id, Seq: s.seq + 2}
	if s.seq == 0 {
		h.Seq = 1
	}
	if h.Seq > lastSeq {
		s.Abort("sequence numbers used up")
		return &engines.Failure{Reason: engines.BadReply, Attempts: s.sent, Err: FaultExhausted}
	}
	secret := s.m.secret(c.key)
	if s.m.opts.TLS != nil {
		h.Flags |= tacacs.FlagUnencrypted
	}
	if h.Seq == 1 && s.opens {
		h.Flags |= tacacs.FlagSingleConnect
	}
	buf := buffers.Get().(*[]byte)
	packet, err := tacacs.AppendPacket((*buf)[:0], h, send, secret)
	if err != nil { // never: Validate checks all that Append does
		s.Abort("")
		return err
	}
	err = s.send(h, packet)
	clear(packet) // over TLS there are passwords in it
	if cap(packet) <= readAhead {
		*buf = packet
	}
	buffers.Put(buf)
	if err != nil {
		return err
	}
	select {
	case <-s.wake:
	case <-ctx.Done():
		if err := s.cancel(ctx.Err()); err != nil {
			return err
		}
		<-s.wake // it was answered, or failed, in the same moment
	}
	return s.receive(secret, receive)
}

// send queues the packet and awaits its reply.
func (s *Session) send(h tacacs.Header, packet []byte) error {
	m, c, now := s.m, s.conn, time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.state == ended {
		return s.failed()
	}
	s.state, s.seq, s.strays = awaiting, h.Seq, c.strays
	s.sent++
	s.alarm(now, m.opts.ReplyTimeout)
	c.send(s, packet, now)
	return nil
}

// alarm sets the session's deadline; mu is held.
func (s *Session) alarm(now time.Time, in time.Duration) {
	s.deadline = now.Add(in)
	if s.timer == nil {
		s.timer = time.AfterFunc(in, s.timeout)
	} else {
		s.timer.Reset(in)
	}
}

// deliver hands a reply over; mu is held.
func (s *Session) deliver(h tacacs.Header, body []byte) {
	now := time.Now()
	s.conn.answered(s, now)
	s.state, s.got, s.body = resting, h, body
	s.alarm(now, s.m.opts.SessionTimeout)
	s.wake <- struct{}{}
}

// receive decodes the reply, or returns why there is none.
func (s *Session) receive(secret string, reply tacacs.Reply) error {
	m, c := s.m, s.conn
	body, h := s.body, s.got // set before the token of wake
	if body == nil {
		return s.failure()
	}
	s.body = nil
	var err error
	reason := engines.BadReply
	if len(body) == 0 {
		reason, err = engines.ServerError, FaultEmpty
	} else if err = tacacs.DecodeBody(body, h, secret, reply); err != nil {
		if err = badReply(err); m.opts.TLS == nil {
			err = &secretError{err}
		}
	} else if !reply.Known() {
		err = malformed{tacacs.FaultStatus}
	}
	final := reply.Final()
	if err == nil && !final && c.verified.Load() {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		// RFC 8907 §4.4: the sessions of the connection may end, and none are added.
		c.complain(err)
		failure := &engines.Failure{Reason: reason, Attempts: s.sent, Err: err}
		s.finish(failure)
		c.drain()
		return failure
	}
	c.verify()
	if final {
		s.finish(nil)
		c.settle()
	}
	return nil
}

// secretError is FaultSecret with the fault of the body.
type secretError struct{ err error }

func (e *secretError) Error() string   { return FaultSecret.Error() + ": " + e.err.Error() }
func (e *secretError) Unwrap() []error { return []error{FaultSecret, e.err} }
