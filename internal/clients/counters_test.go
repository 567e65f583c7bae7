package clients

import (
	"testing"
	"time"
)

func TestSeen(t *testing.T) {
	f := newFixture(t)
	f.put("shop/a", `{"address":"10.0.0.0/8"}`)
	f.sync()
	f.registry.Seen(f.client("shop/a"), false)
	f.clock.Store(5)
	c := f.client("shop/a")
	if n := testing.AllocsPerRun(98, func() { f.registry.Seen(c, false) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	f.put("shop/a", `{"address":"11.0.0.0/8"}`) // the counters go on
	f.sync()
	s := f.client("shop/a").status()
	if s.Requests != 100 || s.Previous != 0 || !s.LastSeen.Equal(time.Unix(1_800_000_005, 0)) {
		t.Errorf("%+v", s)
	}
	if s.Address.String() != "11.0.0.0/8" {
		t.Errorf("%+v", s)
	}
}

func TestPreviousSecretIsTold(t *testing.T) {
	f := newFixture(t)
	doc := `{"address":"10.0.0.0/8","warn_after":"` + time.Unix(1_800_000_100, 0).UTC().Format(time.RFC3339) + `"}`
	f.put("shop/a", doc)
	f.sync()
	told := func(at int64, info, warnings int) {
		t.Helper()
		f.clock.Store(at)
		for range 50 {
			f.registry.Seen(f.client("shop/a"), true)
		}
		if i, w := f.log.count("level=INFO"), f.log.count("level=WARN"); i != info || w != warnings {
			t.Errorf("after %d s: %d infos and %d warnings, want %d and %d", at, i, w, info, warnings)
		}
	}
	told(0, 1, 0)
	told(99, 1, 0)
	told(100, 1, 1)
	f.put("shop/a", doc) // a write that changes nothing
	f.sync()
	told(100+3599, 1, 1)
	told(100+3600, 1, 2)
	if s := f.client("shop/a").status(); s.Previous != 250 || s.Requests != 250 {
		t.Errorf("%+v", s)
	}
}
