package plans

import (
	"testing"

	"aaa-api/internal/engines"
)

// handed is an engine that keeps which Client each new one replaces.
type handed struct {
	idle
	previous *[]engines.Client
}

func (h handed) Open(cfg engines.Config) (engines.Client, error) {
	*h.previous = append(*h.previous, cfg.Previous)
	return h.idle.Open(cfg)
}

// TestPrevious: the Client of an edited server is made from that of the entry before, by its name.
func TestPrevious(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var previous []engines.Client
	f.tenants.engines = engines.NewRegistry(handed{previous: &previous})
	server := func(name, timeout string) string {
		return `"servers":[{"enabled":true,"name":"` + name + `","address":"192.0.2.1","port":1812,"secret":"s","aaa_engine":"radius","dicts":["dictionary"],"timeout":` + timeout + `}],
			"authentication":["` + name + `"],"authorization":[],"accounting":[],"custom":[]`
	}
	f.put("customer", server("a", "300"))
	first := f.level("customer").Server("a").Client
	f.put("customer", server("a", "301"))
	second := f.level("customer").Server("a").Client
	f.put("customer", server("a", "301")+`,"workers":7`)
	if f.level("customer").Server("a").Client != second {
		t.Error("a server that was not edited has a new Client")
	}
	f.put("customer", server("z", "301"))
	f.level("customer")
	if len(previous) != 3 || previous[0] != nil || previous[1] != first || previous[2] != nil {
		t.Errorf("made from %v; want one from %v between two from none", previous, first)
	}
}
