package dict_test

import (
	"fmt"
	"strings"
	"testing"

	"aaa-api/internal/dict"
)

// ten is a dictionary of ten entries in JSON.
func ten() []byte {
	var b strings.Builder
	b.WriteString(`[{"vendor":{"Tenant":1000001}}`)
	for n := 1; n < 10; n++ {
		fmt.Fprintf(&b, `,{"attr":{"vid":1000001,"id":%d,"type":"string","name":"Tenant-Attribute-%d"}}`, n, n)
	}
	b.WriteString(`]`)
	return []byte(b.String())
}

// BenchmarkUpload is an upload of ten entries into an account that sees all shipped dictionaries and 20 more.
func BenchmarkUpload(b *testing.B) {
	system, err := dict.LoadSystem("")
	if err != nil {
		b.Fatal(err)
	}
	all := system.Default()
	var list []*dict.Compiled
	for i := range 20 {
		text := strings.NewReplacer("1000001", fmt.Sprint(1000100+i), "Tenant", fmt.Sprintf("Other%d", i)).Replace(string(ten()))
		entries, err := dict.ParseJSON([]byte(text))
		if err != nil {
			b.Fatal(err)
		}
		c, err := dict.CompileStored(fmt.Sprintf("dictionary_%d", i), entries, all)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, c)
	}
	body := ten()
	b.ReportAllocs()
	for b.Loop() {
		visible := dict.NewSet(list...).Join(all)
		others := visible.Without("dictionary_own", "").Join(all)
		entries, err := dict.ParseJSON(body)
		if err != nil {
			b.Fatal(err)
		}
		entries = dict.ResolveUpload(entries, others, all)
		if _, err := dict.CompileUpload("dictionary_own", "", entries, visible, all); err != nil {
			b.Fatal(err)
		}
		if _, err := dict.FormatEntries(entries); err != nil {
			b.Fatal(err)
		}
	}
}
