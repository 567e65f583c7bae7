package dict

import (
	"fmt"
	"runtime"
	"testing"

	"aaa-api/internal/aaa"
)

// goMaps are what Go's maps would be in place of attrByName and attrByID. The tables of values are left out, to the maps' favour.
type goMaps struct {
	names   map[string]uint32
	numbers map[[2]uint32]uint32
}

func mapsOf(c *Compiled) goMaps {
	m := goMaps{make(map[string]uint32, len(c.attrs)), make(map[[2]uint32]uint32, len(c.attrs))}
	for i := range c.attrs {
		var buf [MaxName]byte
		m.names[string(lowered(&buf, c.attrs[i].Name))] = uint32(i)
		m.numbers[[2]uint32{vendorNumber(&c.attrs[i]), c.attrs[i].Number}] = uint32(i)
	}
	return m
}

func lowered(buf *[MaxName]byte, name string) []byte {
	n := copy(buf[:], name)
	for i, c := range buf[:n] {
		if c >= 'A' && c <= 'Z' {
			buf[i] = c + 'a' - 'A'
		}
	}
	return buf[:n]
}

// dictionaryOf is a dictionary as tenants have them, of n attributes.
func dictionaryOf(t testing.TB, n int) *Compiled {
	t.Helper()
	entries := []Entry{{Vendor: &VendorEntry{Name: "Tenant", Number: 1_000_001}}}
	for i := range n {
		entries = append(entries, Entry{Attr: &AttrEntry{VID: 1_000_001, ID: uint32(i), Type: "string", Name: fmt.Sprintf("Tenant-Attribute-%d", i)}})
	}
	c, err := CompileStored("tenant", entries, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// BenchmarkIndex compares the tables of index.go with Go's maps, which have to hold each name in lower case too.
func BenchmarkIndex(b *testing.B) {
	for _, n := range []int{100, 200, 10_000} {
		c := dictionaryOf(b, n)
		m := mapsOf(c)
		set := NewSet(c)
		name := fmt.Sprintf("tenant-Attribute-%d", n/2)
		number := uint32(n / 2)
		octets := func(make func() any) float64 {
			const copies = 200
			var before, after runtime.MemStats
			kept := [copies]any{}
			runtime.GC()
			runtime.ReadMemStats(&before)
			for i := range kept {
				kept[i] = make()
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			runtime.KeepAlive(kept)
			return float64(after.HeapAlloc-before.HeapAlloc) / copies
		}
		b.Run(fmt.Sprintf("tables/%d", n), func(b *testing.B) {
			for b.Loop() {
				if set.ByName(name) == nil || set.OfVendor(1_000_001, number) == nil {
					b.Fatal("not found")
				}
			}
			b.ReportMetric(float64(4*(len(c.attrByName)+len(c.attrByID))), "octets")
		})
		b.Run(fmt.Sprintf("maps/%d", n), func(b *testing.B) {
			found := func(i uint32, ok bool) *aaa.Attribute {
				if !ok {
					b.Fatal("not found")
				}
				return &c.attrs[i]
			}
			for b.Loop() {
				var buf [MaxName]byte
				i, ok := m.names[string(lowered(&buf, name))]
				found(i, ok)
				i, ok = m.numbers[[2]uint32{1_000_001, number}]
				found(i, ok)
			}
			b.ReportMetric(octets(func() any { return mapsOf(c) }), "octets")
		})
	}
}
