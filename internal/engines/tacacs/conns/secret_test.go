package conns

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// How servers tell that they can't read a request.
var refusals = map[string]func(l *link, h tacacs.Header){
	"answers under its own secret": func(l *link, h tacacs.Header) {
		l.Send(h.Answer(h.Flags), &tacacs.AuthenReply{Status: tacacs.AuthenError, ServerMsg: "wrong secret, I think"})
	},
	"answers with an empty body": func(l *link, h tacacs.Header) { raw(l, h.Answer(h.Flags), nil, 0) },
	"closes":                     func(*link, tacacs.Header) {},
}

// knows is a server with one secret.
func knows(tell func(*link, tacacs.Header)) func(*link) {
	return func(l *link) {
		for {
			h, body, ok := l.Next()
			if !ok {
				return
			}
			if body == nil {
				tell(l, h)
				return
			}
			l.Send(h.Answer(h.Flags), pass(body))
		}
	}
}

var bothSecrets = Secrets{aaa.NewSecret(testSecret + " new"), aaa.NewSecret(testSecret + " old")}

// TestRotation: with two secrets the one that the server has is found, whatever it says to
// the other, and used from then on; when the server changes, so does the client.
func TestRotation(t *testing.T) {
	t.Parallel()
	for name, tell := range refusals {
		for _, which := range []string{" new", " old"} {
			t.Run(name+which, func(t *testing.T) {
				t.Parallel()
				p := startPeer(t, &peer{Secret: testSecret + which}, knows(tell))
				m := managerWith(t, p, bothSecrets, Options{})
				want := 1
				if which == " old" {
					want = 2
				}
				for range 3 {
					login(t, m)
				}
				if n := p.Accepted(); n != want {
					t.Errorf("%d connections, want %d", n, want)
				}
			})
		}
	}
}

// TestRotationWhileRunning: the server's secret changes under a manager with an open
// connection, on which the change is felt at once, and then back.
func TestRotationWhileRunning(t *testing.T) {
	t.Parallel()
	for name, tell := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var old atomic.Bool
			p := newPeer(t, func(l *link) {
				for {
					head, err := l.Reader.Peek(tacacs.HeaderLen)
					if err != nil {
						return
					}
					own := l.Under(testSecret + " new")
					if old.Load() {
						own = l.Under(testSecret + " old")
					}
					h, _ := tacacs.ParseHeader(head)
					_, body, ok := own.Next()
					switch {
					case !ok:
						return
					case body == nil:
						tell(own, h)
						return
					}
					own.Send(h.Answer(h.Flags), pass(body))
				}
			})
			m := managerWith(t, p, bothSecrets, Options{Connections: 1})
			for range 3 {
				old.Store(!old.Load())
				for range 3 {
					// A connection that has worked and then closes is no sign of a wrong secret. What
					// follows on a new connection is.
					if err := tryLogin(m); err != nil && !errors.Is(err, FaultClosed) {
						t.Error(err)
					}
				}
				login(t, m)
			}
		})
	}
}

// TestWrongSecret: with one secret, the wrong one, each session says so and no connection is kept.
func TestWrongSecret(t *testing.T) {
	t.Parallel()
	p := newPeer(t, knows(refusals["answers under its own secret"]))
	var log strings.Builder
	m := managerWith(t, p, Secrets{Current: aaa.NewSecret("wrong-secret-that-nobody-prints")}, Options{Logger: logTo(&log)})
	for range 2 {
		fails(t, "wrong secret", tryLogin(m), engines.BadReply, FaultSecret)
		eventually(t, "the connection's end", func() bool { return m.Stats().Connections == 0 })
	}
	both := managerWith(t, p, bothSecrets, Options{})
	fails(t, "both wrong", tryLogin(both), engines.BadReply, FaultSecret)
	if n := p.Accepted(); n != 4 {
		t.Errorf("%d connections", n)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if text := log.String(); !strings.Contains(text, "unreadable under the shared secret") || strings.Contains(text, "nobody-prints") {
		t.Errorf("log: %s", text)
	}
}

// TestAttempts: the Failure says how many packets went out.
func TestAttempts(t *testing.T) {
	t.Parallel()
	p := newPeer(t, knows(refusals["closes"]))
	for secrets, want := range map[*Secrets]int{{Current: aaa.NewSecret("wrong")}: 1, &bothSecrets: 2} {
		var f *engines.Failure
		if err := managerWith(t, p, *secrets, Options{}).Exchange(context.Background(), acct(), new(tacacs.AcctReply)); !errors.As(err, &f) || f.Attempts != want {
			t.Errorf("%+v, want %d attempts", err, want)
		}
	}
}

// TestSecretsArePrintedNowhere prints what holds the secrets in every way that Go prints things.
func TestSecretsArePrintedNowhere(t *testing.T) {
	t.Parallel()
	const secret = "correct-horse-battery"
	secrets := Secrets{aaa.NewSecret(secret), aaa.NewSecret(secret)}
	m, err := NewManager("127.0.0.1:49", secrets, Options{})
	if err != nil {
		t.Fatal(err)
	}
	octets := fmt.Sprint([]byte(secret))
	var log strings.Builder
	for _, v := range []any{m, m.Session(), *m.Session(), secrets} {
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		log.WriteString(fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v))
	}
	for _, word := range []string{secret, octets, octets[1 : len(octets)-1], hex.EncodeToString([]byte(secret)), "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5"} {
		if strings.Contains(log.String(), word) {
			t.Errorf("printed: %s", word)
		}
	}
}

// TestCloseAfterProof: a connection that closes after it has carried a sensible reply speaks against the server, not
// against the secret. Nothing is sent again under the other secret, since the server may have done what was asked.
func TestCloseAfterProof(t *testing.T) {
	t.Parallel()
	p := newPeer(t, func(l *link) {
		h, body, ok := l.Next()
		if !ok {
			return
		}
		l.Send(h.Answer(h.Flags), pass(body))
		l.Next() // and closes
	})
	m := managerWith(t, p, Secrets{Current: aaa.NewSecret(testSecret), Previous: aaa.NewSecret(testSecret + " old")}, Options{})
	login(t, m)
	fails(t, "closed", tryLogin(m), engines.Unreachable, FaultClosed)
	if n := p.Accepted(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}
