package translate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/translate"
)

func tacacsSet(t testing.TB) *dict.Set {
	t.Helper()
	catalog, err := dict.LoadSystem("")
	if err != nil {
		t.Fatal(err)
	}
	c, ok := catalog.Get("dictionary_tacacs")
	if !ok {
		t.Fatal("no dictionary_tacacs")
	}
	return dict.NewSet(c)
}

// TestArguments: arguments of TACACS+ are sent and given back by name, optional ones with a star;
// those that no dictionary has only in AnyName mode.
func TestArguments(t *testing.T) {
	t.Parallel()
	set := tacacsSet(t)
	whole := func(key, attribute string) aaa.Rule {
		return aaa.Rule{RequestKey: key, Attribute: attribute, RequestValue: `^(.*)$`, AttrValue: `^(.*)$`}
	}
	p := compile(t, whole("cmd", "cmd"), whole("args", "cmd-arg"), whole("level", "priv-lvl*"), whole("tea", "brew"), whole("milk", "milk*"), whole("pin", "pin-code"), whole("user", "user*"))
	values := map[string]any{"cmd": "", "args": []any{"a", "b"}, "level": "15", "tea": "green", "milk": "no", "pin": "1234", "user": "x"}
	show := func(avps []aaa.AVP) (list []string) {
		for _, v := range avps {
			name := v.Attr.Name
			if v.Optional {
				name += "*"
			}
			list = append(list, name+"="+string(v.Value))
		}
		return list
	}
	for mode, want := range map[aaa.AVPMode]string{
		aaa.Strict:  "cmd= cmd-arg=a cmd-arg=b priv-lvl*=15",
		aaa.AnyName: "cmd= cmd-arg=a cmd-arg=b priv-lvl*=15 brew=green milk*=no pin-code=1234",
	} {
		tr := &translate.Tracer{Trace: &aaa.Tracing{}}
		avps, err := p.Bind(set, mode).Out(t.Context(), nil, values, nil, tr)
		if err != nil || strings.Join(show(avps), " ") != want {
			t.Errorf("%s: %q, %v", mode, show(avps), err)
		}
		for _, r := range tr.Trace.Rules {
			if r.Key == "pin" && r.Value == "1234" {
				t.Errorf("%s: the trace shows a PIN", mode)
			}
		}
	}
	if got := p.Unknown(set); !cmp.Equal(got, []int{3, 4, 5, 6}) {
		t.Errorf("unknown: %v", got)
	}

	level := set.ByName("priv-lvl")
	keys, rest, _ := p.Bind(set, aaa.AnyName).Back(t.Context(), []aaa.AVP{
		{Attr: level, Value: []byte("1")},
		{Attr: aaa.NewArgument("brew"), Value: []byte("black"), Optional: true},
		{Attr: aaa.NewArgument("sugar"), Value: []byte("two"), Optional: true},
		{Attr: aaa.NewArgument("spoons"), Value: []byte("3")},
		{Attr: aaa.NewArgument("tea-password"), Value: []byte("hush")},
	}, nil, nil)
	if diff := cmp.Diff(aaa.Values{"level": "1", "tea": "black"}, keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(aaa.Values{"sugar*": "two", "spoons": "3"}, rest.Values()); diff != "" {
		t.Errorf("rest (-want +got):\n%s", diff)
	}
}
