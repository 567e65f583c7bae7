package engines

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
)

// ailing is a server with its Recovery.
type ailing struct {
	Recovery
	probe func(context.Context) error // nil: it can't be asked

	mu      sync.Mutex
	lines   bytes.Buffer // of the log
	running int          // probes
	most    int          // of them at once
	asked   []time.Time
	answers int // told of while the server was not alive
}

// asIs has the log in full, without times.
var asIs = &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}}

// Write takes a line of the log.
func (a *ailing) Write(line []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lines.Write(line)
}

func (a *ailing) log() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lines.String()
}

func (a *ailing) means() Means {
	m := Means{
		Engine: "pigeon", Account: "acme", Server: "loft", Logger: slog.New(slog.NewTextHandler(a, asIs)),
		ProbeInterval: probeInterval, ReviveAfter: reviveAfter,
		Answers: func(account aaa.AccountID) {
			a.mu.Lock()
			defer a.mu.Unlock()
			if account == "acme" {
				a.answers++
			}
		},
	}
	if a.probe != nil {
		m.Probe = a.counted
	}
	return m
}

// told is how often an answer was told of.
func (a *ailing) told() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.answers
}

func (a *ailing) counted(ctx context.Context) error {
	a.mu.Lock()
	a.asked = append(a.asked, time.Now())
	a.running++
	a.most = max(a.most, a.running)
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.running--
		a.mu.Unlock()
	}()
	return a.probe(ctx)
}

func (a *ailing) succeed(times int) {
	for range times {
		a.Succeeded(a.means)
	}
}

func (a *ailing) fail(times int) {
	for range times {
		a.Failed(a.means)
	}
}

func (a *ailing) probes() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.asked)
}

// states is what the log was told, in order.
func (a *ailing) states(t *testing.T) string {
	t.Helper()
	const start = `level=INFO msg="server health changed" engine=pigeon account=acme server=loft state=`
	var list []string
	for line := range strings.Lines(a.log()) {
		if strings.Contains(line, "level=INFO") {
			state, ok := strings.CutPrefix(strings.TrimSpace(line), start)
			if !ok {
				t.Errorf("log: %s", line)
			}
			list = append(list, state)
		}
	}
	return strings.Join(list, " ")
}

// quiet checks that nothing is left that would ask the server or change its state.
func (a *ailing) quiet(t *testing.T) {
	t.Helper()
	synctest.Wait()
	if a.Recovery.term != nil || a.is(busy) || a.running != 0 {
		t.Errorf("left: term %v, busy %v, %d probes", a.Recovery.term, a.is(busy), a.running)
	}
	probes, over := a.probes(), a.is(retired)
	for range FailuresToDead { // not seen by the Recovery, which would begin a term
		a.Health.Failure()
	}
	time.Sleep(24 * time.Hour)
	synctest.Wait()
	if n := a.probes(); n != probes || a.State() != Dead || a.is(retired) != over {
		t.Errorf("afterwards %d probes, state %v", n-probes, a.State())
	}
}

// over checks that a term has left nothing, and that its timer's last turn, which may
// have begun when the timer was stopped, does nothing.
func (a *ailing) over(t *testing.T, old *term) {
	t.Helper()
	probes := a.probes()
	old.turn()
	if old.ctx.Err() == nil || old.timer.Stop() || a.probes() != probes {
		t.Errorf("a term goes on after its end: context %v, %d probes", old.ctx.Err(), a.probes()-probes)
	}
}

// in runs a test on a server in time that passes at once.
func in(t *testing.T, test func(*testing.T, *ailing)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := new(ailing)
		a.succeed(1) // it has answered before
		test(t, a)
	})
}
