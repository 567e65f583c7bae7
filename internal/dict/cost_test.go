package dict

import (
	"fmt"
	"runtime"
	"testing"

	"aaa-api/internal/aaa"
)

func TestHotPathAllocations(t *testing.T) {
	s := mustSet(t, valueDict, valueDict, valueDict)
	kind, host, name, sub := s.ByName("Integer"), s.ByName("IPAddr"), s.ByName("String"), s.OfVendor(9, 2)
	buf := make([]byte, 0, 256)
	allocs := testing.AllocsPerRun(100, func() {
		for _, v := range [...]struct {
			a    *aaa.Attribute
			text string
		}{{kind, "one"}, {kind, "17"}, {host, "192.0.2.1"}, {name, "bob@example.org"}} {
			if _, err := s.Append(buf, v.a, v.text); err != nil {
				t.Error(err)
			}
		}
		s.ByName("Ext-5-Text")
		s.ByName("no such name")
		s.Child(sub, 1)
		s.OfVendor(9, 99)
		s.Vendor(9)
		s.ValueName(kind, 1)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// tenantDictionary is what a tenant may have: 100 entries of one vendor.
func tenantDictionary(n int) []Entry {
	entries := []Entry{{Vendor: &VendorEntry{Name: fmt.Sprintf("Tenant-%d", n), Number: uint32(50000 + n)}}}
	for i := range 66 {
		entries = append(entries, Entry{Attr: &AttrEntry{VID: uint32(50000 + n), ID: uint32(i + 1), Type: "integer", Name: fmt.Sprintf("Tenant-%d-Attribute-%d", n, i)}})
	}
	for i := range 33 {
		entries = append(entries, Entry{Val: &ValEntry{VID: uint32(50000 + n), ID: 1, Val: int64(i), Name: fmt.Sprintf("Value-Number-%d", i)}})
	}
	return entries
}

// TestMemoryOfTenants: 1,000 tenants with a dictionary of 100 entries each hold less
// than 400 octets an entry.
func TestMemoryOfTenants(t *testing.T) {
	const tenants, entries = 1000, 100
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	sets := make([]*Set, tenants)
	for i := range sets {
		c, err := Compile(fmt.Sprintf("dictionary_%d", i), tenantDictionary(i), nil)
		if err != nil {
			t.Fatal(err)
		}
		sets[i] = NewSet(c)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / (tenants * entries)
	t.Logf("%d octets an entry", per)
	if per > 400 {
		t.Errorf("%d octets an entry", per)
	}
	runtime.KeepAlive(sets)
}

func BenchmarkSetEncode(b *testing.B) {
	s := mustSet(b, valueDict, valueDict, valueDict)
	a := s.ByName("Integer")
	buf := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Append(buf, a, "One"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSetByName(b *testing.B) {
	all := systemCatalog(b).Default()
	b.ReportAllocs()
	for b.Loop() {
		if all.ByName("Tunnel-Password") == nil || all.OfVendor(10415, 1) == nil {
			b.Fatal("not found")
		}
	}
}
