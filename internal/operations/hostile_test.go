package operations

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/token"
)

// nasty are values of each kind that no front of ours sends.
var nasty = struct {
	texts   []string
	octets  [][]byte
	numbers []int64
	decoded []any
}{
	texts: []string{
		"", "\x00", "a\x00b", "\xff\xfe", "../..", "%00", "check", "sequential", " ", "a b", "☃", "*", "' OR 1=1 --", "-1", "1e99",
		strings.Repeat("x", 5000), strings.Repeat("\n", 70_000), strings.Repeat("☃", 100_000),
	},
	octets: [][]byte{
		nil,
		{},
		{0},
		{0xff, 0xfe},
		[]byte("null"), []byte("{}"), []byte("[]"), []byte("[null]"), []byte(`{"states":{}}`), []byte(`[{"attr":{}}]`),
		[]byte(strings.Repeat("[", 10_000)), []byte(strings.Repeat(`{"a":`, 10_000)), []byte(strings.Repeat("\n", 70_000)), make([]byte, 9<<20),
	},
	numbers: []int64{0, -1, math.MinInt64, math.MaxInt64, 10_001, 1 << 31},
	decoded: []any{
		nil, true, "x", "\x00", json.Number("1"), json.Number("x"), json.Number(""), 1, 1.5,
		[]any{},
		[]any(nil),
		[]string{"x"},
		map[string]any(nil),
		map[string]any{},
		map[string]any{"name": nil},
		map[string]any{"name": 1},
		map[string]any{"name": json.Number("1e9")},
		map[string]any{"\xff": "x"},
		map[string]any{"name": "x", "id": map[string]any{}},
		map[string]any{"name": "x", "parent_id": []any{}},
		map[string]any{"name": "x", "limits": []any{}},
		map[string]any{"name": "x", "limits": map[string]any{"tokens": 1}},
		map[string]any{"name": "x", "server_networks": []any{nil}},
		map[string]any{"scopes": []any{map[string]any{}}},
		map[string]any{"scopes": []any{}},
		map[string]any{"expires_at": json.Number("1")},
		map[string]any{"expires_at": time.Now()},
		map[string]any{"aaa_mode": []any{}, "servers": map[string]any{}},
		map[string]any{"servers": []any{nil, 1, "x"}},
		map[string]any{"servers": []any{map[string]any{"secret": map[string]any{}}}},
		map[string]any{"aaa_mode": func() {}},
		map[string]any{"aaa_mode": "off", "x-note": strings.Repeat("x", 300_000)},
		map[string]any{"aaa_mode": "off", "x-note": deep(100)},
	},
}

func deep(n int) any {
	var v any
	for range n {
		v = []any{v}
	}
	return v
}

// leaves calls set for each value in v, one after the other, with all that it may become.
func leaves(v reflect.Value, set func(reflect.Value, any)) {
	switch v.Interface().(type) {
	case aaa.Decoded:
		for _, n := range nasty.decoded {
			set(v, aaa.Decoded{Value: n})
		}
		return
	case time.Time:
		for _, n := range []time.Time{{}, time.Unix(1<<60, 0), time.Unix(-1<<60, 0)} {
			set(v, n)
		}
		return
	case netip.AddrPort:
		for _, n := range []string{"[fe80::1%x]:1", "[::ffff:192.0.2.1]:0", "0.0.0.0:65535"} {
			set(v, netip.MustParseAddrPort(n))
		}
		set(v, netip.AddrPort{})
		return
	case netip.Addr:
		for _, n := range []string{"fe80::1%x", "::ffff:192.0.2.1", "0.0.0.0"} {
			set(v, netip.MustParseAddr(n))
		}
		set(v, netip.Addr{})
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			leaves(v.Elem(), set)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			leaves(v.Field(i), set)
		}
	case reflect.String:
		for _, n := range nasty.texts {
			set(v, n)
		}
	case reflect.Int, reflect.Int64:
		for _, n := range nasty.numbers {
			set(v, n)
		}
	case reflect.Uint8:
		for _, n := range []uint8{0, 4, 255} {
			set(v, n)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			for _, n := range nasty.octets {
				set(v, n)
			}
		}
	case reflect.Map:
		if m := reflect.TypeFor[map[string]string](); v.Type() == m {
			for _, n := range nasty.texts {
				set(v, map[string]string{n: "x"})
				for _, filter := range RecordFilters {
					set(v, map[string]string{filter: n})
				}
			}
		}
	}
}

