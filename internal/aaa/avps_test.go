package aaa

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
)

func named(name string, t Type, word string, octets ...byte) NamedAVP {
	return NamedAVP{AVP: AVP{Attr: &Attribute{Name: name, Type: t}, Value: octets}, As: name, Word: word}
}

// TestAVPsAsShown: several values of a name are a list, wherever they stand, and what is read back shows the same.
func TestAVPsAsShown(t *testing.T) {
	t.Parallel()
	stream := NamedAVP{AVP: AVP{Attr: &Attribute{Name: "NAS-Filter-Rule", Number: nasFilterRule, Type: TypeString}, Value: []byte("permit\x00deny")}, As: "NAS-Filter-Rule"}
	list := AVPs{
		named("Class", TypeOctets, "", 1, 2), named("Session-Timeout", TypeInteger, "", 0, 0, 1, 0), stream,
		named("Class", TypeOctets, "", 3), named("Tunnel-Type:1", TypeInteger, "VLAN", 0, 0, 0, 13), named("Offset", TypeSigned, "", 0xff, 0xff, 0xff, 0xfe),
		named("Large", TypeInteger64, "", 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), named("Open", TypeBool, "", 1), stream,
		named("Odd", TypeInteger, "", 1),
	}
	want := `{"Class":["0x0102","0x03"],"Large":18446744073709551615,"NAS-Filter-Rule":["permit","deny","permit","deny"],"Odd":"0x01",` +
		`"Offset":-2,"Open":true,"Session-Timeout":256,"Tunnel-Type:1":"VLAN"}`
	for range 2 {
		text, err := json.Marshal(list)
		if err != nil || string(text) != want {
			t.Fatalf("%s, %v\nwant %s", text, err, want)
		}
		list = nil
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatal(err)
		}
	}
	if got := list.Value("Class"); !reflect.DeepEqual(got, Value([]any{"0x0102", "0x03"})) || list.Value("Filter-Id") != nil {
		t.Errorf("%v", got)
	}
}

// TestManyAVPs: many AVPs are shown as few are, each name once, in the order of its first.
func TestManyAVPs(t *testing.T) {
	t.Parallel()
	stream := NamedAVP{AVP: AVP{Attr: &Attribute{Name: "NAS-Filter-Rule", Number: nasFilterRule, Type: TypeString}, Value: []byte("a\x00b")}, As: "name 3"}
	for _, n := range []int{few - 1, few, few + 1, 3 * few} {
		for _, names := range []int{1, 7, n} {
			var list AVPs
			want := make(map[string][]any)
			var order []string
			for i := range n {
				name := fmt.Sprintf("name %d", i%names)
				if want[name] == nil {
					order = append(order, name)
				}
				if name == stream.As {
					list = append(list, stream)
					want[name] = append(want[name], "a", "b")
					continue
				}
				list.Add(name, fmt.Sprint(i))
				want[name] = append(want[name], fmt.Sprint(i))
			}
			for name, v := range list.All() {
				if len(order) == 0 || name != order[0] {
					t.Fatalf("%d AVPs of %d names: %s is not next", n, names, name)
				}
				order = order[1:]
				var shown Value = want[name]
				if len(want[name]) == 1 {
					shown = want[name][0]
				}
				if !reflect.DeepEqual(v, shown) {
					t.Errorf("%d AVPs of %d names: %s is %v, want %v", n, names, name, v, shown)
				}
			}
			if len(order) > 0 {
				t.Errorf("%d AVPs of %d names: %q are missing", n, names, order)
			}
			for range list.All() {
				break
			}
		}
	}
}

// BenchmarkManyAVPs shows the reply that holds the most attributes.
func BenchmarkManyAVPs(b *testing.B) {
	var list AVPs
	for i := range 2000 {
		list.Add(fmt.Sprintf("Attr-26.%05d.%03d", 10000+i/200, i%200), "")
	}
	for b.Loop() {
		for range list.All() {
		}
	}
}
