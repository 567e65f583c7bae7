package translate_test

import (
	"encoding/json"
	"testing"
)

func TestProgramValue(t *testing.T) {
	t.Parallel()
	p := compile(t,
		rule("login", "user-name", `^a-([^@]+)`),
		rule("mail", "User-Name", `^(?:b-)(?P<value>[^@]+)@(.*)$`),
		rule("n", "Class", `^(.*)$`),
	)
	for name, c := range map[string]struct {
		attribute string
		values    map[string]any
		raw, sent string
		none      bool
	}{
		"the first rule":              {"User-Name", map[string]any{"login": "a-bob@x", "mail": "b-eve@x"}, "a-bob@x", "bob", false},
		"the first that matches":      {"User-Name", map[string]any{"login": "bob@x", "mail": "b-eve@x"}, "b-eve@x", "eve", false},
		"none matches":                {"User-Name", map[string]any{"login": "bob@x", "mail": "eve@x"}, "bob@x", "", false},
		"an array":                    {"USER-NAME", map[string]any{"login": []any{"a-one"}}, "a-one", "one", false},
		"two of an array":             {"USER-NAME", map[string]any{"login": []any{"a-one", "a-two"}}, "a-one", "", false},
		"one of two":                  {"User-Name", map[string]any{"login": []any{"b-one", "a-two"}}, "a-two", "two", false},
		"two, and another rule":       {"User-Name", map[string]any{"login": []any{"a-one", "a-two"}, "mail": "b-eve@x"}, "a-one", "", false},
		"nothing in the array":        {"User-Name", map[string]any{"login": []any{}}, "", "", false},
		"a number":                    {"Class", map[string]any{"n": json.Number("7")}, "7", "7", false},
		"an object":                   {"Class", map[string]any{"n": map[string]any{}}, "", "", false},
		"no key":                      {"User-Name", nil, "", "", false},
		"no rule":                     {"User-Password", map[string]any{"User-Password": "x"}, "", "", true},
		"no rule of a section at all": {"Filter-Id", map[string]any{"login": "a-bob"}, "", "", true},
	} {
		raw, sent, ok, _ := p.Value(t.Context(), c.attribute, c.values, nil)
		if raw != c.raw || sent != c.sent || ok == c.none {
			t.Errorf("%s: %q, %q, %v", name, raw, sent, ok)
		}
	}
}