// TestHostileFront: an operation refuses what no front of ours sends by an error that says why, and nothing panics. Each member of
// each request is in turn what it should not be.
func TestHostileFront(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.token(s.root, token.Scopes()...)
	calls := 0
	for name, sample := range samples {
		if strings.HasPrefix(name, "requests.") {
			continue // the gateway has tests of its own
		}
		request := sample.request(s)
		leaves(reflect.ValueOf(request).Elem(), func(v reflect.Value, to any) {
			was := reflect.ValueOf(v.Interface())
			v.Set(reflect.ValueOf(to).Convert(v.Type()))
			defer v.Set(was)
			calls++
			_, err := s.send(name, about(root, s.child), request)
			if e := new(aaa.Error); err != nil && (!errors.As(err, &e) || e.Kind == aaa.KindInternal) {
				t.Errorf("%s with %.60s: %v", name, fmt.Sprintf("%#v", to), err)
			}
			if n := s.parts.Heavy.Users(); n != 0 {
				t.Fatalf("%s keeps %d turns", name, n)
			}
		})
	}
	if calls < 1000 {
		t.Errorf("%d calls", calls)
	}
}

// TestBadRequestsAreNamed: what is refused, by kind and path.
func TestBadRequestsAreNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.token(s.root, token.Scopes()...)
	long := strings.Repeat("x", 9<<20)
	none := aaa.Decoded{Value: map[string]any(nil)}
	for _, c := range []struct {
		name    string
		request any
		kind    aaa.Kind
		path    string
	}{
		{"accounts.create", &Members{}, aaa.KindBadInput, "data"},
		{"accounts.replace", &Members{Sent: none}, aaa.KindBadInput, "data"},
		{"accounts.patch", &Members{Sent: aaa.Decoded{Value: []any{1.5}}}, aaa.KindBadInput, "0"},
		{"accounts.create", &Members{Sent: aaa.Decoded{Value: map[string]any{"name": long}}}, aaa.KindTooLong, ""},
		{"accounts.move", &Moving{To: "x"}, aaa.KindBadInput, "to"},
		{"tokens.create", &Wanted{Sent: none}, aaa.KindBadInput, "data"},
		{"tokens.rotate_key", &Wanted{Sent: aaa.Decoded{Value: "x"}}, aaa.KindBadInput, "data"},
		{"documents.create", &Written{Sent: aaa.Decoded{Value: map[string]any{"aaa_mode": 1}}}, aaa.KindBadInput, "aaa_mode"},
		{"documents.create", &Written{Sent: aaa.Decoded{Value: map[string]any{"x-note": long}}}, aaa.KindTooLong, ""},
		{"documents.replace", &Written{Sent: aaa.Decoded{Value: map[string]any{"x-note": long}}}, aaa.KindTooLong, ""},
		{"documents.revisions", &HistoryPart{Limit: 0}, aaa.KindBadInput, "start_key"},
		{"dictionaries.create", asked("dictionaries.create", func(q reflect.Value) { q.FieldByName("Text").SetBytes([]byte(long)) }), aaa.KindTooLong, ""},
		{"tables.create", asked("tables.create", func(q reflect.Value) { q.FieldByName("Text").SetBytes([]byte(long)) }), aaa.KindTooLong, ""},
		{"tables.check", asked("tables.check", func(q reflect.Value) { q.FieldByName("Members").SetBytes([]byte(long + long)) }), aaa.KindTooLong, ""},
		{"users.create", asked("users.create", func(q reflect.Value) { q.FieldByName("Text").SetString(long) }), aaa.KindTooLong, ""},
		{"spool.list", &RecordsPart{Filters: map[string]string{"state": "gone"}, Page: aPage}, aaa.KindBadInput, "filter_state"},
		{"spool.list", &RecordsPart{Filters: map[string]string{"user": "\xff"}, Page: aPage}, aaa.KindBadInput, "filter_user"},
		{"spool.drop_all", &Chosen{Filters: map[string]string{"unknown": "x"}}, aaa.KindBadInput, "all"},
	} {
		before := s.last()
		_, err := s.send(c.name, about(root, s.child), c.request)
		e := new(aaa.Error)
		if !errors.As(err, &e) || e.Kind != c.kind || c.path != "" && (len(e.Fields) == 0 || e.Fields[0].Path != c.path) {
			t.Errorf("%s: %v", c.name, err)
		}
		if s.last() != before {
			t.Errorf("%s stored something", c.name)
		}
	}
	for name, sample := range samples { // of all lists
		request := sample.request(s)
		if reflect.TypeOf(request) != reflect.TypeOf(&aPage) {
			continue
		}
		for _, limit := range []int64{0, -1, MaxList + 1, math.MaxInt64} {
			reflect.ValueOf(request).Elem().FieldByName("Limit").SetInt(limit)
			if _, err := s.send(name, about(root, s.child), request); aaa.KindOf(err) != aaa.KindBadInput || !strings.Contains(fmt.Sprint(err), "page_size") {
				t.Errorf("%s of %d: %v", name, limit, err)
			}
		}
	}
}

// asked is a sample's request with something changed.
func asked(name string, change func(q reflect.Value)) any {
	q := samples[name].request(nil)
	change(reflect.ValueOf(q).Elem())
	return q
}
