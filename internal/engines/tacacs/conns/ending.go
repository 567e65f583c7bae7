package conns

import (
	"fmt"
	"time"

	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// finish ends the session, with an error or without, and takes it off its connection; mu
// is held. The caller then settles the connection.
func (s *Session) finish(err error) {
	if s.state == ended {
		return
	}
	was := s.state
	s.state, s.err = ended, err
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.lost != nil && err != nil {
		s.lost(err)
		s.lost = nil
	}
	if s.conn == nil {
		return
	}
	s.conn.remove(s)
	if was == awaiting {
		s.conn.traffic.left(&s.turn)
		s.wake <- struct{}{}
	}
}

// giveUp ends a session whose reply has not come; mu is held.
func (s *Session) giveUp(err error, now time.Time) {
	c := s.conn
	c.giveUp(s, now)
	s.finish(err)
	c.settle()
}

// cancel ends a session whose context has ended, and returns its error. It returns nil if the session had ended or
// its reply has come.
func (s *Session) cancel(gone error) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.state != awaiting {
		return nil
	}
	if s.strays != s.conn.strays {
		gone = Strayed(gone)
	}
	s.giveUp(gone, time.Now())
	<-s.wake
	return gone
}

// strayed is the error of a context that ended while replies came, but to ids that nobody used.
func Strayed(gone error) error { return fmt.Errorf("%w (%w)", errStray, gone) }

// Ignored reports whether the server has been silent for long enough to count as failing. Only
// the goroutine of Exchange may call it.
func (s *Session) Ignored() bool {
	return s.sent > 0 && time.Since(s.turn.since) >= engines.Patience(s.m.opts.ReplyTimeout)
}

// Sent returns the number of packets sent so far, on all connections. Only the goroutine of Exchange may call it.
func (s *Session) Sent() int { return s.sent }

// timeout is the session's timer.
func (s *Session) timeout() {
	now := time.Now()
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.state == ended || s.conn == nil {
		return
	}
	if left := s.deadline.Sub(now); left > 0 {
		s.timer.Reset(left) // it was reset in the moment that it ran out
		return
	}
	if left := s.queued(now); left > 0 && s.state == awaiting {
		s.timer.Reset(left)
		return
	}
	if s.state == resting {
		s.abort("timeout", &engines.Failure{Reason: engines.NoAnswer, Attempts: s.sent, Err: FaultExpired})
		return
	}
	failure := &engines.Failure{Reason: engines.NoAnswer, Attempts: s.sent, Err: FaultTimeout}
	if s.strays != s.conn.strays {
		failure = &engines.Failure{Reason: engines.BadReply, Attempts: s.sent, Err: errStray}
	}
	s.giveUp(failure, now)
}

// Close ends the session, as Abort does.
func (s *Session) Close() { s.Abort("") }

// Abort ends the session unless it has ended. The server gets the reason of an authentication that is in dialogue,
// up to 255 octets of it (RFC 8907 §5.4.3). An Exchange under way fails with FaultEnded.
func (s *Session) Abort(reason string) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.abort(reason, &engines.Failure{Reason: engines.NoAnswer, Attempts: s.sent, Err: FaultEnded})
}

// abort is Abort with the error that later calls of Exchange return; mu is held.
func (s *Session) abort(reason string, err error) {
	switch {
	case s.state == ended:
	case s.state == awaiting:
		s.giveUp(err, time.Now())
	case s.conn == nil:
		s.finish(err)
	default:
		if s.kind == tacacs.TypeAuthen && s.seq > 0 {
			h := tacacs.Header{Version: s.version, Type: s.kind, SessionID: s.id, Seq: s.seq + 2}
			if s.m.opts.TLS != nil {
				h.Flags = tacacs.FlagUnencrypted
			}
			bye := &tacacs.AuthenContinue{Flags: tacacs.ContinueAbort, Data: tacacs.Sensitive(reason[:min(len(reason), 255)])}
			if packet, err := tacacs.AppendPacket(nil, h, bye, s.m.secret(s.conn.key)); err == nil {
				s.conn.dismiss(s, packet)
			}
		}
		s.finish(err)
		s.conn.settle()
	}
}

// Watch has fn called with the error that the session ends with, or at once if it has ended. It replaces an earlier
// fn. fn may be called with locks of the Manager held, so that it must not call the session.
func (s *Session) Watch(fn func(error)) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.lost = fn; s.state == ended {
		fn(s.failed())
		s.lost = nil
	}
}

// Err returns why the session ended, nil while it goes on and after a final reply. It tells a session
// between rounds that its connection has gone.
func (s *Session) Err() error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return s.err
}

func (s *Session) failure() error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	return s.failed()
}

// failed returns the error of a session that has ended; mu is held.
func (s *Session) failed() error {
	if s.err != nil {
		return s.err
	}
	return &engines.Failure{Reason: engines.NoAnswer, Attempts: s.sent, Err: FaultEnded}
}
