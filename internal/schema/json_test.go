package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
)

// faultsOf lists the faults of an error as "path rule".
func faultsOf(t *testing.T, err error) []string {
	t.Helper()
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput {
		t.Fatalf("got %v, want an *aaa.Error of KindBadInput", err)
	}
	var list []string
	for _, f := range e.Fields {
		list = append(list, f.Path+" "+f.Rule)
	}
	return list
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`null`, ` true `, `false`, `""`, `0`, `-1.5e10`, `{}`, `[]`, "[ 1 , 2\n]",
		`{"a":{"b":[1,"x",null,true,{}]},"c":"é\u00e9\ud83d\ude00\n\"\\\/"}`,
		`{"":1}`, `12345678901234567890123`, `"\\u0000"`, `"\ufffd"`,
	} {
		got, err := Parse([]byte(text), MaxDepth)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(standard(t, text), got); diff != "" {
			t.Errorf("%s: differs from encoding/json:\n%s", text, diff)
		}
	}
}

func standard(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("encoding/json: %v", err)
	}
	return decimal(v)
}

// decimal writes the whole numbers of a value in decimal digits.
func decimal(v any) any {
	switch v := v.(type) {
	case json.Number:
		if whole, ok := aaa.WholeNumber(string(v)); ok {
			return json.Number(whole)
		}
	case []any:
		for i := range v {
			v[i] = decimal(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = decimal(v[k])
		}
	}
	return v
}

// TestWholeNumbers: a whole number is one, however it is written.
func TestWholeNumbers(t *testing.T) {
	t.Parallel()
	got, err := Parse([]byte(`[5e9, 2.0, -0, 1.5, -15e-1, 18446744073709551615.0, 1e30]`), MaxDepth)
	want := []any{json.Number("5000000000"), json.Number("2"), json.Number("0"), json.Number("1.5"), json.Number("-15e-1"), json.Number("18446744073709551615"), json.Number("1e30")}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, c := range map[string]struct {
		text   string
		want   []string
		syntax bool
	}{
		"empty":                {"", []string{" json"}, true},
		"cut off":              {`{"a":`, []string{" json"}, true},
		"trailing data":        {`{} {}`, []string{" json"}, true},
		"trailing comma":       {`[1,]`, []string{" json"}, true},
		"leading zero":         {`[01]`, []string{" json"}, true},
		"control character":    {"\"a\nb\"", []string{" json"}, true},
		"byte order mark":      {"\xef\xbb\xbf{}", []string{" json"}, true},
		"bad UTF-8":            {"{\"a\":\"\xff\"}", []string{" utf8"}, true},
		"UTF-8 of a surrogate": {"\"\xed\xa0\x80\"", []string{" utf8"}, true},
		"overlong UTF-8":       {"\"\xc0\x80\"", []string{" utf8"}, true},
		"lone high surrogate":  {`{"a":["\ud800"]}`, []string{"a.0 utf8"}, false},
		"lone low surrogate":   {`{"a":"\udc00x"}`, []string{"a utf8"}, false},
		"two high surrogates":  {`["\ud83d\ud83d\ude00"]`, []string{"0 utf8"}, false},
		"U+0000":               {`{"a":{"b":"x\u0000"}}`, []string{"a.b character"}, false},
		"name with U+0000":     {`{"servers":[{"a\u0000":1,"b":{"\u0000":[1e999]}}]}`, []string{"servers.0 character", "servers.0.b character", "servers.0.b.\uFFFD.0 number"}, false},
		"name with half":       {`{"data":{"x-\ud800":1}}`, []string{"data utf8"}, false},
		"name with both":       {`{"\ud800\u0000":1}`, []string{" character", " utf8"}, false},
		"duplicates":           {`{"a":1,"b":{"c":1,"c":2},"\u0061":3}`, []string{"b.c duplicate", "a duplicate"}, false},
		"duplicate in array":   {`{"servers":[{},{"port":1,"port":1}]}`, []string{"servers.1.port duplicate"}, false},
		"too deep":             {`{"a":` + deep(32) + `,"a":1}`, []string{"a" + strings.Repeat(".0", 31) + " depth", "a duplicate"}, false},
		"far too deep":         {deep(9000), []string{strings.Repeat("0.", 31) + "0 depth"}, false},
		"brackets in text":     {strings.Repeat("[", 32) + `["]\"]{"],1` + strings.Repeat("]", 32), []string{strings.Repeat("0.", 31) + "0 depth"}, false},
		"large exponent":       {`{"n":1e400}`, []string{"n number"}, false},
		"small exponent":       {`{"n":[1e-999999999]}`, []string{"n.0 number"}, false},
		"exponent of exponent": {`[1e99999999999999999999]`, []string{"0 number"}, false},
		"long number":          {"[" + strings.Repeat("9", 101) + "]", []string{"0 number"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse([]byte(c.text), MaxDepth)
			if diff := cmp.Diff(c.want, faultsOf(t, err)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
			if got := errors.Is(err, ErrSyntax); got != c.syntax {
				t.Errorf("ErrSyntax: %v, want %v", got, c.syntax)
			}
		})
	}
	if _, err := Parse([]byte(deep(32)), MaxDepth); err != nil {
		t.Errorf("32 deep: %v", err)
	}
}

func TestParseTellsWhere(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{\n  \"a\": 1,\n  \"b\" 2\n}": "line 3, column 7 (byte 18): invalid character '2' after object key",
		"{\"a\":\n\"\xff\"}":           "line 2, column 2 (byte 7): not valid UTF-8",
		`{"a":1`:                       "line 1, column 6 (byte 5): unexpected end of JSON input",
	} {
		_, err := Parse([]byte(text), MaxDepth)
		var e *aaa.Error
		if !errors.As(err, &e) {
			t.Fatalf("%q: %v", text, err)
		}
		if got := e.Fields[0].Message; got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// A fault of a member's name says so, and shows the name without what can't be shown.
func TestParseTellsOfNames(t *testing.T) {
	t.Parallel()
	_, err := Parse([]byte(`{"a\u0000b":1,"x-\ud800":2,"\u0000`+strings.Repeat("n", 5000)+`":3}`), MaxDepth)
	var e *aaa.Error
	if !errors.As(err, &e) || len(e.Fields) != 3 {
		t.Fatal(err)
	}
	for i, want := range []string{
		"the member's name a\uFFFDb: the character U+0000 is not allowed",
		"the member's name x-\uFFFD: an escaped surrogate lacks its other half",
		"the member's name \uFFFD" + strings.Repeat("n", maxName-len("\uFFFD")) + "…: the character U+0000 is not allowed",
	} {
		if got := e.Fields[i].Message; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestParseTellsBoundedFaults(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`{"` + strings.Repeat("k", 5000) + `":1e999`)
	for range 999 {
		b.WriteString(`,"n":1e999`)
	}
	b.WriteString("}")
	_, err := Parse([]byte(b.String()), MaxDepth)
	var e *aaa.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if len(e.Fields) != maxFaults+1 {
		t.Fatalf("%d faults told, want %d and one of the rest", len(e.Fields), maxFaults)
	}
	// 1000 numbers and 998 duplicates.
	if got, want := e.Fields[maxFaults].Message, fmt.Sprintf("there are more faults: %d", 1998-maxFaults); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := len(e.Fields[0].Path); got > maxName+len("…") {
		t.Errorf("a path of %d octets", got)
	}
}

// FuzzParse holds Parse to encoding/json: it never panics, what it accepts
// encoding/json accepts with the same value, and it refuses no plain JSON.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`{"data":{"aaa_mode":"on","servers":[{"port":1812}]}}`, `[1e5,-0.1,"\ud83d\ude00",null]`,
		`{"a":1,"a":2}`, `"\ud800"`, "\xff", `[[[[]]]]`, `{"a":"\u0000"}`, `"\"`, `1e-5000`, `{"":{"":""}}`,
		`{"a":[1,-2,true,false],"b":null} `, `{"a":01}`, `[1,]`, `{"a":1,}`, `-`, `[1 2]`, `{"a" 1}`, "\"\x01\"", `tru`, `[,1]`, `1.5`, `"`, `[2.0,-0,-0.0,15e-1,1.20e1]`, `-0`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Parse(data, 4)
		if err != nil {
			if e := new(aaa.Error); !errors.As(err, &e) || len(e.Fields) == 0 {
				t.Fatalf("an error without faults: %v", err)
			}
			if errors.Is(err, ErrSyntax) && json.Valid(data) && string(data) == strings.ToValidUTF8(string(data), "") {
				t.Fatalf("valid JSON refused: %v", err)
			}
			return
		}
		if diff := cmp.Diff(standard(t, string(data)), got); diff != "" {
			t.Fatalf("differs from encoding/json:\n%s", diff)
		}
		if octets, err := Check(got, int64(len(data))); err != nil {
			t.Fatalf("Check refuses it, of %d octets: %v", octets, err)
		}
	})
}

// A map that is used again gives what a new one does, and no object within is made of it.
func TestParseInto(t *testing.T) {
	t.Parallel()
	into := make(map[string]any)
	for _, text := range []string{`{"a":{"a":1},"b":[{"c":2}]}`, `{"b":3}`, `[{"a":1},{"b":2}]`, `{"a":"\u00e4"}`, `{"a":1,"a":2}`, `{`, `{}`} {
		clear(into)
		got, err := ParseInto(into, []byte(text), MaxDepth)
		want, wanted := Parse([]byte(text), MaxDepth)
		if !reflect.DeepEqual(got, want) || (err == nil) != (wanted == nil) {
			t.Errorf("%s: %v %v, want %v %v", text, got, err, want, wanted)
		}
	}
}
