package tacacs

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// TestGoneCallerIsToldWhatWasSent: the deadline of a request ends an exchange with a Failure that counts the packets
// and tells silence from replies that were of no use; and it says nothing of the server.
func TestGoneCallerIsToldWhatWasSent(t *testing.T) {
	t.Parallel()
	silent := func(*link, tacacs.Header, tacacs.Body) {}
	stray := func(l *link, h tacacs.Header, body tacacs.Body) {
		if start := body.(*tacacs.AuthenStart); start.User == "bob" {
			h.SessionID++
		}
		l.Send(h.Answer(tacacs.FlagSingleConnect), pass(body))
	}
	asks := func(l *link, h tacacs.Header, body tacacs.Body) {
		if _, ok := body.(*tacacs.AuthenStart); ok {
			l.Send(h.Answer(0), &tacacs.AuthenReply{Status: tacacs.AuthenGetPass, ServerMsg: "Password: "})
		}
	}
	const timeout = 600 * time.Millisecond
	for _, tc := range []struct {
		name     string
		answer   func(*link, tacacs.Header, tacacs.Body)
		shared   bool // another login has gone before
		request  []string
		reason   engines.Reason
		attempts int
		fault    error
	}{
		{"silence", silent, false, []string{"password=p"}, engines.NoAnswer, 1, nil},
		{"replies to ids of nobody", stray, true, []string{"password=p"}, engines.BadReply, 1, tacacs.FaultSessionID},
		{"silence in a dialogue", asks, false, []string{"password=p", "authen_type=ascii"}, engines.NoAnswer, 2, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := newPipes()
				p := startPeer(t, &peer{Secret: testSecret, Quiet: true, Listener: network}, func(l *link) {
					for h, body := range l.Requests() {
						tc.answer(l, h, body)
					}
				})
				c := open(t, p, EngineOptions{Dial: network.Dial}, func(s *aaa.Server) {
					s.Timeout = int(timeout.Milliseconds())
					s.Connections = 1
				})
				if tc.shared {
					ask(t, c, aaa.Authn, "user=alice", "password=p")
				}
				ctx, cancel := context.WithTimeout(t.Context(), timeout/2)
				defer cancel()
				_, err := c.Exchange(ctx, request(t, aaa.Authn, append(tc.request, "user=bob")...))
				checkGone(t, err, context.DeadlineExceeded, tc.reason, tc.attempts, tc.fault)
				if got := c.Health().State(); got != engines.Alive {
					t.Errorf("health %v", got)
				}
			})
		})
	}
}

// TestGoneCallerAfterATry: a whole try of useless replies tells more than the silence of one that was cut short.
func TestGoneCallerAfterATry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		p := startPeer(t, &peer{Secret: testSecret, Quiet: true, Listener: network}, func(l *link) {
			for h, body := range l.Requests() {
				if l.N == 1 {
					h.SessionID++
					l.Send(h.Answer(0), pass(body))
				}
			}
		})
		c := open(t, p, EngineOptions{Dial: network.Dial}, func(s *aaa.Server) { s.Timeout, s.Retries, s.SingleConnect = 600, 3, "no" })
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err := c.Exchange(ctx, request(t, aaa.Authn, "user=bob", "password=p"))
		checkGone(t, err, context.DeadlineExceeded, engines.BadReply, 2, tacacs.FaultSessionID)
	})
}

// TestGoneCallerWhileResuming: the packets of a challenge's answer are counted from there.
func TestGoneCallerWhileResuming(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		p := startPeer(t, &peer{Secret: testSecret, Quiet: true, Listener: network}, func(l *link) {
			for h, body := range l.Requests() {
				if _, ok := body.(*tacacs.AuthenStart); ok {
					l.Send(h.Answer(0), &tacacs.AuthenReply{Status: tacacs.AuthenGetPass, ServerMsg: "Password: "})
				}
			}
		})
		c := open(t, p, EngineOptions{Dial: network.Dial})
		r := ask(t, c, aaa.Authn, "user=bob")
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		_, err := c.Exchange(ctx, request(t, aaa.Authn, "State="+string(r.State), "password=p"))
		checkGone(t, err, context.Canceled, engines.NoAnswer, 1, nil)
	})
}

// checkGone checks the error of an exchange whose context has ended.
func checkGone(t *testing.T, err, gone error, reason engines.Reason, attempts int, fault error) {
	t.Helper()
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != reason || f.Attempts != attempts || !errors.Is(err, gone) || fault != nil && !errors.Is(err, fault) {
		t.Errorf("%#v: %v; want %v after %d packets", err, err, reason, attempts)
	}
}
