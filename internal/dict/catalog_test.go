package dict

import (
	"runtime"
	"testing"
)

func systemCatalog(t testing.TB) *Catalog {
	t.Helper()
	c, err := LoadSystem("")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSystemDictionaries compiles every shipped dictionary, and all of them together.
func TestSystemDictionaries(t *testing.T) {
	t.Parallel()
	c := systemCatalog(t)
	if n := len(c.Names()); n < 230 {
		t.Fatalf("%d system dictionaries", n)
	}
	for _, name := range c.Names() {
		s := c.sources[name]
		if _, err := s.compile(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, want := range []string{"dictionary", "dictionary_3gpp", "dictionary_rfc2865", "dictionary_alcatel-lucent_aaa"} {
		if _, ok := c.Get(want); !ok {
			t.Errorf("no %s", want)
		}
	}
	if _, ok := c.Get("dictionary_no_such"); ok {
		t.Error("a dictionary that does not exist was found")
	}
	all := c.Default()
	for _, list := range c.order {
		d, _ := c.Get(list)
		for i := range d.attrs {
			a := &d.attrs[i]
			// A name that FreeRADIUS also uses internally means the RFC's attribute.
			if got := all.ByName(a.Name); !sameAttr(got, a) && (a.Wire || got == nil || !got.Wire) {
				t.Errorf("%s: the default set finds %+v for %s", list, got, a.Name)
			}
		}
	}
}

// BenchmarkLoadSystem is the cost of a start with all system dictionaries compiled
// into the default set; live-KiB is the memory that it holds afterwards.
func BenchmarkLoadSystem(b *testing.B) {
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var c *Catalog
	for b.Loop() {
		c = systemCatalog(b)
		c.Default()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/1024, "live-KiB")
	runtime.KeepAlive(c)
}
