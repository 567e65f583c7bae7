package idempotency

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

func TestARepetitionIsAnsweredOnEveryNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	r := request("k", "body")
	r.NeedsStore = true // so that memory has nothing
	c.want(0, r, "answer of k", false)
	c.want(0, r, "answer of k", true)
	c.want(1, r, "answer of k", true)
	c.pass(life - time.Second)
	c.want(1, r, "answer of k", true)
	for _, row := range c.store.rows {
		if strings.Contains(row.Answer, "answer") || row.Request == r.Digest {
			t.Errorf("stored in the clear: %+v", row)
		}
	}

	other := request("k", "another body")
	for node := range 2 {
		if _, _, err := c.do(t.Context(), node, other, nil); aaa.KindOf(err) != aaa.KindConflict {
			t.Errorf("another request under the key: %v", err)
		}
	}
	for _, change := range []func(*Request){
		func(r *Request) { r.Account = "b" }, func(r *Request) { r.Operation = "PUT accounts" }, func(r *Request) { r.Key = "l" },
		func(r *Request) { r.Operation, r.Key = "POST accountingk", "" },
	} {
		r := r
		change(&r)
		c.want(0, r, "answer of "+r.Key, false)
	}
	runs := c.runs.Load()
	c.pass(time.Second)
	c.want(0, r, "answer of k", false)
	if got := c.runs.Load(); got != runs+1 {
		t.Errorf("%d runs after a day", got-runs)
	}
	c.pass(life)
	if err := c.nodes[0].DeleteExpired(t.Context()); err != nil || len(c.store.rows) != 0 {
		t.Errorf("%d rows are left, %v", len(c.store.rows), err)
	}
}

func TestTwentyCallersRunOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2)
		r := request("k", "body")
		hold := make(chan struct{})
		var first, replays atomic.Int32
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				answer, replayed, err := c.do(t.Context(), n%2, r, func() ([]byte, error) { <-hold; return []byte("once"), nil })
				if err != nil || answer != "once" {
					t.Errorf("%q, %v", answer, err)
				}
				if replayed {
					replays.Add(1)
				} else {
					first.Add(1)
				}
			})
		}
		synctest.Wait()
		if _, _, err := c.do(t.Context(), 0, request("k", "another body"), nil); aaa.KindOf(err) != aaa.KindConflict {
			t.Errorf("another request under the key of one that runs: %v", err)
		}
		close(hold)
		wg.Wait()
		if c.runs.Load() != 1 || first.Load() != 1 || replays.Load() != 19 {
			t.Errorf("%d runs, %d first, %d replayed", c.runs.Load(), first.Load(), replays.Load())
		}
		if c.told.Load() < 19 {
			t.Errorf("told of %d repetitions", c.told.Load())
		}
	})
}

func TestAFailureIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2)
		r := request("k", "body")
		failed := errors.New("failed")
		if _, _, err := c.do(t.Context(), 0, r, func() ([]byte, error) { return nil, failed }); !errors.Is(err, failed) {
			t.Error(err)
		}
		func() {
			defer func() { _ = recover() }()
			_, _, _ = c.do(t.Context(), 0, r, func() ([]byte, error) { panic("x") })
		}()
		// Who waits for one that fails tries it, here and on another node.
		hold := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, _, err := c.do(t.Context(), 1, r, func() ([]byte, error) { <-hold; return nil, failed }); !errors.Is(err, failed) {
				t.Error(err)
			}
		})
		synctest.Wait()
		for node := range 2 {
			wg.Go(func() {
				if answer, _, err := c.do(t.Context(), node, r, nil); err != nil || answer != "answer of k" {
					t.Errorf("%q, %v", answer, err)
				}
			})
		}
		synctest.Wait()
		close(hold)
		wg.Wait()
		if got := c.runs.Load(); got != 4 {
			t.Errorf("%d runs", got)
		}
	})
}

