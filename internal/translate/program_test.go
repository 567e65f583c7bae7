package translate

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
)

const whole = `^(.*)$`

func TestCompileNamesEveryFault(t *testing.T) {
	t.Parallel()
	good := aaa.Rule{RequestKey: "k", Attribute: "User-Name", RequestValue: whole, AttrValue: whole}
	bad := func(change func(*aaa.Rule)) aaa.Rule { r := good; change(&r); return r }
	_, err := Compile("authn_avp_translation", []aaa.Rule{
		good,
		bad(func(r *aaa.Rule) { r.RequestKey = "" }),
		bad(func(r *aaa.Rule) { r.Attribute = "" }),
		bad(func(r *aaa.Rule) { r.Cast = "integer_to_string" }),
		bad(func(r *aaa.Rule) { r.RequestValue = "(" }),
		bad(func(r *aaa.Rule) { r.AttrValue = ".*"; r.RequestValue = "" }),
	})
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput {
		t.Fatalf("got %v, want an *aaa.Error of KindBadInput", err)
	}
	var got []string
	for _, f := range e.Fields {
		got = append(got, f.Path+" "+f.Rule)
	}
	want := []string{
		"authn_avp_translation.1.request_key required",
		"authn_avp_translation.2.attribute required",
		"authn_avp_translation.3.cast enum",
		"authn_avp_translation.4.request_value_regexp regexp",
		"authn_avp_translation.5.request_value_regexp regexp",
		"authn_avp_translation.5.attr_value_regexp regexp",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if p, err := Compile("s", nil); err != nil || p.Len() != 0 {
		t.Errorf("no rules: %v, %v", p, err)
	}
}

func TestCompileBoundsTheSection(t *testing.T) {
	t.Parallel()
	_, err := Compile("s", make([]aaa.Rule, MaxRules+1))
	if err == nil || !strings.Contains(err.Error(), "at most 1000 rules") {
		t.Errorf("too many rules: %v", err)
	}
	var list []aaa.Rule
	for i := range 30 { // each within the bound of one regexp
		big := `(` + strings.Repeat("x", i) + `a{1000})`
		list = append(list, aaa.Rule{RequestKey: "k", Attribute: "A", RequestValue: big, AttrValue: big})
	}
	if _, err := Compile("s", list); err != nil {
		t.Errorf("30 large regexps: %v", err)
	}
	for i := range 60 {
		big := `(` + strings.Repeat("y", i) + `a{1000})`
		list = append(list, aaa.Rule{RequestKey: "k", Attribute: "A", RequestValue: big, AttrValue: whole})
	}
	if _, err := Compile("s", list); err == nil || !strings.Contains(err.Error(), "too large together") {
		t.Errorf("90 large regexps: %v", err)
	}
}
