package router_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// played is a server whose exchanges a test plays.
type played struct {
	*backend
	exchange func(ctx context.Context) (*engines.Reply, error)
	health   func() *engines.Health // nil: the backend's
}

func (p played) Exchange(ctx context.Context, _ *engines.Request) (*engines.Reply, error) {
	p.asked.Add(1)
	p.busy.Add(1)
	defer p.busy.Add(-1)
	return p.exchange(ctx)
}

func (p played) Health() *engines.Health {
	if p.health != nil {
		return p.health()
	}
	return p.backend.Health()
}

func (l *lab) play(name string, exchange func(ctx context.Context) (*engines.Reply, error)) {
	l.level.Server(name).Client = played{l.servers[name], exchange, nil}
}

func accepts(context.Context) (*engines.Reply, error) {
	return &engines.Reply{Outcome: aaa.Accept, Attempts: 1}, nil
}

func panics(context.Context) (*engines.Reply, error) { panic("an engine's own fault") }

// failsOpaquely checks that a request ended with an error that callers see nothing of, and with a line in the log.
func (l *lab) failsOpaquely(err error) {
	l.t.Helper()
	if err == nil || aaa.KindOf(err) != aaa.KindInternal {
		l.t.Errorf("the request ended with %v", err)
	}
	if n := strings.Count(l.log.String(), `"a request panicked"`); n != 1 {
		l.t.Errorf("%d lines in the log:\n%s", n, l.log.String())
	}
}

// TestPanicOfAnExchange: it fails its request, in line and beside others alike.
func TestPanicOfAnExchange(t *testing.T) {
	t.Parallel()
	for name, table := range map[string]string{"in line": "", "beside another": race} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 10*time.Second, "bad", "silent")
			if table != "" {
				l.use(table)
			}
			l.play("bad", panics)
			l.servers["silent"].forever = true
			_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
			l.quiet()
			l.failsOpaquely(err)
		})
	}
}

// TestPanicAfterTheAnswer: it ends what is left of its request, and gives back the place.
func TestPanicAfterTheAnswer(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]string{
		"an exchange":       "\t*.ACCT.ACK REPLY Copies\n",
		"the walk's action": "\t*.ACCT.ACK REPLY Copies\n\t*.REPLY.ACK TIMER Later Xvalue=1\nLater:\n\t*.TIMER.TIMER RADIUS Later\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 10*time.Second, "first", "bad")
			l.use("Start:\n\t*.+ACCT.ACK ACCT Copies Xvalue=1\nCopies:\n" + after + "\t*.*.TIMEOUT NULL End\nEnd:\n")
			l.servers["first"].outcome = aaa.Accept
			answered := make(chan struct{})
			bad := played{backend: l.servers["bad"]}
			if name == "an exchange" {
				bad.exchange = func(context.Context) (*engines.Reply, error) { <-answered; panic("late") }
			} else {
				bad.exchange = func(ctx context.Context) (*engines.Reply, error) { <-ctx.Done(); return nil, ctx.Err() }
			}
			l.level.Server("bad").Client = bad
			if name != "an exchange" {
				healthy := new(engines.Health)
				first := played{backend: l.servers["first"], exchange: accepts}
				first.health = func() *engines.Health {
					select {
					case <-answered:
						panic("late")
					default:
						return healthy
					}
				}
				l.level.Server("first").Client = first
			}
			res, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Accounting, Values: map[string]any{"Acct-Status-Type": "Start"}})
			if err != nil || res.Server != "first" {
				t.Fatalf("%+v, %v", res, err)
			}
			close(answered)
			l.quiet()
			l.failsOpaquely(context.Canceled)
		})
	}
}

// TestPanicOfTheWalk: an action that panics fails its request, and cancels what the request has pending.
func TestPanicOfTheWalk(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10*time.Second, "bad", "silent")
	l.use("Start:\n\t*.+AUTHEN.ACK RAD2RAD Wait Xvalue=1 Xstring=accounting\nWait:\n\t*.RAD2RAD.WAIT TIMER Wait Xvalue=1\n\t*.TIMER.TIMER RADIUS Wait\n\t*.*.TIMEOUT NULL End\nEnd:\n")
	l.level.Lists[aaa.Accounting] = l.level.Servers[1:]
	l.servers["silent"].forever = true
	bad := played{backend: l.servers["bad"], exchange: accepts}
	bad.health = func() *engines.Health { panic("an action's own fault") }
	l.level.Server("bad").Client = bad
	_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	l.quiet()
	l.failsOpaquely(err)
}
