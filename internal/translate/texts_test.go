package translate_test

import (
	"encoding/json"
	"errors"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/translate"
)

// TestRefusalTexts: a refusal says which rule did not take the value, why, and what the request would be without it.
func TestRefusalTexts(t *testing.T) {
	t.Parallel()
	const authn, authz = "authn_avp_translation", "authz_avp_translation"
	const (
		match   = "the value does not match the rule; "
		user    = "a request is not sent without its user name"
		proof   = "a request is not sent without its credential"
		another = "without it the request would ask for something else"
	)
	for want, c := range map[string]struct {
		section, attribute, regexp string
		in                         string
	}{
		match + user:    {authn, "User-Name", `^(a.*)$`, `"bob"`},
		match + proof:   {authn, "password", `^(a.*)$`, `"bob"`},
		match + another: {authz, "cmd", `^(a.*)$`, `"bob"`},
		"the rule takes an empty text of the value; " + user:                                          {authn, "User-Name", `^(.*)$`, `""`},
		"the array is empty; " + proof:                                                                {authn, "password", `^(.*)$`, `[]`},
		"the array is empty; " + another:                                                              {authz, "cmd", `^(.*)$`, `[]`},
		"the attribute is not in the server's dictionaries; " + proof:                                 {authn, "CHAP-Password", `^(.*)$`, `"x"`},
		match + "an array is sent whole":                                                              {authn, "port", `^(a.*)$`, `["a","b"]`},
		"a request has one value of this attribute":                                                   {authn, "user", `^(.*)$`, `["a","b"]`},
		"no rule of " + authn + " reads it; a login is not sent without the password that it brought": {authn, "user", `^(.*)$`, ""},
	} {
		p, err := translate.Compile(c.section, []aaa.Rule{rule("k", c.attribute, c.regexp)})
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]any{"k": "bob", "password": "hush"}
		if c.in != "" {
			delete(values, "password")
			var v any
			if err := json.Unmarshal([]byte(c.in), &v); err != nil {
				t.Fatal(err)
			}
			values["k"] = v
			want = "rule " + c.section + ".0, attribute " + c.attribute + ": " + want
		}
		_, err = p.Bind(tacacsSet(t), aaa.StrictArguments).Out(t.Context(), nil, values, nil, nil)
		var e *aaa.Error
		if !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Message != want {
			t.Errorf("%s: %v, want %s", c.attribute, err, want)
		}
	}
}
