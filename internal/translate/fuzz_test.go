package translate_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/translate"
)

// FuzzOut puts hostile requests through rules for every type of attribute. What
// comes out fits its attribute, nothing is sent in the place of a hidden value in
// a trace, and a second run gives the same.
func FuzzOut(f *testing.F) {
	set := testSet(f)
	var rules []aaa.Rule
	for i, name := range []string{
		"User-Name", "User-Password", "CHAP-Password", "NAS-IP-Address", "Service-Type", "Class", "Acct-Delay-Time", "Event-Timestamp",
		"Tunnel-Type:1", "Tunnel-Password:1", "EAP-Message", "Test-Byte", "Test-Integer64", "Test-Signed", "Test-IPv6",
		"MS-CHAP2-Response", "Juniper-Level", "Attr-26.2636.99", "Attr-241.77", "Nobody-Knows",
	} {
		r := rule(string(rune('a'+i)), name, `^(.*)$`)
		if i%3 == 0 {
			r.RequestValue = `(?s)^(?:x-)?(.*)$`
		}
		rules = append(rules, r, rule("*", name, `([^,]*)`))
		r.Cast = aaa.StringToInteger
		rules = append(rules, aaa.Rule{RequestKey: "#", Attribute: name, RequestValue: `(-?[0-9]+)`, AttrValue: `(.*)`, Cast: r.Cast})
	}
	b := compile(f, rules...).Bind(set, aaa.CustomAVP)
	for _, s := range []string{
		`{"a":"bob","b":"hush","c":"0x00","d":"::1","e":-1,"k":["x","0x"],"l":256,"*":"1"}`,
		`{"#":"18446744073709551616"}`, `{"*":["\ud800",true,1e400,""]}`, `{"a":{"b":[null]}}`, `{"j":"x-\u0000\n"}`, `{"d":"1.2.3"}`,
		`{"a":"bob\n","b":"pin\n","c":["x","y\nz"]}`, `{"a":[],"b":["",""],"*":["a,b",""]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		var values map[string]any
		if d.Decode(&values) != nil {
			return
		}
		tr := &translate.Tracer{Trace: &aaa.Tracing{}}
		avps, err := b.Out(t.Context(), nil, values, nil, tr)
		if err != nil && aaa.KindOf(err) != aaa.KindBadInput {
			t.Fatalf("an error of another kind: %v", err)
		}
		if err != nil && len(avps) > 0 {
			t.Fatal("AVPs beside an error")
		}
		for _, a := range avps {
			if !a.Clear && len(a.Value) > set.MaxLen(a.Attr) {
				t.Fatalf("%s: %d octets", a.Attr.Name, len(a.Value))
			}
			if len(a.Value) == 0 && !a.Attr.Hidden && a.Attr.Name != "EAP-Message" {
				t.Fatalf("%s: an empty attribute", a.Attr.Name)
			}
		}
		for _, r := range tr.Trace.Rules {
			if strings.Contains(r.Attribute, "Password") && r.Value != "" && r.Value != aaa.Mask {
				t.Fatalf("the trace shows %s", r.Attribute)
			}
		}
	})
}

// FuzzBack gives arbitrary octets as the values of a reply's attributes: name
// length, name, value length, value, and so on.
func FuzzBack(f *testing.F) {
	set := testSet(f)
	back := func(key, attribute, re, cast string) aaa.Rule {
		return aaa.Rule{RequestKey: key, Attribute: attribute, RequestValue: `(.*)`, AttrValue: re, Cast: cast}
	}
	b := compile(f,
		back("a", "User-Name", `^(.*)$`, ""), back("a", "Class", `0x(..)*`, ""), back("b", "Service-Type", `^(.*)$`, aaa.StringToInteger),
		back("c", "Tunnel-Type:1", `(.*)`, ""), back("d", "Event-Timestamp", `(.*)`, ""), back("e", "Test-IPv6", `([^:]*)`, ""),
		back("f", "Test-Integer64", `(.*)`, aaa.StringToInteger), back("g", "Tunnel-Password", `(.*)`, ""), back("h", "Nobody-Knows", `(.*)`, ""),
	).Bind(set, aaa.Strict)
	for _, s := range []string{
		"\x09User-Name\x03bob\x05Class\x02\x00\xff", "\x0cService-Type\x04\x00\x00\x00\x02\x0cService-Type\x01\x01",
		"\x0fTunnel-Password\x04hush", "\x09Test-IPv6\x10aaaaaaaaaaaaaaaa", "\x0eTest-Integer64\x08\xff\xff\xff\xff\xff\xff\xff\xff",
		"\x0dAttr-26.9.1.2\x01x", "\x09User-Name\x02\xff\xfe",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		next := func() []byte {
			if len(in) == 0 {
				return nil
			}
			n := min(int(in[0]), len(in)-1)
			field := in[1 : 1+n]
			in = in[1+n:]
			return field
		}
		var avps []aaa.AVP
		for len(in) > 0 && len(avps) < 100 {
			name, value := next(), next()
			if a, tag, ok := set.Lookup(string(name), true); ok {
				avps = append(avps, aaa.AVP{Attr: a, Tag: tag.Number, Value: value})
			}
		}
		keys, rest, _ := b.Back(t.Context(), avps, nil, &translate.Tracer{Trace: &aaa.Tracing{}})
		if len(avps) > 0 && len(avps) < 2 && len(keys) == 0 && len(rest) == 0 && !avps[0].Attr.Hidden {
			t.Fatalf("%s is nowhere", avps[0].Attr.Name)
		}
		for name := range rest.All() {
			if a, _, ok := set.Lookup(name, true); ok && a.Hidden {
				t.Fatalf("the hidden %s is under avps", name)
			}
		}
		if _, err := json.Marshal([]any{keys, rest}); err != nil {
			t.Fatal(err)
		}
	})
}
