package aaa

import (
	"encoding/json"
	"testing"
)

// TestWeight: what takes more memory than octets on the line is told to weigh so much, and damage is no way around.
func TestWeight(t *testing.T) {
	t.Parallel()
	many := func(v any) []any {
		list := make([]any, 1000)
		for i := range list {
			list[i] = v
		}
		return list
	}
	for _, v := range []any{many(false), many(""), many(json.Number("1")), []any{many([]any{})}, map[string]any{"x": many(map[string]any{})}} {
		form, err := Decoded{v}.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		got := new(Decoded).Weight(string(form))
		if least := 1000 * elementWeight; got < least || got > least+2*pairWeight {
			t.Errorf("%T weighs %d octets", v, got)
		}
		form[len(form)-1] = 0xff
		if damaged := new(Decoded).Weight(string(form)); damaged < got-2*elementWeight || damaged > got {
			t.Errorf("%T weighs %d octets whole and %d with a damaged end", v, got, damaged)
		}
	}
	form, err := Values{"list": many("x"), "texts": make([]string, 1000), "n": 1, "deep": Values{"x": true}}.AppendBinary(nil)
	if got, want := new(Values).Weight(string(form)), 2000*elementWeight+5*pairWeight; err != nil || got != want {
		t.Errorf("%d octets, not %d; %v", got, want, err)
	}
}
