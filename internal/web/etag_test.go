package web

import (
	"strings"
	"testing"
)

// A conditional header is read or refused; what is read matches the revision that it names.
func FuzzEntityTags(f *testing.F) {
	for _, s := range []string{`*`, `"1"`, `W/"1", "2-text"`, `5`, `"`, `,,`, `"a"b`, `W/5`, `"99999999999999999999"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tags, any, err := parseTags("If-Match", text)
		if err != nil {
			return
		}
		if any != (strings.TrimSpace(text) == "*") || any == (len(tags) > 0) {
			t.Errorf("%q: any %v with %d tags", text, any, len(tags))
		}
		for _, tag := range tags {
			if tag.revision < 0 || len(tag.text) < 2 || tag.text[0] != '"' {
				t.Errorf("%q: %+v", text, tag)
			}
		}
	})
}
