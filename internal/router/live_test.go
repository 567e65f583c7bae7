package router_test

import (
	"context"
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
				if _, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn}); aaa.KindOf(err) != aaa.KindNoAnswer {
					t.Errorf("%v", err)
				}
				if !slices.Equal(asked, c.asked) {
					t.Errorf("asked %v, want %v", asked, c.asked)
				}
				l.quiet()
			})
		}
	}
}
