package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"aaa-api/internal/admission"
	"aaa-api/internal/schema"
)

// A body of unknown length arrives whole, however long it is.
func TestBodiesOfUnknownLength(t *testing.T) {
	t.Parallel()
	server := New(Options{Budget: admission.NewBudget(1<<30, nil)})
	for _, octets := range []int{0, 1, 2047, 2048, 2049, admission.FreeBody, admission.FreeBody + 1, paced, 200_000, 256 << 10} {
		text := strings.Repeat(" ", octets)
		var got string
		c := server.NewCall(httptest.NewRecorder(), &http.Request{Body: io.NopCloser(strings.NewReader(text)), ContentLength: -1}, "")
		err := c.readUpTo(256 << 10)
		got = string(c.body)
		held := server.Budget.Held()
		server.Budget.Release(&c.holding)
		if err != nil || got != text || (held > 0) != (octets > admission.FreeBody) && octets != admission.FreeBody {
			t.Errorf("%d octets: %d read, %d held, %v", octets, len(got), held, err)
		}
	}
	if n := server.Budget.Held(); n != 0 {
		t.Errorf("%d octets are held", n)
	}
}

// TestSentOctets: a member of data is found as it came, whatever else has its name.
func TestSentOctets(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"data":{"value":[1e2, "a\u0062"]}}`:                                     `[1e2, "a\u0062"]`,
		`{"value":1,"x":{"data":{"value":2}},"data":{"v":{"value":3},"value":4}}`: `4`,
		`{"data":{"other":{"value":1}}}`:                                          ``,
		`{"data":[{"value":1}]}`:                                                  ``,
		`{"verb":"PUT"}`:                                                          ``,
		` {"data" : { "value" : {"value":5} } } `:                                 `{"value":5}`,
	} {
		c := &Call{body: []byte(body)}
		if got, err := c.SentOctets("value"); string(got) != want || err != nil {
			t.Errorf("%s: %s, %v", body, got, err)
		}
	}
}

// FuzzSentOctets: the octets of a member say what was decoded of it.
func FuzzSentOctets(f *testing.F) {
	for _, s := range []string{
		`{"data":{"value":[1e2,{"a":"\u0062"}]}}`, `{"x":{"data":{}},"data":{"v":{"value":3},"value":"4"}}`, `{"data":null}`, `{"d\u0061ta":{"v\u0061lue":0}}`, "\ufeff{}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		v, err := schema.Parse([]byte(body), schema.MaxDepth)
		envelope, isObject := v.(map[string]any)
		if err != nil || !isObject {
			return
		}
		data, _ := envelope["data"].(map[string]any)
		want, there := data["value"]
		octets, err := (&Call{body: []byte(body)}).SentOctets("value")
		if err != nil || there != (octets != nil) {
			t.Fatalf("%q: %q, %v", body, octets, err)
		}
		if !there {
			return
		}
		if got, err := schema.Parse(octets, schema.MaxDepth); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v, %v; want %v", body, got, err, want)
		}
	})
}
