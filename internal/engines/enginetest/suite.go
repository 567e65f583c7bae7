package enginetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// Behaviour is what a server does with every request that the suite sends.
type Behaviour int

// The behaviours that the suite needs.
const (
	Accepts    Behaviour = iota // to any user, any operation
	Rejects                     // any authn
	Challenges                  // any authn, with State in the reply
	Silent                      // takes requests and never answers
	Absent                      // nobody listens: connections are refused
)

// Harness is an engine with what it takes to test it.
type Harness struct {
	Engine engines.Engine
	// Start starts a server for the rest of the test and returns its entry of a document.
	Start func(t *testing.T, b Behaviour) aaa.Server
	// Request makes a well-formed request.
	Request func(op aaa.Op) *engines.Request
	// State is what Challenges sends; nil where the engine makes it, a fresh one each time.
	State []byte
	// Once: a request goes out once, and waits as long as all attempts together.
	Once bool
	// Unfit is a request that can't be put into a packet.
	Unfit *engines.Request
}

// Run tests what engines.Client promises, of any engine.
func Run(t *testing.T, h Harness) {
	for name, test := range map[string]func(*testing.T){
		"answers": h.answers, "silence": h.silence, "refused": h.refused, "context": h.context,
		"unfit": h.unfit, "concurrent": h.concurrent, "retire": h.retire, "encode": h.encode, "secrets": h.secrets,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

func (h Harness) open(t *testing.T, b Behaviour, timeout time.Duration, retries int) engines.Client {
	t.Helper()
	s := h.Start(t, b)
	s.Timeout, s.Retries = int(timeout.Milliseconds()), retries
	c, err := h.Engine.Open(engines.Config{Account: aaa.NewAccountID(), Server: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Retire)
	return c
}

func (h Harness) answers(t *testing.T) {
	for b, want := range map[Behaviour]aaa.Outcome{Accepts: aaa.Accept, Rejects: aaa.Reject, Challenges: aaa.Challenge} {
		c := h.open(t, b, 10*time.Second, 0)
		for op := range aaa.Op(aaa.NumOps) {
			if b != Accepts && op != aaa.Authn {
				continue
			}
			r, err := c.Exchange(t.Context(), h.Request(op))
			if err != nil || r.Outcome != want || r.Attempts != 1 {
				t.Errorf("%v: %+v, %v; want %v at the first attempt", op, r, err, want)
				continue
			}
			if b == Challenges && h.State == nil && len(r.State) == 0 {
				t.Error("a challenge without State")
			}
			if b == Challenges && h.State != nil && string(r.State) != string(h.State) {
				t.Errorf("State %x, want %x", r.State, h.State)
			}
			if b != Challenges && r.State != nil {
				t.Errorf("State %x without a challenge", r.State)
			}
		}
		if c.Health().State() != engines.Alive {
			t.Errorf("health %v", c.Health().State())
		}
	}
}

// failure checks that an error lets another server be tried, and why.
func failure(t *testing.T, err error, want engines.Reason) *engines.Failure {
	t.Helper()
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != want {
		t.Fatalf("%v, want a Failure: %v", err, want)
	}
	return f
}

func (h Harness) silence(t *testing.T) {
	const timeout, retries = 200 * time.Millisecond, 1 // long enough to connect on a busy machine
	c := h.open(t, Silent, timeout, retries)
	for i := range engines.FailuresToDead {
		start := time.Now()
		_, err := c.Exchange(t.Context(), h.Request(aaa.Authn))
		want := retries + 1
		if h.Once {
			want = 1
		}
		if f := failure(t, err, engines.NoAnswer); f.Attempts != want {
			t.Errorf("%d attempts", f.Attempts)
		}
		// timeout × (retries + 1), less the jitter
		if d := time.Since(start); d < (retries+1)*timeout*9/10 {
			t.Errorf("gave up after %v", d)
		}
		if usable := i+1 < engines.FailuresToDead; c.Health().Usable() != usable {
			t.Errorf("after %d failures: %v", i+1, c.Health().State())
		}
	}
}

func (h Harness) refused(t *testing.T) {
	c := h.open(t, Absent, time.Minute, 10)
	_, err := c.Exchange(t.Context(), h.Request(aaa.Authn))
	failure(t, err, engines.Unreachable)
	if c.Health().State() == engines.Alive {
		t.Error("still alive")
	}
}

func (h Harness) context(t *testing.T) {
	c := h.open(t, Silent, time.Minute, 0)
	err := context.DeadlineExceeded
	for try := 0; err == context.DeadlineExceeded && try < 100; try++ { //nolint:errorlint // bare: nothing was sent, for want of a connection
		err = h.within(t, c, 50*time.Millisecond)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	if f := failure(t, err, engines.NoAnswer); f.Attempts != 1 {
		t.Errorf("deadline: %d attempts", f.Attempts)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var f *engines.Failure
	if _, err := c.Exchange(ctx, h.Request(aaa.Authn)); !errors.Is(err, context.Canceled) || errors.As(err, &f) {
		t.Errorf("cancelled before anything was sent: %v", err)
	}
	if c.Health().State() != engines.Alive {
		t.Error("an impatient caller is not the server's failure")
	}
}

func (h Harness) within(t *testing.T, c engines.Client, d time.Duration) error {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	_, err := c.Exchange(ctx, h.Request(aaa.Authn))
	return err
}

func (h Harness) unfit(t *testing.T) {
	c := h.open(t, Absent, time.Minute, 0) // sending anything would fail otherwise
	if _, err := c.Exchange(t.Context(), h.Unfit); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("Exchange: %v", err)
	}
	if _, err := c.Encode(h.Unfit); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("Encode: %v", err)
	}
	if c.Health().State() != engines.Alive {
		t.Error("the server was blamed")
	}
}

func (h Harness) concurrent(t *testing.T) {
	c := h.open(t, Accepts, 5*time.Second, 3)
	var wg sync.WaitGroup
	for range 400 {
		wg.Go(func() {
			if r, err := c.Exchange(t.Context(), h.Request(aaa.Authn)); err != nil || r.Outcome != aaa.Accept {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
	wg.Wait()
}

func (h Harness) retire(t *testing.T) {
	c := h.open(t, Accepts, 10*time.Second, 0)
	for range 2 {
		if _, err := c.Exchange(t.Context(), h.Request(aaa.Authn)); err != nil {
			t.Errorf("before and after Retire: %v", err)
		}
		c.Retire()
	}
	h.open(t, Accepts, time.Second, 0).Retire() // never used
}

func (h Harness) encode(t *testing.T) {
	c := h.open(t, Absent, time.Minute, 0)
	for op := range aaa.Op(aaa.NumOps) {
		if b, err := c.Encode(h.Request(op)); err != nil || len(b) == 0 {
			t.Errorf("%v: %d octets, %v", op, len(b), err)
		}
	}
}

func (h Harness) secrets(t *testing.T) {
	s := h.Start(t, Silent)
	s.Timeout, s.Retries = 20, 0
	c, err := h.Engine.Open(engines.Config{Server: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Retire)
	_, failed := c.Exchange(t.Context(), h.Request(aaa.Authn))
	secret := s.Secret.Reveal()
	for _, hidden := range []string{secret, strings.Trim(fmt.Sprint([]byte(secret)), "[]"), fmt.Sprintf("%x", secret)} {
		for _, v := range []any{c, failed} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
				if strings.Contains(fmt.Sprintf(verb, v), hidden) {
					t.Errorf("%s of a %T shows the secret", verb, v)
				}
			}
		}
	}
}
