package aaa

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestBinaryValuesKeepTheirTypes(t *testing.T) {
	t.Parallel()
	for _, v := range []Values{
		nil,
		{},
		{
			"text": "x", "empty": "", "yes": true, "no": false, "number": json.Number("-1.50e400"),
			"int": -7, "int64": int64(-1 << 63), "uint64": uint64(1<<64 - 1),
			"list": []any{"a", json.Number("2"), false, []any{int64(3)}}, "no list": []any(nil), "empty list": []any{},
			"strings": []string{"a", ""}, "no strings": []string(nil), "empty strings": []string{},
			"values": Values{"v": "w"}, "map": map[string]any{"v": Values{}}, "no map": map[string]any(nil), "no values": Values(nil),
		},
	} {
		b, err := v.AppendBinary([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		got := Values{"old": "value"}
		if err := got.UnmarshalBinary(b[len("before"):]); err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("got %#v, %v\nwant %#v", got, err, v)
		}
		for cut := len("before"); cut < len(b); cut++ {
			if got.UnmarshalBinary(b[len("before"):cut]) == nil {
				t.Errorf("%d octets of %d are taken", cut, len(b))
			}
		}
		if got.UnmarshalBinary(append(b[len("before"):], 0)) == nil {
			t.Error("an octet too many is taken")
		}
	}
}

func TestBinaryValuesRefuseOtherTypes(t *testing.T) {
	t.Parallel()
	for _, bad := range []any{
		nil, []byte("x"), 1.5, struct{}{}, json.Number("NaN"), []any{nil}, []any{[]any{[]any{[]any{}}}}, NewSecret("hush"), Decoded{},
	} {
		if _, err := (Values{"key": bad}).AppendBinary(nil); err == nil {
			t.Errorf("%T is taken", bad)
		} else if strings.Contains(err.Error(), "hush") {
			t.Error(err)
		}
	}
}

func TestBinaryDecoded(t *testing.T) {
	t.Parallel()
	deep := any("x")
	for range MaxDecodedDepth {
		deep = []any{deep}
	}
	for _, v := range []any{nil, true, "x", json.Number("12"), []any{nil, []any{}}, map[string]any{"a": nil, "b": map[string]any{}}, deep} {
		b, err := Decoded{v}.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var got Decoded
		if err := got.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(got.Value, v) {
			t.Errorf("got %#v, %v, want %#v", got.Value, err, v)
		}
	}
	for _, bad := range []any{1, int64(1), uint64(1), []string{}, Values{}, 1.5, []any{deep}, json.Number("")} {
		if _, err := (Decoded{bad}).AppendBinary(nil); err == nil {
			t.Errorf("%T is taken", bad)
		}
	}
}

func TestBinaryValuesRefuseNamesThatComeTwice(t *testing.T) {
	t.Parallel()
	var v Values
	if err := v.UnmarshalBinary([]byte{3, 1, 'a', tagTrue, 1, 'a', tagFalse}); err == nil || v != nil {
		t.Errorf("%v, %v", v, err)
	}
}

// FuzzBinaryValues holds that what is read is of the closed set, and is the same when it is written and read again.
func FuzzBinaryValues(f *testing.F) {
	for _, v := range []Values{nil, {}, {"a": "b", "n": json.Number("1"), "l": []any{true, 7, []string{"x"}}, "v": Values{"m": map[string]any{}}}} {
		b, err := v.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v, w Values
		if v.UnmarshalBinary(data) != nil {
			return
		}
		if v != nil && CheckValues(v) != nil {
			t.Fatalf("%x: %v", data, CheckValues(v))
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

// FuzzBinaryDecoded is FuzzBinaryValues for parsed JSON.
func FuzzBinaryDecoded(f *testing.F) {
	for _, v := range []any{nil, true, []any{nil, json.Number("1")}, map[string]any{"a": map[string]any{"b": "c"}}} {
		b, err := Decoded{v}.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v, w Decoded
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