func TestTheEndOfAClaimLetsAnotherNodeTakeOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2)
		r := request("k", "body")
		mine, first, err := c.nodes[0].begin(t.Context(), r) // the node dies here
		if err != nil || first != nil {
			t.Fatal(first, err)
		}
		began := time.Now()
		_, _, err = c.do(t.Context(), 1, r, nil)
		var e *aaa.Error
		if !errors.As(err, &e) || e.Kind != aaa.KindBusy || e.RetryAfter <= 0 || time.Since(began) != waitTime {
			t.Errorf("a repetition while the claim holds: %v after %v", err, time.Since(began))
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := c.do(short, 1, r, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller who gave up: %v", err)
		}
		if _, _, err := c.do(t.Context(), 1, request("k", "another body"), nil); aaa.KindOf(err) != aaa.KindConflict {
			t.Errorf("another request: %v", err)
		}
		c.pass(claimTime)
		c.want(1, r, "answer of k", false)
		if c.nodes[0].finish(t.Context(), mine, []byte("late")) { // it was not dead
			t.Error("an answer of a claim that is over was stored")
		}
		r.NeedsStore = true
		c.nodes[0].memory, c.nodes[1].memory = newMemory(1<<20, time.Minute, time.Now), newMemory(1<<20, time.Minute, time.Now)
		c.want(0, r, "answer of k", true)
	})
}

func TestWithoutTheStore(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	c.want(0, request("before", ""), "answer of before", false)
	c.store.setDown(true)
	c.want(0, request("before", ""), "answer of before", true)
	c.want(0, request("away", ""), "answer of away", false)
	c.want(0, request("away", ""), "answer of away", true)
	if _, _, err := c.do(t.Context(), 0, request("away", "another"), nil); aaa.KindOf(err) != aaa.KindConflict {
		t.Errorf("another request: %v", err)
	}
	config := request("config", "")
	config.NeedsStore = true
	if _, _, err := c.do(t.Context(), 0, config, nil); aaa.KindOf(err) != aaa.KindUnavailable {
		t.Errorf("a change of configuration: %v", err)
	}
	c.store.setDown(false)
	c.pass(awayTime)
	c.want(0, request("away", ""), "answer of away", true)
	c.want(0, config, "answer of config", false)

	// An answer that the store did not take is this node's.
	lost := request("lost", "")
	lost.NeedsStore = true
	if _, _, err := c.do(t.Context(), 0, lost, func() ([]byte, error) { c.store.setDown(true); return []byte("x"), nil }); err != nil {
		t.Error(err)
	}
	c.want(0, lost, "x", true)
}

// hung is a store that never answers.
type hung struct{ *table }

func (hung) Begin(ctx context.Context, _ store.Remembered, _ time.Time) (*store.Remembered, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestAStoreThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		c.nodes[0].o.Store = hung{c.store}
		began := time.Now()
		c.want(0, request("1", ""), "answer of 1", false)
		c.want(0, request("2", ""), "answer of 2", false)
		if took := time.Since(began); took != beginTime {
			t.Errorf("two requests waited for %v", took)
		}
		config := request("config", "")
		config.NeedsStore = true
		if _, _, err := c.do(t.Context(), 0, config, nil); aaa.KindOf(err) != aaa.KindUnavailable {
			t.Errorf("a change of configuration: %v", err)
		}
	})
}

// stale is a store in which others overtake the first look.
type stale struct {
	*table
	looks atomic.Int32
}

func (s *stale) Begin(ctx context.Context, r store.Remembered, now time.Time) (*store.Remembered, error) {
	if s.looks.Add(1) == 1 {
		return nil, store.ErrStale
	}
	return s.table.Begin(ctx, r, now)
}

func TestAnOvertakenLookIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		c.nodes[0].o.Store = &stale{table: c.store}
		c.want(0, request("k", ""), "answer of k", false)
	})
}

// A run goes on if its caller goes away: the repetition must find how it ended.
func TestARunOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	ctx, leave := context.WithCancel(t.Context())
	r := request("k", "")
	_, _, err := c.do(ctx, 0, r, func() ([]byte, error) {
		leave()
		return []byte("done"), nil
	})
	if err != nil {
		t.Error(err)
	}
	c.want(1, r, "done", true)
}

func TestLongAnswers(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2)
	long := bytes.Repeat([]byte("a dictionary "), 1<<19)
	noise := make([]byte, 2<<20)
	_, _ = rand.Read(noise)
	for key, answer := range map[string][]byte{"long": long, "noise": noise} {
		r := request(key, "")
		r.NeedsStore = true
		if _, _, err := c.do(t.Context(), 0, r, func() ([]byte, error) { return answer, nil }); err != nil {
			t.Fatal(err)
		}
		got, replayed, err := c.do(t.Context(), 0, r, nil)
		if err != nil || !replayed || got != string(answer) {
			t.Errorf("%s: %d octets, replayed %v, %v", key, len(got), replayed, err)
		}
	}
	r := request("long", "")
	r.NeedsStore = true
	c.want(1, r, string(long), true)
}
