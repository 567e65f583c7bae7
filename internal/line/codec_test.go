package line

import (
	"context"
	"encoding/json"
	"math"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

type (
	name  string
	node  struct{ Children []*node }
	inner struct {
		A name
		B *int
	}
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	seven := 7
	type all struct{ Everything everything }
	for _, want := range []everything{
		{},
		{
			Bool: true, Int: math.MinInt, I8: -128, I64: math.MaxInt64, U8: 255, U64: math.MaxUint64, F: math.Inf(-1), F32: 1.5, Text: "é", Name: "hidden from JSON",
			Octets: []byte{0}, Raw: json.RawMessage(`{"a":1}`), List: []string{"", "x"}, Array: [3]inner{{A: "a", B: &seven}, {}, {}},
			Map: map[string]*inner{"": nil, "x": {B: &seven}}, ByInt: map[int8][]byte{-1: nil, 1: {}},
			Time: time.Date(1, 2, 3, 4, 5, 6, 7, time.UTC), Long: -1, Net: netip.MustParsePrefix("2001:db8::/32"), Addr: netip.MustParseAddr("fe80::1%eth0"),
			Values: aaa.Values{"a": 1, "b": []string{}}, JSON: aaa.Decoded{Value: []any{nil, json.Number("1")}}, AVPs: accepted.AVPs,
			Node: &node{Children: []*node{{}, nil, {Children: []*node{}}}},
		},
		{Octets: []byte{}, Raw: json.RawMessage{}, List: []string{}, Map: map[string]*inner{}, Values: aaa.Values{}, AVPs: aaa.AVPs{}, List2: make([]inner, 1000)},
	} {
		in := all{want}
		b, err := Append([]byte("x"), &in)
		if err != nil {
			t.Fatal(err)
		}
		var got all
		if err := Read(string(b[1:]), &got); err != nil || !reflect.DeepEqual(got.Everything, want) {
			t.Errorf("%v\ngot  %+v\nwant %+v", err, got.Everything, want)
		}
		for cut := 1; cut < len(b); cut++ {
			if Read(string(b[1:cut]), &got) == nil || !reflect.DeepEqual(got, all{}) {
				t.Fatalf("%d of %d octets are taken", cut-1, len(b)-1)
			}
		}
		if Read(string(b[1:])+"\x00", &got) == nil {
			t.Error("an octet too many is taken")
		}
	}
}

// everything has a field of each kind.
type everything struct {
	Bool   bool
	Int    int
	I8     int8
	I64    int64
	U8     uint8
	U64    uint64
	F      float64
	F32    float32
	Text   string
	Name   name `json:"-"`
	Octets []byte
	Raw    json.RawMessage `json:"raw,omitempty"`
	List   []string        `json:",omitempty"`
	List2  []inner
	Array  [3]inner
	Map    map[string]*inner
	ByInt  map[int8][]byte
	Time   time.Time
	Long   time.Duration
	Net    netip.Prefix
	Addr   netip.Addr
	Values aaa.Values
	JSON   aaa.Decoded
	AVPs   aaa.AVPs
	Node   *node
}

func TestTimesCross(t *testing.T) {
	t.Parallel()
	for _, want := range []time.Time{{}, time.Unix(0, 0), time.Now(), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)} {
		b, err := Append(nil, &want)
		var got time.Time
		if err != nil || Read(string(b), &got) != nil || got != want.UTC().Round(0) || got.IsZero() != want.IsZero() {
			t.Errorf("%v becomes %v, %v", want, got, err)
		}
	}
}

// TestCheckPlain breaks the promise once in each way.
func TestCheckPlain(t *testing.T) {
	t.Parallel()
	for _, good := range []any{everything{}, aaa.Request{}, aaa.Result{}, aaa.ErrorData{}, aaa.SessionAnswer{}, aaa.Usage{}} {
		if err := CheckPlain(reflect.TypeOf(good)); err != nil {
			t.Error(err)
		}
	}
	type promoted struct {
		time.Time
		Lost string
	}
	type binary struct {
		aaa.Values
		F func()
	}
	for _, bad := range []any{
		struct{ C <-chan int }{},
		struct{ F func() }{},
		struct{ Ctx context.Context }{},
		struct{ M map[string]any }{},
		struct{ E error }{},
		struct{ U uintptr }{},
		struct{ C complex128 }{},
		struct{ M map[string]func() }{},
		struct{ M map[[2]int]string }{},
		struct{ M map[time.Time]string }{},
		struct{ L []struct{} }{},
		struct{ L [][0]int }{},
		struct{ M map[string]struct{} }{},
		struct{ p int }{},
		struct{ P []*struct{ p int } }{},
		aaa.NewSecret("x"),
		binary{},
	} {
		err := CheckPlain(reflect.TypeOf(bad))
		if err == nil || strings.Count(err.Error(), "\n") != 0 {
			t.Errorf("%T: %v", bad, err)
		}
		p := reflect.New(reflect.TypeOf(bad)).Interface()
		if _, err := Append(nil, p); err == nil {
			t.Errorf("%T is written", bad)
		}
		if err := Read("", p); err == nil {
			t.Errorf("%T is read", bad)
		}
	}
	want := promoted{Time: time.Unix(1, 0).UTC(), Lost: "not lost"}
	var got promoted
	if b, err := Append(nil, &want); err != nil || Read(string(b), &got) != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestNestingIsBounded: neither circles nor depth bring a process down.
func TestNestingIsBounded(t *testing.T) {
	t.Parallel()
	circle := &node{}
	circle.Children = []*node{circle}
	if _, err := Append(nil, circle); err == nil {
		t.Error("a circle is written")
	}
	deep := make([]byte, 1<<20) // list of one, there, list of one …
	for i := range deep {
		deep[i] = byte(2 - i%2)
	}
	var n node
	if Read(string(deep), &n) == nil {
		t.Error("depth is read")
	}
}

// TestCountsAreBounded: a count takes no memory before its elements are there.
func TestCountsAreBounded(t *testing.T) {
	for _, data := range []any{&[]int64{}, &map[string]string{}, &[]byte{}, new(string), &[][1000]byte{}, &aaa.Values{}, &aaa.AVPs{}} {
		for _, b := range [][]byte{{255, 255, 255, 255, 15, 1, 2, 3}, {255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, {0, 0, 0, 5, 255, 255, 255, 255, 15}} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := Read(string(b), data)
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 100_000 {
				t.Errorf("%T: %x: %v, %d octets of memory", data, b, err, took)
			}
		}
	}
}

// FuzzRead holds that what is read can be written and read again.
func FuzzRead(f *testing.F) {
	for _, v := range []everything{{}, {Text: "x", Values: aaa.Values{"a": true}, AVPs: accepted.AVPs, Map: map[string]*inner{"x": {}}}} {
		b, err := Append(nil, &v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v, w everything
		if Read(string(data), &v) != nil {
			return
		}
		again, err := Append(nil, &v)
		if err != nil {
			t.Fatalf("%x: %v", data, err)
		}
		if v.F != v.F || v.F32 != v.F32 { // not a number
			return
		}
		if err := Read(string(again), &w); err != nil || !reflect.DeepEqual(v, w) {
			t.Fatalf("%x: %v\n%+v\n%+v", data, err, v, w)
		}
	})
}
