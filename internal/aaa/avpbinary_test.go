package aaa

import (
	"fmt"
	"reflect"
	"testing"
)

// everyAVP has AVPs with each member set, and without.
func everyAVP() AVPs {
	vendor := &Vendor{Name: "v", Number: 1<<24 - 1, TypeOctets: 4, LengthOctets: 2, Continuation: true}
	parent := &Attribute{Name: "p", Vendor: vendor, Number: 1, Type: TypeTLV}
	l := AVPs{
		{AVP: AVP{Attr: &Attribute{Name: "Class"}, Value: []byte("x")}, As: "Class", Word: "word"},
		{},
		{AVP: AVP{Tag: 31, Value: []byte{}, Clear: true, Optional: true, Invalid: true}, As: "x"},
		{AVP: AVP{Attr: &Attribute{
			Name: "a", Vendor: vendor, Parent: parent, Number: 1<<32 - 1, Type: TypeBool, Enc: EncAscend,
			HasTag: true, Concat: true, Array: true, Length: -1, Hidden: true, Wire: true,
		}, Value: make([]byte, 5000)}, As: "b"},
	}
	for i := range 300 {
		l = append(l, NamedAVP{AVP: AVP{Attr: &Attribute{Name: fmt.Sprint(i), Number: uint32(i)}, Value: fmt.Append(nil, i)}, As: fmt.Sprint(i)})
	}
	return l
}

func TestBinaryAVPs(t *testing.T) {
	t.Parallel()
	for _, want := range []AVPs{nil, {}, everyAVP()[:4], everyAVP()} {
		b, err := want.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		got := AVPs{{As: "old"}}
		if err := got.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
		}
		for cut := range min(len(b), 200) {
			if got.UnmarshalBinary(b[:cut]) == nil || got != nil {
				t.Errorf("%d octets of %d are taken", cut, len(b))
			}
		}
		if got.UnmarshalBinary(append(b, 0)) == nil {
			t.Error("an octet too many is taken")
		}
	}
}

// TestBinaryAVPsHaveAllMembers fails when a member is added to a type and not to its binary form.
func TestBinaryAVPsHaveAllMembers(t *testing.T) {
	t.Parallel()
	for typ, n := range map[reflect.Type]int{
		reflect.TypeFor[NamedAVP](): 3, reflect.TypeFor[AVP](): 6, reflect.TypeFor[Attribute](): 12, reflect.TypeFor[Vendor](): 5,
	} {
		if typ.NumField() != n {
			t.Errorf("%s has %d members: write and read the new one, and put it into everyAVP", typ, typ.NumField())
		}
	}
}

// TestValuesOfAVPsAreApart: what is appended to the value of one AVP does not change another.
func TestValuesOfAVPsAreApart(t *testing.T) {
	t.Parallel()
	b, err := everyAVP().AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	var got AVPs
	if err := got.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i].Value = append(got[i].Value, "overwritten"...)[:len(got[i].Value)]
	}
	for i, want := range everyAVP() {
		if string(got[i].Value) != string(want.Value) {
			t.Errorf("%d: %q", i, got[i].Value)
		}
	}
}

func TestBinaryAVPsAreBounded(t *testing.T) {
	t.Parallel()
	circle := &Attribute{Name: "c"}
	circle.Parent = circle
	if _, err := (AVPs{{AVP: AVP{Attr: circle}}}).AppendBinary(nil); err == nil {
		t.Error("a circle is written")
	}
}

func FuzzBinaryAVPs(f *testing.F) {
	for _, l := range []AVPs{nil, {}, everyAVP()[:4]} {
		b, err := l.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v, w AVPs
		if v.UnmarshalBinary(data) != nil {
			return
		}
		again, err := v.AppendBinary(nil)
		if err != nil {
			t.Fatalf("%x: %v", data, err)
		}
		if err := w.UnmarshalBinary(again); err != nil || !reflect.DeepEqual(v, w) {
			t.Fatalf("%x: %v, %v, %v", data, v, w, err)
		}
	})
}
