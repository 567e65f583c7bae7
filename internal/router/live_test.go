package router_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

func (b *backend) kill() {
	for range engines.FailuresToDead {
		b.health.Failure()
	}
}

// TestDiesMeanwhile: a server that dies while another is asked is not passed over where no other is left, neither one
// whose turn has yet to come nor one that was passed over for those that died since.
func TestDiesMeanwhile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		dead  []string // from the beginning
		die   []string // when the first server is asked
		asked []string
	}{
		{"the others die while the first is asked", nil, []string{"b", "c"}, []string{"a", "b", "c"}},
		{"one of them was dead", []string{"b"}, []string{"c"}, []string{"a", "b", "c"}},
		{"that for which one was passed over dies", []string{"a", "c"}, []string{"b"}, []string{"b", "c", "a"}},
		{"one lives still", []string{"a"}, []string{"c"}, []string{"b", "c"}},
		{"nobody dies", []string{"a", "b"}, nil, []string{"c"}},
	} {
		for name, table := range map[string]string{
			"AskNext":  "",
			"AskNamed": "Start:\n\t*.+AUTHEN.ACK AUTHENTICATE Wait\nWait:\n\t*.AUTHENTICATE.ERROR REPLY End\n\t*.*.TIMEOUT NULL End\nEnd:\n",
		} {
			t.Run(name+", "+c.name, func(t *testing.T) {
				t.Parallel()
				l := newLab(t, 10*time.Second, "a", "b", "c")
				if table != "" {
					l.use(table)
				}
				var asked []string
				for server, b := range l.servers {
					if slices.Contains(c.dead, server) {
						b.kill()
					}
					l.play(server, func(context.Context) (*engines.Reply, error) {
						if asked = append(asked, server); len(asked) == 1 {
							for _, other := range c.die {
								l.servers[other].kill()
							}
						}
						return nil, &engines.Failure{Reason: engines.NoAnswer, Attempts: 1}
					})
				}
				_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn, Trace: true})
				var e *aaa.Error
				if !errors.As(err, &e) || e.Kind != aaa.KindNoAnswer {
					t.Fatalf("%v", err)
				}
				var passed []string
				for _, s := range e.Trace.Servers {
					if s.Outcome == "dead, passed over" {
						passed = append(passed, s.Name)
					}
				}
				if c.die == nil && !slices.Equal(passed, c.dead) {
					t.Errorf("the trace says that %v were passed over, want %v", passed, c.dead)
				}
				if !slices.Equal(asked, c.asked) {
					t.Errorf("asked %v, want %v", asked, c.asked)
				}
				l.quiet()
			})
		}
	}
}

// TestDiesMeanwhileFurtherUp: a server that was passed over for one of a document further up is asked in the end where that
// one dies too, and only then.
func TestDiesMeanwhileFurtherUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		dead  []string // from the beginning
		die   []string // when the first server is asked
		asked []string
	}{
		{"the parent's server dies", []string{"a"}, []string{"b", "c"}, []string{"b", "c", "a"}},
		{"two were passed over", []string{"a", "b"}, []string{"c"}, []string{"c", "a", "b"}},
		{"one lives still", []string{"a"}, []string{"c"}, []string{"b", "c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 10*time.Second, "a", "b", "c")
			servers := l.level.Servers
			l.split()
			var asked []string
			for i, name := range []string{"a", "b", "c"} {
				b := l.servers[name]
				if slices.Contains(c.dead, name) {
					b.kill()
				}
				servers[i].Client = played{backend: b, exchange: func(context.Context) (*engines.Reply, error) {
					if asked = append(asked, name); len(asked) == 1 {
						for _, other := range c.die {
							l.servers[other].kill()
						}
					}
					return nil, &engines.Failure{Reason: engines.NoAnswer, Attempts: 1}
				}}
			}
			_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn, Trace: true})
			if aaa.KindOf(err) != aaa.KindNoAnswer || !slices.Equal(asked, c.asked) {
				t.Errorf("asked %v, want %v; %v", asked, c.asked, err)
			}
			l.quiet()
			// The same, where the server that is asked in the end answers.
			asked = nil
			for _, s := range servers {
				b := l.servers[s.Name]
				b.health = engines.Health{}
				if slices.Contains(c.dead, s.Name) {
					b.kill()
				}
			}
			if last := c.asked[len(c.asked)-1]; last != "c" {
				l.servers[last].outcome = aaa.Accept
				before := servers[slices.Index([]string{"a", "b", "c"}, last)].Client.(played)
				before.exchange = func(context.Context) (*engines.Reply, error) {
					return &engines.Reply{Outcome: aaa.Accept, Attempts: 1}, nil
				}
				servers[slices.Index([]string{"a", "b", "c"}, last)].Client = before
				res, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn, Trace: true})
				if err != nil || res.Server != last || res.Attempts != len(c.asked) {
					t.Fatalf("%+v, %v", res, err)
				}
				for _, d := range res.Trace.Documents {
					if (d.Account == res.Document) != (d.Note == "used") {
						t.Errorf("the trace says %q of %s", d.Note, d.Account)
					}
				}
			}
		})
	}
}
