package aaa

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestValuesRefuseOtherTypes(t *testing.T) {
	t.Parallel()
	for _, bad := range []any{
		nil, make(chan int), func() {},
		struct{}{},
		&struct{}{}, []byte("x"), 1.5,
		map[string]string{},
		json.Number("1 2"), json.Number("NaN"), json.Number(""),
		[]any{nil},
		[]any{[]any{[]any{[]any{[]any{"x"}}}}},
		Values{"x": nil},
		NewSecret("hush"),
	} {
		v := Values{"key": bad}
		if err := CheckValues(v); err == nil {
			t.Errorf("%T is taken", bad)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("%v", err)
		}
		if text, err := json.Marshal(v); err == nil {
			t.Errorf("%T is coded as %s", bad, text)
		}
	}
}

func TestValuesKeepWhatTheyAre(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Values{
		`{"a":"<x>","n":1.50,"big":18446744073709551616,"b":true,"l":["x",2,false],"servers":{"one":"alive"}}`: {
			"a": "<x>", "n": json.Number("1.50"), "big": json.Number("18446744073709551616"), "b": true,
			"l": []any{"x", json.Number("2"), false}, "servers": map[string]any{"one": "alive"},
		},
		`{}`: {},
	} {
		var got Values
		if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v", text, got, err)
		}
	}
	for _, bad := range []string{`{"a":null}`, `[]`, `{"a":[null]}`, `{"a":[[[[1]]]]}`} {
		var got Values
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is taken as %v", bad, got)
		}
	}
}

// FuzzValues holds that what is read is of the closed set, and is the same when it is written and read again.
func FuzzValues(f *testing.F) {
	for _, seed := range []string{`{"a":"b","n":-1e400,"l":[true,"x"]}`, `{"o":{"p":{"q":{}}}}`, `{"a":null}`, `{"\u0000":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var v Values
		if json.Unmarshal(text, &v) != nil || v == nil {
			return
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var w Values
		if err := json.Unmarshal(again, &w); err != nil || !reflect.DeepEqual(v, w) {
			t.Fatalf("%q: %v, %v, %v", text, v, w, err)
		}
	})
}
