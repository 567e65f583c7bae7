package plans

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

func (f *fixture) tallied() []string {
	var list []string
	for _, t := range f.tenants.Tallies() {
		t.Each(func(outcome string, n uint64) {
			list = append(list, fmt.Sprintf("%s %s %s %d", t.Engine, t.Server, outcome, n))
		})
	}
	slices.Sort(list)
	return list
}

// TestTallies: an address has one, whoever names it, through every change of documents that name it still, and
// none is left of those that nobody names any more.
func TestTallies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := func(address string) string {
		return `"servers":[{"enabled":true,"name":"a","address":"` + address + `","port":1812,"secret":"s","aaa_engine":"radius","dicts":["dictionary"]}]`
	}
	server := func(account string) *Server { return f.level(account).Server("a") }
	f.put("reseller", at("192.0.2.1"))
	for i := range 50 {
		f.put("customer", at(fmt.Sprintf("198.51.100.%d", i)))
		server("customer").Tally.Answered(aaa.Accept)
	}
	f.put("customer", at("192.0.2.1"))
	if server("customer").Tally != server("reseller").Tally {
		t.Error("one address is counted twice")
	}
	server("customer").Tally.Answered(aaa.Reject)
	f.put("customer", at("192.0.2.1")+`,"workers":7`)
	for _, o := range []aaa.Outcome{aaa.Accept, aaa.Reject, aaa.Challenge} {
		server("customer").Tally.Answered(o)
	}
	want := []string{"radius 192.0.2.1:1812 accept 1", "radius 192.0.2.1:1812 challenge 1", "radius 192.0.2.1:1812 reject 2"}
	for r := engines.NoAnswer; r < engines.NumReasons; r++ {
		server("reseller").Tally.Failed(r)
		want = append(want, "radius 192.0.2.1:1812 "+r.String()+" 1")
	}
	server("reseller").Tally.Cancelled()
	want = append(want, "radius 192.0.2.1:1812 cancelled 1")
	slices.Sort(want)
	deadline := time.Now().Add(20 * time.Second)
	for len(f.tenants.Tallies()) > 1 {
		if time.Now().After(deadline) {
			t.Fatalf("addresses that nobody names are counted still: %v", f.tallied())
		}
		runtime.GC() // cleanups run some time after the collection
		runtime.Gosched()
	}
	if diff := cmp.Diff(want, f.tallied()); diff != "" {
		t.Error(diff)
	}
}
