package schema

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

// TestCheck: what Parse never returns is refused, with its path.
func TestCheck(t *testing.T) {
	t.Parallel()
	var deep any = "x"
	for range MaxDepth + 1 {
		deep = []any{deep}
	}
	for what, c := range map[string]struct {
		value      any
		path, rule string
	}{
		"a float":             {map[string]any{"a": []any{1.5}}, "a.0", "type"},
		"an int":              {1, "", "type"},
		"a struct":            {struct{}{}, "", "type"},
		"a list of strings":   {map[string]any{"a": []string{"x"}}, "a", "type"},
		"values":              {aaa.Values{}, "", "type"},
		"a pointer":           {new(string), "", "type"},
		"no UTF-8":            {map[string]any{"a": "\xff"}, "a", "utf8"},
		"a name of no UTF-8":  {map[string]any{"a": map[string]any{"\xff": nil}}, "a", "utf8"},
		"a NUL":               {[]any{"", "a\x00"}, "1", "character"},
		"a name with a NUL":   {map[string]any{"\x00": nil}, "", "character"},
		"no number":           {map[string]any{"a": json.Number("abc")}, "a", "number"},
		"an empty number":     {json.Number(""), "", "number"},
		"a number with space": {json.Number("1 "), "", "number"},
		"a long number":       {json.Number(strings.Repeat("9", maxNumber+1)), "", "number"},
		"a vast number":       {json.Number("1e999"), "", "number"},
		"a number unlike":     {json.Number("5e9"), "", "number"},
		"another spelling":    {json.Number("2.0"), "", "number"},
	} {
		_, err := Check(c.value, math.MaxInt64)
		if aaa.KindOf(err) != aaa.KindBadInput {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if f := err.(*aaa.Error).Fields; len(f) != 1 || f[0].Path != c.path || f[0].Rule != c.rule { //nolint:errorlint // as it is made
			t.Errorf("%s: %+v", what, f)
		}
	}
	if _, err := Check(deep, math.MaxInt64); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("too deep: %v", err)
	}
	for _, long := range []any{strings.Repeat("x", 100), make([]any, 100), map[string]any{strings.Repeat("x", 100): nil}} {
		if _, err := Check(long, 100); aaa.KindOf(err) != aaa.KindTooLong {
			t.Errorf("too long: %v", err)
		}
	}
}
