package aaa

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// overLine is an error as it arrives after it was sent.
func overLine(t testing.TB, err error) *Error {
	t.Helper()
	text, merr := json.Marshal(DataOf(err))
	if merr != nil {
		t.Fatal(merr)
	}
	var d ErrorData
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d.Error()
}

func TestErrorsOfAllKindsAreSent(t *testing.T) {
	t.Parallel()
	for kind := range numKinds {
		e := &Error{
			Kind: kind, Message: "said <so>", RetryAfter: 3 * time.Second, Err: errors.New("hush"),
			Fields: []Field{
				{Path: "servers.0.port", Rule: "maximum", Message: "too large", Target: 65535, Value: json.Number("65536")},
				{Path: "cause", Rule: "enum", Message: "unknown", Target: []string{"a", "b"}},
				{Path: "secret", Rule: "type", Message: "no text", Value: NewSecret("hush")},
				{Path: "state", Rule: "enum", Message: "unknown", Target: []SessionState{SessionInit, SessionCont}},
				{Path: "nas_port", Rule: "maximum", Message: "too large", Target: uint32(7)},
			},
			Trace:  &Trace{Documents: []TraceDocument{{Account: "a", Note: "used"}}, UnusedKeys: []string{"k"}, Elapsed: 7},
			Excess: &Excess{Limit: LimitSessions, Account: "a", Allowed: 5, From: "b"}, Server: "main", Attempts: 3,
		}
		want := *e
		want.Err = nil
		want.Fields = []Field{
			{Path: "servers.0.port", Rule: "maximum", Message: "too large", Target: json.Number("65535"), Value: json.Number("65536")},
			{Path: "cause", Rule: "enum", Message: "unknown", Target: []any{"a", "b"}},
			{Path: "secret", Rule: "type", Message: "no text"},
			{Path: "state", Rule: "enum", Message: "unknown", Target: []any{"init", "cont"}},
			{Path: "nas_port", Rule: "maximum", Message: "too large", Target: json.Number("7")},
		}
		if kind == KindInternal { // its text may hold anything
			want = Error{Message: internalMessage}
		}
		got := overLine(t, fmt.Errorf("wrapped, hush: %w", e))
		if !reflect.DeepEqual(got, &want) {
			t.Errorf("%d:\ngot  %+v\nwant %+v", kind, got, &want)
		}
	}
	for _, c := range []struct {
		err  error
		kind Kind
	}{
		{errors.New("hush"), KindInternal},
		{fmt.Errorf("hush: %w", context.DeadlineExceeded), KindNoAnswer},
		{fmt.Errorf("hush: %w", context.Canceled), KindNoAnswer},
	} {
		got := overLine(t, c.err)
		if got.Kind != c.kind || got.Err != nil || strings.Contains(got.Message, "hush") {
			t.Errorf("%v: %+v", c.err, got)
		}
	}
}

// TestErrorsOfEarlierNodes: a node of an earlier version writes a field's Target and Value always.
func TestErrorsOfEarlierNodes(t *testing.T) {
	t.Parallel()
	var d ErrorData
	err := json.Unmarshal([]byte(`{"kind":1,"message":"m","fields":[{"Path":"p","Rule":"r","Message":"x","Target":null,"Value":5}]}`), &d)
	want := &Error{Kind: KindBadInput, Message: "m", Fields: []Field{{Path: "p", Rule: "r", Message: "x", Value: json.Number("5")}}}
	if got := d.Error(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

// FuzzErrorData holds that whatever arrives becomes an error of a known kind that can be shown and sent on.
func FuzzErrorData(f *testing.F) {
	for _, seed := range []string{
		`{"kind":10,"message":"full","retry_after":1000000000}`, `{"kind":200}`, `{"kind":12,"excess":{"Limit":99}}`,
		`{"kind":1,"fields":[{"Path":"a","Target":[[[[[1]]]]],"Value":{"x":null}}],"trace":{"servers":[{}]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var d ErrorData
		if json.Unmarshal(text, &d) != nil {
			return
		}
		e := d.Error()
		if e.Kind >= numKinds || e.Excess != nil && e.Excess.Limit >= NumLimits {
			t.Fatalf("%q: %+v", text, e)
		}
		for _, field := range e.Fields {
			if field.Target != nil && CheckValue(field.Target) != nil || field.Value != nil && CheckValue(field.Value) != nil {
				t.Fatalf("%q: %+v", text, field)
			}
		}
		if again := overLine(t, e); e.Kind != KindInternal && !reflect.DeepEqual(again, e) {
			t.Fatalf("%q:\n%+v\n%+v", text, e, again)
		}
	})
}
