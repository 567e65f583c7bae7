package plans

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/store"
)

// idle is an engine whose clients are never asked; they know how long they would take unless they had to resolve a name.
type idle struct{}

type idleClient struct {
	engines.Client
	longest time.Duration
	retired *atomic.Bool
	memory  string
}

func (idle) Name() string { return "radius" }

func (idle) Traits() engines.Traits { return engines.Traits{} }

func (idle) Open(cfg engines.Config) (engines.Client, error) {
	c := idleClient{longest: time.Duration(cfg.Server.Timeout) * time.Millisecond, retired: new(atomic.Bool), memory: cfg.Memory}
	if net.ParseIP(cfg.Server.Address) == nil {
		c.longest = 0
	}
	return c, nil
}

func (c idleClient) Longest() time.Duration { return c.longest }
func (c idleClient) Retire()                { c.retired.Store(true) }
func (c idleClient) Remember() string       { return c.memory + "!" }

// TestBounded: a route promises an end only where each of its servers is asked once at most, and knows how long it takes.
func TestBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.text("root", store.TextFSM, "mine", tableOf("x"))
	server := func(name, address string) string {
		return `{"enabled":true,"name":"` + name + `","address":"` + address + `","port":1812,"secret":"s","aaa_engine":"radius","dicts":["dictionary"],"timeout":1000}`
	}
	named := `"servers":[` + server("a", "192.0.2.1") + `,` + server("b", "b.example.org") + `]`
	for _, c := range []struct {
		name, customer, reseller string
		op                       aaa.Op
		want                     time.Duration
	}{
		{"one server", ``, ``, aaa.Authn, time.Second},
		{"a server of the parent's after it", `"aaa_mode":"inherit"`, ``, aaa.Authn, 2 * time.Second},
		{"a host name", named + `,"authentication":["b"]`, ``, aaa.Authn, 0},
		{"a host name that is not asked", named, ``, aaa.Authn, time.Second},
		{"a host name that a State may name", named + `,"fsm":{"accounting":"mine"}`, ``, aaa.Authn, 0},
		{"a table", `"fsm":"mine"`, ``, aaa.Authn, 0},
		{"a table of the parent's", `"aaa_mode":"inherit"`, `"fsm":"mine"`, aaa.Authn, 0},
		{"the built-in table by name", `"fsm":"sequential"`, ``, aaa.Authn, time.Second},
		{"another built-in table", `"fsm":"race"`, ``, aaa.Authn, 0},
		{"authorisers", `"authz_apps":["circlemaker","jonny5"]`, ``, aaa.Authz, 0},
		{"authorisers of another operation", `"authz_apps":["circlemaker","jonny5"]`, ``, aaa.Authn, time.Second},
	} {
		f.put("customer", c.customer)
		f.put("reseller", c.reseller)
		if got := f.plan("customer").Routes[c.op].Bounded; got != c.want {
			t.Errorf("%s: bounded by %v, want %v", c.name, got, c.want)
		}
	}
}
