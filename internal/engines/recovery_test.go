package engines

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

const (
	probeInterval = 10 * time.Second
	reviveAfter   = time.Minute
)

var errSilent = errors.New("silent")

func TestRecoveryByProbes(t *testing.T) {
	in(t, func(t *testing.T, a *ailing) {
		start := time.Now()
		var well atomic.Bool
		a.probe = func(context.Context) error {
			if !well.Load() {
				a.fail(1)
				return errSilent
			}
			a.succeed(1)
			return nil
		}
		a.fail(1)
		time.Sleep(5 * probeInterval)
		if a.State() != Dead {
			t.Errorf("%v after failed probes", a.State())
		}
		well.Store(true)
		time.Sleep(4 * probeInterval)
		if a.State() != Alive {
			t.Errorf("%v after answered probes", a.State())
		}
		if n := strings.Count(a.log(), `level=DEBUG msg="no answer to a probe" engine=pigeon account=acme server=loft error=silent`); n != a.probes()-AnswersToAlive {
			t.Errorf("%d of %d probes unanswered:\n%s", n, a.probes(), a.log())
		}
		for i, at := range a.asked {
			if wait := at.Sub(start); wait < probeInterval*9/10 || wait > probeInterval*11/10 {
				t.Errorf("probe %d after %v", i, wait)
			}
			start = at
		}
		a.quiet(t)
		if got := a.states(t); got != "zombie dead alive" {
			t.Errorf("the log says %s", got)
		}
	})
}

func TestRecoveryByTime(t *testing.T) {
	in(t, func(t *testing.T, a *ailing) {
		last := time.Now()
		for range 3 { // chances come again and again
			a.fail(FailuresToDead)
			for !a.Usable() && time.Since(last) < time.Hour {
				time.Sleep(time.Second)
				synctest.Wait()
			}
			wait := time.Since(last)
			if wait < reviveAfter*9/10-time.Second || wait > reviveAfter*11/10+time.Second || a.State() != Zombie {
				t.Fatalf("%v after %v", a.State(), wait)
			}
			last = time.Now()
		}
		a.succeed(AnswersToAlive)
		a.quiet(t)
		if got := a.states(t); got != "zombie dead zombie dead zombie dead zombie alive" {
			t.Errorf("the log says %s", got)
		}
	})
}

// A failure that comes while a term ends finds no term, or the end of one, and must
// begin another: one, whatever the probe under way does next.
func TestRecoveryBeginsAnew(t *testing.T) {
	in(t, func(t *testing.T, a *ailing) {
		var first *term
		a.probe = func(context.Context) error {
			if a.probes() == 3 {
				first = a.Recovery.term
				a.succeed(AnswersToAlive) // the term's end
				a.fail(1)
			}
			return nil
		}
		a.fail(1)
		time.Sleep(100 * probeInterval)
		synctest.Wait()
		if n := a.probes(); n < 90 || n > 112 {
			t.Errorf("%d probes in the time of 100", n)
		}
		a.over(t, first)
		a.succeed(AnswersToAlive)
		a.quiet(t)
		if got := a.states(t); got != "zombie alive zombie alive" {
			t.Errorf("the log says %s", got)
		}
	})
}

func TestRecoveryEndsByRequests(t *testing.T) {
	in(t, func(t *testing.T, a *ailing) {
		a.probe = func(context.Context) error { return nil }
		a.fail(1)
		time.Sleep(probeInterval / 2)
		first := a.Recovery.term
		a.succeed(AnswersToAlive)
		a.over(t, first)
		a.quiet(t)
		if a.probes() != 0 {
			t.Errorf("%d probes of a server that had recovered", a.probes())
		}
	})
}

// TestAnswersAreTold: from the first answer after a silence on, until the server is alive, those who wait for it are told.
func TestAnswersAreTold(t *testing.T) {
	in(t, func(t *testing.T, a *ailing) {
		a.probe = func(context.Context) error {
			a.succeed(1)
			return nil
		}
		a.succeed(1)
		a.fail(FailuresToDead)
		if a.told() != 0 {
			t.Errorf("%d answers are told of before there was one", a.told())
		}
		time.Sleep(probeInterval * 11 / 10)
		if a.told() != 1 || a.State() != Dead {
			t.Errorf("%d are told of after the first good probe", a.told())
		}
		time.Sleep(AnswersToAlive * probeInterval)
		if a.told() != AnswersToAlive || a.State() != Alive {
			t.Errorf("%d are told of until the server is alive", a.told())
		}
	})
}

