package engines

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/backoff"
)

// Means is how a server that is not alive is found to be back, and what the log calls it.
type Means struct {
	Engine  string
	Account aaa.AccountID
	Server  string
	Logger  *slog.Logger // must not be nil
	// Probe asks the server once and tells its Recovery how that ended, as every exchange does, unless
	// that tells nothing: ErrDeaf. It returns soon after ctx is cancelled. Its error is for the log.
	// nil: the server can't be asked.
	Probe         func(ctx context.Context) error
	ProbeInterval time.Duration // between probes, ±10 %
	ReviveAfter   time.Duration // a dead server that can't be asked, or is deaf to probes, gets another chance after, ±10 %
	// Answers is called with the Account at each answer of the server while it is not alive. It must not block. nil: nothing waits for the server.
	Answers func(aaa.AccountID)
}

// ErrDeaf is a Probe's error where the server was silent and may not know such requests. After two of
// them in a row it is probed once every ReviveAfter, and gets another chance whatever comes of that.
var ErrDeaf = errors.New("the server may not know such probes")

// deafAfter is how many probes in a row a server may leave so before it is brought back by time.
const deafAfter = 2

// Recovery is a server's health and the way back from death. While the server is not alive it is
// probed or, where it can't be, given another chance from time to time; changes of the state
// are told to the log. The zero value is alive. It is safe for use by many goroutines.
//
// A node holds one for each server of each tenant, so what only a failing server needs is
// handed in by those who tell of its answers and made when the first is missing.
type Recovery struct {
	Health
	mu   sync.Mutex
	term *term // under mu; nil: the server is alive, or nobody asks any more
}

// term is a time during which a server is not alive.
type term struct {
	recovery *Recovery
	means    Means
	ctx      context.Context // of its probes
	cancel   context.CancelFunc
	timer    *time.Timer
	deaf     int // probes in a row that ended with ErrDeaf
	turns    int // times that the timer has run
}

// Succeeded records an answer. means is called if need be and not kept, as in Failed.
func (r *Recovery) Succeeded(means func() Means) {
	if !r.Answered() {
		r.word.Or(answered)
	}
	if r.State() != Alive {
		r.change(means, r.Success)
		if m := means(); m.Answers != nil {
			m.Answers(m.Account)
		}
	}
}

// Follow takes over from the Recovery of the entry before whether the server has ever answered.
func (r *Recovery) Follow(before *Recovery) {
	if before.Answered() {
		r.word.Or(answered)
	}
}

// Failed records an exchange or probe without an answer.
func (r *Recovery) Failed(means func() Means) { r.change(means, r.Failure) }

// Retire ends all attempts to find the server alive, for good; a probe under way is cancelled.
func (r *Recovery) Retire() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.word.Or(retired)
	r.end()
}

// change takes one step of the health, after which there is a term if the server is not
// alive and none if it is. Steps follow one another under mu, so that the log's lines are in
// order and no failure falls between a term's end and the next one's begin.
func (r *Recovery) change(means func() Means, step func() State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.State()
	after := step()
	if after != before {
		m := means()
		m.Logger.Info("server health changed",
			"engine", m.Engine, "account", string(m.Account), "server", m.Server, "state", after.String())
	}
	switch {
	case after == Alive:
		r.end()
	case r.term == nil && !r.is(retired):
		r.begin(means())
	}
}

// begin begins a term; mu is held.
func (r *Recovery) begin(m Means) {
	t := &term{recovery: r, means: m}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.timer = time.AfterFunc(t.wait(), t.turn)
	r.term = t
}

// end ends the term where there is one; mu is held.
func (r *Recovery) end() {
	if r.term != nil {
		r.term.cancel()
		r.term.timer.Stop()
		r.term = nil
	}
}

func (t *term) wait() time.Duration {
	d := t.means.ProbeInterval
	if t.byTime() {
		d = t.means.ReviveAfter
	}
	if !t.recovery.Answered() {
		d = backoff.Double(d, longestWait, 1+t.turns/turnsToDouble)
	}
	return backoff.Jitter(d)
}

// A server that has never answered may not want to be asked: it is probed ever more rarely.
const (
	turnsToDouble = 3 // after so many turns the time between them doubles
	longestWait   = 15 * time.Minute
)

// byTime reports whether the server comes back by time, since probes say nothing of it.
func (t *term) byTime() bool { return t.means.Probe == nil || t.deaf >= deafAfter }

// turn is the timer's work. A probe of an earlier term that has not returned yet is left to
// end, so that a server gets one at a time.
func (t *term) turn() {
	r := t.recovery
	r.mu.Lock()
	mine := r.term == t && !r.is(busy)
	if mine {
		r.word.Or(busy)
	}
	r.mu.Unlock()
	if mine {
		byTime := t.byTime()
		if t.means.Probe != nil {
			t.probe()
		}
		if byTime && t.byTime() && t.ctx.Err() == nil {
			r.change(func() Means { return t.means }, r.Revive)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if mine {
		r.word.And(^uint64(busy))
	}
	if r.term == t {
		t.turns++
		t.timer.Reset(t.wait())
	}
}

func (t *term) probe() {
	err := t.means.Probe(t.ctx)
	if errors.Is(err, ErrDeaf) {
		t.deaf++
	} else {
		t.deaf = 0
	}
	if err == nil || t.ctx.Err() != nil {
		return
	}
	t.means.Logger.Debug("no answer to a probe", "engine", t.means.Engine,
		"account", string(t.means.Account), "server", t.means.Server, "error", err.Error())
}
