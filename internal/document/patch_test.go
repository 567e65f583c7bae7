package document

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRFC7396AppendixA is the table of RFC 7396, Appendix A.
func TestRFC7396AppendixA(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ original, patch, result string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		original, patch := parse(t, []byte(c.original)), parse(t, []byte(c.patch))
		got := MergePatch(original, patch)
		if diff := cmp.Diff(parse(t, []byte(c.result)), got); diff != "" {
			t.Errorf("%s patched with %s (-want +got):\n%s", c.original, c.patch, diff)
		}
		if diff := cmp.Diff(parse(t, []byte(c.original)), original); diff != "" {
			t.Errorf("%s patched with %s: the target changed:\n%s", c.original, c.patch, diff)
		}
		if diff := cmp.Diff(parse(t, []byte(c.patch)), patch); diff != "" {
			t.Errorf("%s patched with %s: the patch changed:\n%s", c.original, c.patch, diff)
		}
	}
}