func TestRetireEndsRecovery(t *testing.T) {
	in(t, func(t *testing.T, a *ailing) {
		a.probe = func(context.Context) error { return nil }
		a.fail(1)
		time.Sleep(5 * probeInterval)
		synctest.Wait()
		before, first := a.probes(), a.Recovery.term
		a.Retire()
		a.over(t, first)
		a.fail(1) // by a holder of an older plan
		a.Retire()
		a.quiet(t)
		if before < 4 || a.probes() != before {
			t.Errorf("%d probes, then %d", before, a.probes())
		}
	})
}

func TestRetireHealthy(t *testing.T) {
	in(t, func(t *testing.T, a *ailing) {
		a.probe = func(context.Context) error { return nil }
		a.Retire()
		a.fail(1)
		a.quiet(t)
		if got := a.states(t); got != "zombie" {
			t.Errorf("the log says %s", got)
		}
	})
}

func TestRetireCancelsProbe(t *testing.T) {
	in(t, func(t *testing.T, a *ailing) {
		a.probe = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		a.fail(1)
		time.Sleep(5 * probeInterval)
		synctest.Wait()
		if a.running != 1 {
			t.Fatalf("%d probes under way", a.running)
		}
		a.Retire()
		a.quiet(t)
		if a.probes() != 1 || strings.Contains(a.log(), "no answer") {
			t.Errorf("%d probes; the log says\n%s", a.probes(), a.log())
		}
	})
}

// A probe that does not end when its term does holds back the next term's.
func TestProbesDoNotOverlap(t *testing.T) {
	in(t, func(t *testing.T, a *ailing) {
		release, cancelled := make(chan struct{}), false
		a.probe = func(ctx context.Context) error {
			<-release
			cancelled = cancelled || ctx.Err() != nil
			return nil
		}
		a.fail(1)
		time.Sleep(5 * probeInterval)
		a.succeed(AnswersToAlive)
		a.fail(1)
		time.Sleep(5 * probeInterval)
		synctest.Wait()
		if a.probes() != 1 || a.running != 1 {
			t.Errorf("%d probes, %d under way", a.probes(), a.running)
		}
		close(release)
		time.Sleep(5 * probeInterval)
		synctest.Wait()
		if !cancelled || a.probes() < 4 || a.most != 1 {
			t.Errorf("the old probe cancelled: %v; %d probes, %d at once", cancelled, a.probes(), a.most)
		}
		a.succeed(AnswersToAlive)
		a.quiet(t)
	})
}

// Whatever comes between what: there is a term if and only if the server is not alive, probes do
// not overlap, and the log tells each change once.
func TestRecoveryManyGoroutines(t *testing.T) {
	in(t, func(t *testing.T, a *ailing) {
		a.probe = func(context.Context) error {
			switch rand.IntN(3) {
			case 0:
				a.succeed(AnswersToAlive)
			case 1:
				a.fail(1)
			}
			time.Sleep(time.Duration(rand.Int64N(int64(2 * probeInterval))))
			return nil
		}
		for round := range 200 {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 50 {
						if rand.IntN(4) == 0 {
							a.fail(1)
						} else {
							a.succeed(1)
						}
						if rand.IntN(50) == 0 {
							time.Sleep(time.Duration(rand.Int64N(int64(probeInterval))))
						}
					}
				})
			}
			wg.Wait()
			a.Recovery.mu.Lock()
			if (a.Recovery.term != nil) != (a.State() != Alive) {
				t.Errorf("round %d: %v, term %v", round, a.State(), a.Recovery.term)
			}
			a.Recovery.mu.Unlock()
		}
		for a.probes() < 200 {
			a.fail(1)
			time.Sleep(probeInterval)
		}
		a.Retire()
		time.Sleep(2 * probeInterval) // the latest probe's end
		state := a.State().String()
		a.quiet(t)
		states := strings.Fields(a.states(t))
		for i, s := range states {
			if i > 0 && s == states[i-1] {
				t.Errorf("the log says %s twice", s)
			}
		}
		if a.most != 1 || states[len(states)-1] != state {
			t.Errorf("%d probes at once; %s, the log says %s", a.most, state, states[len(states)-1])
		}
	})
}

