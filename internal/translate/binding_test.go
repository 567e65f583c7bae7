package translate_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/translate"
)

func compile(t testing.TB, rules ...aaa.Rule) *translate.Program {
	t.Helper()
	p, err := translate.Compile("authn_avp_translation", rules)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func rule(key, attribute, out string) aaa.Rule {
	return aaa.Rule{RequestKey: key, Attribute: attribute, RequestValue: out, AttrValue: `^(.*)$`}
}

// tenRules are the rules of a request as a VPN gateway sends it, with regexps of all forms but the costly one.
func tenRules() []aaa.Rule {
	delay := rule("Acct-Delay-Time", "Acct-Delay-Time", `^([0-9]+)$`)
	delay.Cast = aaa.StringToInteger
	return []aaa.Rule{
		rule("User-Name", "User-Name", `^([^@]+)`),
		rule("User-Password", "User-Password", `^(.*)$`),
		rule("Calling-Station-Id", "Calling-Station-Id", `^(.+)$`),
		rule("Address", "NAS-IP-Address", `^(.*)$`),
		rule("Service", "Service-Type", `^(.*)$`),
		delay,
		rule("Group", "Tunnel-Private-Group-Id:1", `^([0-9]+)$`),
		rule("Type", "Tunnel-Type:1", `^(.*)$`),
		rule("Class", "Class", `^(.*)$`),
		rule("Command", "Juniper-Deny-Commands", `^(.*)$`),
	}
}

func tenValues() map[string]any {
	return map[string]any{
		"User-Name": "bob@example.com", "User-Password": "hello-password", "Calling-Station-Id": "00-11-22-33-44-55",
		"Address": "192.0.2.1", "Service": "Framed-User", "Acct-Delay-Time": json.Number("5"), "Group": "42",
		"Type": "VLAN", "Class": "0x00010203", "Command": strings.Repeat("show ", 20),
	}
}

func TestOutAllocations(t *testing.T) {
	b := compile(t, tenRules()...).Bind(testSet(t), aaa.Strict)
	values := tenValues()
	var n int
	allocs := testing.AllocsPerRun(100, func() {
		avps, err := b.Out(t.Context(), nil, values, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		n = len(avps)
	})
	if n != 10 {
		t.Fatalf("%d AVPs, want 10", n)
	}
	if allocs > 6 {
		t.Errorf("Out of 10 rules allocates %v times, want at most 6", allocs)
	}
}

func BenchmarkOut(b *testing.B) {
	bound := compile(b, tenRules()...).Bind(testSet(b), aaa.Strict)
	values := tenValues()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bound.Out(b.Context(), nil, values, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// TestOutAppends shows that dst is extended, that an error leaves it as it was,
// and that the values of one call don't share octets that one of them could grow into.
func TestOutAppends(t *testing.T) {
	t.Parallel()
	b := compile(t, rule("a", "User-Name", `^(.*)$`), rule("b", "Filter-Id", `^(.*)$`), rule("n", "NAS-Port", `^(.*)$`)).Bind(testSet(t), aaa.Strict)
	first, err := b.Out(t.Context(), make([]aaa.AVP, 0, 8), map[string]any{"a": "one"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	both, err := b.Out(t.Context(), first, map[string]any{"a": "two", "b": "three"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(both[1].Value, "XXXX"...)
	var got []string
	for _, a := range both {
		got = append(got, string(a.Value))
	}
	if d := cmp.Diff([]string{"one", "two", "three"}, got); d != "" {
		t.Error(d)
	}
	kept, err := b.Out(t.Context(), first, map[string]any{"a": "four", "n": "x"}, nil, nil)
	if err == nil || len(kept) != 1 || string(kept[0].Value) != "one" {
		t.Errorf("after an error: %v, %v", kept, err)
	}
}

func TestOutBounds(t *testing.T) {
	t.Parallel()
	set := testSet(t)
	list := make([]any, translate.MaxElements+1)
	for i := range list {
		list[i] = "x"
	}
	one := compile(t, rule("k", "Class", `^(.*)$`)).Bind(set, aaa.Strict)
	if avps, err := one.Out(t.Context(), nil, map[string]any{"k": list[:translate.MaxElements]}, nil, nil); err != nil || len(avps) != translate.MaxElements {
		t.Errorf("%d AVPs, %v", len(avps), err)
	}
	wantField(t, one, map[string]any{"k": list}, "k", "maxItems")

	var many []aaa.Rule
	for range 6 { // more AVPs than any packet holds
		many = append(many, rule("k", "Class", `^(.*)$`))
	}
	b := compile(t, many...).Bind(set, aaa.Strict)
	wantField(t, b, map[string]any{"k": list[:translate.MaxElements]}, "k.120", "maxItems")

	// The trace of the most that a request can ask for stays bounded.
	many = nil
	for i := range translate.MaxRules {
		many = append(many, rule("k", fmt.Sprintf("Unknown-%d", i), `^(.*)$`))
	}
	b = compile(t, many...).Bind(set, aaa.Strict)
	tr := &translate.Tracer{Trace: &aaa.Tracing{}}
	if _, err := b.Out(t.Context(), nil, map[string]any{"k": list[:translate.MaxElements]}, nil, tr); err != nil {
		t.Fatal(err)
	}
	if n := len(tr.Trace.Rules) + len(tr.Trace.Dropped); n > 8192 {
		t.Errorf("a trace of %d entries", n)
	}
}

func wantField(t *testing.T, b *translate.Binding, values map[string]any, path, rule string) {
	t.Helper()
	_, err := b.Out(t.Context(), nil, values, nil, nil)
	var e *aaa.Error
	if !errors.As(err, &e) || len(e.Fields) != 1 || e.Fields[0].Path != path || e.Fields[0].Rule != rule {
		t.Errorf("%v, want a fault of %s at %s", err, rule, path)
	}
}

func TestUnknownAndDropped(t *testing.T) {
	t.Parallel()
	set := testSet(t)
	p := compile(t,
		rule("a", "USER-NAME", `^(.*)$`), rule("b", "Cisco-AVPair", `^(.*)$`), rule("c", "Attr-26.2636.5", `^(.*)$`),
		rule("d", "Own-Internal", `^(.*)$`), rule("e", "Tunnel-Type:1", `^(.*)$`), rule("User-Password", "User-Password", `^(.*)$`),
		rule("f", "MS-CHAP2-Response", `^(.*)$`))
	if d := cmp.Diff([]int{1, 2, 3}, p.Unknown(set)); d != "" {
		t.Error(d)
	}
	strict, custom := p.Bind(set, aaa.Strict), p.Bind(set, aaa.CustomAVP)
	if strict.Dropped() != 3 || custom.Dropped() != 2 {
		t.Errorf("dropped: strict %d, custom %d", strict.Dropped(), custom.Dropped())
	}
	if d := cmp.Diff([]string{"User-Password", "f"}, strict.HiddenKeys()); d != "" {
		t.Error(d)
	}
}

// TestHiding: what one server's dictionaries hide, another's trace must not show.
func TestHiding(t *testing.T) {
	t.Parallel()
	p := compile(t, rule("k", "MS-MPPE-Send-Key", `^(.*)$`), rule("l", "Filter-Id", `^(.*)$`))
	knows, lacks := p.Bind(testSet(t), aaa.Strict), p.Bind(nil, aaa.Strict)
	trace := new(aaa.Tracing)
	if _, err := lacks.Hiding(knows.HiddenKeys()).Out(t.Context(), nil, map[string]any{"k": "hush", "l": "shown"}, nil, &translate.Tracer{Trace: trace}); err != nil {
		t.Fatal(err)
	}
	if trace.Rules[0].Value != aaa.Mask || trace.Rules[1].Value != "shown" {
		t.Errorf("%+v", trace.Rules)
	}
	if lacks.Hiding(nil) != lacks || knows.Hiding(knows.HiddenKeys()) != knows {
		t.Error("a Binding that has nothing more to hide was copied")
	}
}

// TestBackWithoutAttributes gives Back what no engine should: it must not panic.
func TestBackWithoutAttributes(t *testing.T) {
	t.Parallel()
	keys, rest, _ := compile(t, rule("a", "User-Name", `^(.*)$`)).Bind(testSet(t), aaa.Strict).Back(t.Context(), []aaa.AVP{{}, {Value: []byte("x")}}, nil, nil)
	if keys == nil || len(keys)+len(rest) != 0 {
		t.Errorf("%v, %v", keys, rest)
	}
}

// TestBackNames: what stands under avps goes back to where it came from when it is sent under that name.
func TestBackNames(t *testing.T) {
	t.Parallel()
	left, err := dict.Compile("left", []dict.Entry{
		{Attr: &dict.AttrEntry{Name: "Filter-Id", ID: 222, Type: "string"}},
		{Attr: &dict.AttrEntry{Name: "Tunnel-Type", ID: 223, Type: "integer"}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	set := dict.NewSet(left).Join(testSet(t).Without("own"))
	replies := []aaa.AVP{
		{Attr: set.Standard(222), Value: []byte("two")},
		{Attr: set.Standard(11), Value: []byte("eleven")},
		{Attr: set.Standard(64), Tag: 3, Value: []byte{0, 0, 0, 13}},
		{Attr: set.Standard(1), Value: []byte("bob")},
	}
	_, rest, _ := compile(t).Bind(set, aaa.CustomAVP).Back(t.Context(), replies, nil, nil)
	want := aaa.Values{"Filter-Id": "two", "Attr-11": "eleven", "Attr-64:3": "VLAN", "User-Name": "bob"}
	if d := cmp.Diff(want, rest.Values()); d != "" {
		t.Fatal(d)
	}
	var rules []aaa.Rule
	for name := range rest.All() {
		rules = append(rules, rule(name, name, `^(.*)$`))
	}
	avps, err := compile(t, rules...).Bind(set, aaa.CustomAVP).Out(t.Context(), nil, rest.Values(), nil, nil)
	if err != nil || len(avps) != len(replies) {
		t.Fatalf("%d AVPs, %v", len(avps), err)
	}
	for _, sent := range avps {
		if !slices.ContainsFunc(replies, func(r aaa.AVP) bool {
			return r.Attr.Number == sent.Attr.Number && r.Tag == sent.Tag && bytes.Equal(r.Value, sent.Value)
		}) {
			t.Errorf("%s goes to %d as %x", sent.Attr.Name, sent.Attr.Number, sent.Value)
		}
	}
}
