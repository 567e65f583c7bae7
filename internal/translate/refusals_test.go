package translate_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/translate"
)

// firstOf writes the first fault of an error as path and message.
func firstOf(t *testing.T, err error) string {
	t.Helper()
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || len(e.Fields) == 0 {
		return fmt.Sprintf("no refusal: %v", err)
	}
	return e.Fields[0].Path + ": " + e.Fields[0].Message
}

// TestRefusedRules holds the words in which rules are refused.
func TestRefusedRules(t *testing.T) {
	t.Parallel()
	good := rule("k", "User-Name", `^(.*)$`)
	for want, change := range map[string]func(*aaa.Rule){
		"s.1.request_key: a rule needs a request key":                                func(r *aaa.Rule) { r.RequestKey = "" },
		"s.1.attribute: a rule needs an attribute":                                   func(r *aaa.Rule) { r.Attribute = "" },
		"s.1.cast: the cast is unknown":                                              func(r *aaa.Rule) { r.Cast = "int" },
		"s.1.request_value_regexp: the regexp does not compile: error parsing":       func(r *aaa.Rule) { r.RequestValue = "(" },
		"s.1.request_value_regexp: the regexp has no group: put the part to take in": func(r *aaa.Rule) { r.RequestValue = "x" },
		"s.1.attr_value_regexp: the regexp is longer than":                           func(r *aaa.Rule) { r.AttrValue = "(" + strings.Repeat("x", translate.MaxRegexpLength) + ")" },
		"s.1.attr_value_regexp: the regexp is too large once its repetitions are":    func(r *aaa.Rule) { r.AttrValue = "(x{900}x{900}x{900})" },
	} {
		bad := good
		change(&bad)
		_, err := translate.Compile("s", []aaa.Rule{good, bad})
		if got := firstOf(t, err); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	_, err := translate.Compile("s", make([]aaa.Rule, translate.MaxRules+1))
	if got, want := firstOf(t, err), fmt.Sprintf("s: a section holds at most %d rules", translate.MaxRules); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRefusedValues holds the words in which a request is refused: the key, the rule, the attribute, and why.
func TestRefusedValues(t *testing.T) {
	t.Parallel()
	set := testSet(t)
	long := strings.Repeat("x", 254)
	for _, c := range []struct {
		rule  aaa.Rule
		value any
		want  string
	}{
		{rule("k", "User-Name", `^(.*)$`), "", "k: rule authn_avp_translation.0, attribute User-Name: the rule takes an empty text of the value; a request is not sent without its user name"},
		{rule("k", "User-Name", `^(.*)$`), []any{}, "k: rule authn_avp_translation.0, attribute User-Name: the array is empty; a request is not sent without its user name"},
		{rule("k", "User-Name", `^([a-z]+)$`), "Bob", "k: rule authn_avp_translation.0, attribute User-Name: the value does not match the rule; a request is not sent without its user name"},
		{rule("k", "User-Password", `^([a-z]+)$`), "Bob", "k: rule authn_avp_translation.0, attribute User-Password: the value does not match the rule; a request is not sent without its credential"},
		{rule("k", "Reply-Message", `^([a-z]+)$`), []any{"a", "B"}, "k.1: rule authn_avp_translation.0, attribute Reply-Message: the value does not match the rule; an array is sent whole"},
		{rule("k", "User-Name", `^(.*)$`), long, "k: rule authn_avp_translation.0, attribute User-Name: the value is too long: 254 octets, at most 253 fit"},
		{rule("k", "User-Name", `^(.*)$`), map[string]any{}, "k: rule authn_avp_translation.0, attribute User-Name: the value is neither a string nor a number nor a boolean"},
		{rule("k", "NAS-IP-Address", `^(.*)$`), "10.0.0", "k: rule authn_avp_translation.0, attribute NAS-IP-Address: not an IPv4 address"},
		{rule("k", "Class", `^(.*)$`), "0xzz", "k: rule authn_avp_translation.0, attribute Class: after 0x comes an even number of hexadecimal digits"},
		{rule("k", "NAS-Port", `^(.*)$`), "-1", "k: rule authn_avp_translation.0, attribute NAS-Port: the number is not in 0..4294967295"},
		{rule("k", "Reply-Message", `^(.*)$`), make([]any, translate.MaxElements+1), fmt.Sprintf("k: rule authn_avp_translation.0, attribute Reply-Message: the array has more than %d elements", translate.MaxElements)},
		{rule("k", "Reply-Message", `^(.*)$`), strings.Repeat("x", translate.MaxValueLength+1), fmt.Sprintf("k: rule authn_avp_translation.0, attribute Reply-Message: the value is longer than %d octets", translate.MaxValueLength)},
	} {
		p, err := translate.Compile("authn_avp_translation", []aaa.Rule{c.rule})
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Bind(set, aaa.Strict).Out(t.Context(), nil, map[string]any{"k": c.value}, nil, nil)
		if got := firstOf(t, err); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.rule.Attribute, got, c.want)
		}
	}
}
