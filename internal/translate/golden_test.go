package translate_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/translate"
)

// testSet is the tenant's own dictionary before the standard one.
func testSet(t testing.TB) *dict.Set {
	t.Helper()
	var list []*dict.Compiled
	visible := dict.NewSet()
	for _, name := range []string{"standard", "own"} {
		text, err := os.ReadFile("testdata/dictionary." + name)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := dict.ParseText(name, text, visible)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c, err := dict.Compile(name, entries, visible)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list = append([]*dict.Compiled{c}, list...)
		visible = dict.NewSet(list...)
	}
	return visible
}

// step is one input of a case with the lines that have to come of it.
type step struct {
	input string
	want  []string
}

type goldenCase struct {
	name  string
	mode  aaa.AVPMode
	rules []aaa.Rule
	steps []step
}

// readGolden reads a golden file. field is the member of a rule that its third column fills.
func readGolden(t *testing.T, file string, field func(r *aaa.Rule, regexp string)) []goldenCase {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []goldenCase
	for i, line := range strings.Split(string(text), "\n") {
		word, rest, _ := strings.Cut(line, " ")
		var c *goldenCase
		if len(list) > 0 {
			c = &list[len(list)-1]
		}
		switch word {
		case "", "#":
		case "==":
			list = append(list, goldenCase{name: rest, mode: aaa.Strict})
		case "mode":
			c.mode = aaa.AVPMode(rest)
		case "rule":
			cols := strings.Split(rest, " | ")
			r := aaa.Rule{RequestKey: cols[0], Attribute: cols[1], RequestValue: `^(.*)$`, AttrValue: `^(.*)$`}
			field(&r, cols[2])
			if len(cols) == 4 {
				r.Cast = cols[3]
			}
			c.rules = append(c.rules, r)
		case "in":
			c.steps = append(c.steps, step{input: rest})
		default:
			if c == nil || len(c.steps) == 0 {
				t.Fatalf("%s:%d: a line before its case", file, i+1)
			}
			s := &c.steps[len(c.steps)-1]
			s.want = append(s.want, line)
		}
	}
	return list
}

// decode reads a request; a text @N stands for N octets.
func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for k, v := range m {
		if s, ok := v.(string); ok && strings.HasPrefix(s, "@") {
			n, err := strconv.Atoi(s[1:])
			if err != nil {
				t.Fatal(err)
			}
			m[k] = strings.Repeat("x", n)
		}
	}
	return m
}

func showValue(a aaa.AVP, short bool) string {
	name := a.Attr.Name
	if a.Tag > 0 {
		name += ":" + strconv.Itoa(int(a.Tag))
	}
	value := "0x" + hex.EncodeToString(a.Value)
	switch {
	case short:
		value = fmt.Sprintf("%d octets", len(a.Value))
	case a.Attr.Type == aaa.TypeString:
		value = strconv.Quote(string(a.Value))
	}
	if a.Clear {
		value += " clear"
	}
	return "avp " + name + " = " + value
}

func showTrace(tr *aaa.Tracing) []string {
	var lines []string
	for _, d := range tr.Dropped {
		lines = append(lines, fmt.Sprintf("dropped %s %s: %s", d.Server, d.Attribute, d.Reason))
	}
	for _, r := range tr.Rules {
		lines = append(lines, fmt.Sprintf("trace %s %d %s %s -> %s %q %s", r.Direction, r.Index, r.Server, r.Key, r.Attribute, r.Value, r.Note))
	}
	return lines
}

func showError(t *testing.T, err error, input map[string]any) []string {
	t.Helper()
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput {
		t.Fatalf("%v is no *aaa.Error of KindBadInput", err)
	}
	var lines []string
	for _, f := range e.Fields {
		value := ""
		if f.Value != nil {
			text := fmt.Sprint(f.Value)
			for _, v := range input {
				if s, ok := v.(string); ok && len(s) > 99 && strings.HasPrefix(s, strings.TrimSuffix(text, "…")) {
					text = "@" + strconv.Itoa(len(s))
				}
			}
			value = fmt.Sprintf(" value %q", text)
		}
		lines = append(lines, fmt.Sprintf("error %s %s%s: %s", f.Path, f.Rule, value, f.Message))
	}
	return lines
}

func TestOutGolden(t *testing.T) {
	t.Parallel()
	set := testSet(t)
	for _, c := range readGolden(t, "testdata/out.golden", func(r *aaa.Rule, re string) { r.RequestValue = re }) {
		p, err := translate.Compile("authn_avp_translation", c.rules)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		b := p.Bind(set, c.mode)
		for _, s := range c.steps {
			var got []string
			wantTrace := len(s.want) > 0 && s.want[0] == "trace"
			if wantTrace {
				s.want = s.want[1:]
			}
			tr := &translate.Tracer{Server: "s1", Trace: &aaa.Tracing{}, Dropped: func(a string) { got = append(got, "counted "+a) }}
			input := decode(t, s.input)
			avps, err := b.Out(t.Context(), nil, input, nil, tr)
			counted := got
			got = nil
			for i, a := range avps {
				got = append(got, showValue(a, i < len(s.want) && strings.Contains(s.want[i], " octets")))
			}
			got = append(got, counted...)
			if wantTrace {
				got = append(got, showTrace(tr.Trace)...)
			}
			if err != nil {
				got = append(got, showError(t, err, input)...)
			}
			if d := cmp.Diff(s.want, got); d != "" {
				t.Errorf("%s: %s\n%s", c.name, s.input, d)
			}
			quiet, err2 := b.Out(t.Context(), nil, input, nil, nil)
			if d := cmp.Diff(avps, quiet); d != "" || (err == nil) != (err2 == nil) {
				t.Errorf("%s: tracing changes the result: %s %v", c.name, d, err2)
			}
		}
	}
}

// TestBackGolden gives the attributes of the input, written as in the request of
// a custom rule, to Back.
func TestBackGolden(t *testing.T) {
	t.Parallel()
	set := testSet(t)
	for _, c := range readGolden(t, "testdata/back.golden", func(r *aaa.Rule, re string) { r.AttrValue = re }) {
		p, err := translate.Compile("authn_avp_translation", c.rules)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		b := p.Bind(set, c.mode)
		for _, s := range c.steps {
			tr := &translate.Tracer{Server: "s1", Trace: &aaa.Tracing{}}
			keys, rest, _ := b.Back(t.Context(), reply(t, set, s.input), nil, tr)
			got := []string{"keys " + compact(t, keys), "avps " + compact(t, rest)}
			for _, line := range s.want {
				if strings.HasPrefix(line, "trace ") {
					got = append(got, showTrace(tr.Trace)...)
					break
				}
			}
			if d := cmp.Diff(s.want, got); d != "" {
				t.Errorf("%s: %s\n%s", c.name, s.input, d)
			}
		}
	}
}

// reply makes the AVPs of a line such as: User-Name=bob, Tunnel-Type:1=VLAN.
func reply(t *testing.T, set *dict.Set, line string) []aaa.AVP {
	t.Helper()
	var list []aaa.AVP
	for _, part := range strings.Split(line, ", ") {
		if part == "nothing" {
			break
		}
		name, text, _ := strings.Cut(part, "=")
		a, tag, ok := set.Lookup(name, true)
		if !ok {
			t.Fatalf("no attribute %s", name)
		}
		value, err := set.Encode(a, text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, aaa.AVP{Attr: a, Tag: tag.Number, Value: value})
	}
	return list
}

func compact(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}