// A node holds a Recovery for each server of each tenant, and most of their servers are well.
func TestHealthyCostsNothing(t *testing.T) {
	if size := unsafe.Sizeof(Recovery{}); size > 24 {
		t.Errorf("a Recovery is %d octets", size)
	}
	var a ailing
	if n := testing.AllocsPerRun(100, func() { a.Succeeded(a.means) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A server that has never answered is probed ever more rarely, one that may not know probes, too; until it answers once.
func TestRecoveryOfAServerThatNeverAnswered(t *testing.T) {
	t.Parallel()
	for name, silence := range map[string]error{"silent": errSilent, "deaf": ErrDeaf} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := new(ailing)
				var answers atomic.Bool
				a.probe = func(context.Context) error {
					if answers.Load() {
						a.succeed(1)
						return nil
					}
					a.fail(1)
					return silence
				}
				a.fail(1)
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				if n := a.probes(); n < 24*4 || n > 24*4+2*turnsToDouble*10 {
					t.Errorf("%d probes in a day", n)
				}
				a.mu.Lock()
				asked := slices.Clone(a.asked)
				a.mu.Unlock()
				for i := 2; i < len(asked); i++ {
					if now, before := asked[i].Sub(asked[i-1]), asked[i-1].Sub(asked[i-2]); now < before*8/10 || now > longestWait*11/10 {
						t.Errorf("probe %d after %v, the one before after %v", i, now, before)
					}
				}
				answers.Store(true)
				time.Sleep(longestWait * 11 / 10)
				synctest.Wait()
				n := a.probes()
				time.Sleep(2 * probeInterval * 11 / 10)
				synctest.Wait()
				if got := a.State(); got != Alive {
					t.Errorf("%v, %d probes after the first that was answered", got, a.probes()-n)
				}
				// The entry that takes its place in the document knows that it has answered.
				var next ailing
				next.Follow(&a.Recovery)
				if !next.Answered() {
					t.Error("an edit forgets that the server has answered")
				}
				a.Retire()
			})
		})
	}
}

// A server that may not know probes is not killed by them, comes back by time, and is probed as any
// other once it has answered one.
func TestRecoveryOfTheDeaf(t *testing.T) {
	in(t, func(t *testing.T, a *ailing) {
		var knows atomic.Bool
		a.probe = func(context.Context) error {
			if !knows.Load() {
				return fmt.Errorf("%w: %w", ErrDeaf, errSilent)
			}
			a.succeed(1)
			return nil
		}
		start := time.Now()
		a.fail(1)
		time.Sleep(10 * reviveAfter)
		synctest.Wait()
		if got := a.State(); got != Zombie {
			t.Errorf("%v by probes that it may not know", got)
		}
		for i, at := range a.asked {
			want := probeInterval
			if i >= deafAfter {
				want = reviveAfter
			}
			if wait := at.Sub(start); wait < want*9/10 || wait > want*11/10 {
				t.Errorf("probe %d after %v", i, wait)
			}
			start = at
		}
		for range 3 { // chances come again and again
			a.fail(FailuresToDead)
			time.Sleep(reviveAfter * 11 / 10)
			synctest.Wait()
			if got := a.State(); got != Zombie {
				t.Fatalf("%v without another chance", got)
			}
		}
		knows.Store(true)
		a.fail(1)
		time.Sleep(reviveAfter*11/10 + (AnswersToAlive-1)*probeInterval*11/10)
		synctest.Wait()
		if got := a.State(); got != Alive {
			t.Errorf("%v, though it answers probes", got)
		}
		a.quiet(t)
		if got := a.states(t); got != "zombie dead zombie dead zombie dead zombie dead alive" {
			t.Errorf("the log says %s", got)
		}
	})
}
