package translate

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/limits"
)

// costly is an expression that tries each of its parts at every octet of a text of a.
const costly = `((?:a?){300}a{300})b`

// bind compiles rules for a dictionary of attributes of text, named T0, T1 and so on.
func bind(t testing.TB, rules ...aaa.Rule) *Binding {
	t.Helper()
	var text strings.Builder
	for i := range 20 {
		fmt.Fprintf(&text, "ATTRIBUTE T%d %d string\n", i, i+200)
	}
	entries, err := dict.ParseText("d", []byte(text.String()), dict.NewSet())
	if err != nil {
		t.Fatal(err)
	}
	c, err := dict.Compile("d", entries, dict.NewSet())
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile("authn_avp_translation", rules)
	if err != nil {
		t.Fatal(err)
	}
	return p.Bind(dict.NewSet(c), aaa.Strict)
}

// budget is that of a request of an account with a limit.
func budget(limit int64) *Budget {
	values := limits.Root("root", nil)
	own := aaa.NoLimits()
	own[aaa.LimitExpressionSteps] = limit
	account := limits.NewAccount("0123456789abcdef0123456789abcdef")
	account.Set(values.Below(account.ID, &own))
	var b Budget
	b.Begin(account, nil, limit)
	return &b
}

// TestManyRulesOnOneValue: what a request may cost is bounded, however many rules there are.
func TestManyRulesOnOneValue(t *testing.T) {
	t.Parallel()
	var equal, different []aaa.Rule
	for i := range 800 {
		equal = append(equal, aaa.Rule{RequestKey: "k", Attribute: "T1", RequestValue: costly, AttrValue: `(.*)`})
		different = append(different, aaa.Rule{RequestKey: "k", Attribute: "T1", RequestValue: fmt.Sprintf(`((?:a?){%d}a{300})b`, i%50+250), AttrValue: `(.*)`})
	}
	value := map[string]any{"k": strings.Repeat("a", 4000)}

	// An equal rule is evaluated once, at any number of servers.
	one := budget(40_000_000)
	for range 3 {
		if _, err := bind(t, equal...).Out(t.Context(), nil, value, one, nil); err != nil {
			t.Fatal(err)
		}
	}
	m, _ := compileMatcher(costly)
	spent, least := one.allowed-one.Left(), m.steps(4000)
	if spent < least || spent > least+least/10 {
		t.Errorf("800 equal rules take %d steps, one takes %d", spent, least)
	}

	b := budget(aaa.LimitTable[aaa.LimitExpressionSteps].Default)
	got, err := bind(t, different...).Out(t.Context(), nil, value, b, nil)
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || len(e.Fields) != 1 || e.Fields[0].Path != "k" || len(got) != 0 ||
		!strings.Contains(e.Fields[0].Message, "authn_avp_translation.1, attribute T1") || !strings.Contains(e.Fields[0].Message, "(expression_steps)") {
		t.Errorf("800 different rules: %v", err)
	}
	if n := len(b.found); n > 1 {
		t.Errorf("%d evaluations were made, of which the budget has room for one", n)
	}
}

// TestStepsAreExact: a request never spends more than its limit, and what it does not use is left.
func TestStepsAreExact(t *testing.T) {
	t.Parallel()
	rules := []aaa.Rule{
		{RequestKey: "a", Attribute: "T1", RequestValue: `^([a-z]+)@`, AttrValue: `(.*)`},
		{RequestKey: "absent", Attribute: "T2", RequestValue: `(.*)`, AttrValue: `(.*)`},
		{RequestKey: "list", Attribute: "T3", RequestValue: `^(.*)$`, AttrValue: `(.*)`},
	}
	bound := bind(t, rules...)
	values := map[string]any{"a": "alice@example.com", "list": []any{"x", "y", strings.Repeat("z", 200)}}
	m, _ := compileMatcher(`^([a-z]+)@`)
	want := 3 + m.steps(len("alice@example.com")) + 1 + 1 + 1 + 200/freeOctets
	for _, limit := range []int64{want, want + 1, want + creditSteps, 10 * want} {
		b := budget(limit)
		if _, err := bound.Out(t.Context(), nil, values, b, nil); err != nil {
			t.Fatal(err)
		}
		if got := limit - b.Left(); got != want {
			t.Errorf("of %d steps %d are taken, want %d", limit, got, want)
		}
	}
	for limit := range want {
		b := budget(limit)
		if _, err := bound.Out(t.Context(), nil, values, b, nil); aaa.KindOf(err) != aaa.KindBadInput {
			t.Fatalf("a limit of %d steps where %d are needed: %v", limit, want, err)
		}
		if left := b.left.Load(); left < 0 || left > limit {
			t.Fatalf("%d steps are left of %d", left, limit)
		}
	}
}

// TestBackIsCounted: the way back has the same budget as the way out, and a reply that can't be translated is no answer.
func TestBackIsCounted(t *testing.T) {
	t.Parallel()
	bound := bind(t,
		aaa.Rule{RequestKey: "user", Attribute: "T0", RequestValue: `^(.*)$`, AttrValue: `^(.*)$`},
		aaa.Rule{RequestKey: "k", Attribute: "T1", RequestValue: `^(.*)$`, AttrValue: costly})
	attr := bound.slots[1].attr
	var reply []aaa.AVP
	for i := range 60 {
		reply = append(reply, aaa.AVP{Attr: attr, Value: []byte(strings.Repeat("a", 190+i))})
	}
	b := budget(aaa.LimitTable[aaa.LimitExpressionSteps].Default)
	keys, rest, err := bound.Back(t.Context(), reply, b, nil)
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBusy || e.RetryAfter <= 0 || keys != nil || rest != nil ||
		!strings.Contains(e.Message, "authn_avp_translation.1, attribute T1") || !strings.Contains(e.Message, "(expression_steps)") {
		t.Errorf("%d keys, %d others, %v", len(keys), len(rest), err)
	}
	m, _ := compileMatcher(costly)
	if n := int64(len(b.found)); n == 0 || n > b.allowed/m.steps(190) {
		t.Errorf("%d evaluations were made", n)
	}
}

// TestValueIsCounted: looking a value up for an action costs the same.
func TestValueIsCounted(t *testing.T) {
	t.Parallel()
	bound := bind(t, aaa.Rule{RequestKey: "k", Attribute: "T1", RequestValue: costly, AttrValue: `(.*)`})
	var list []any
	for i := range 60 {
		list = append(list, strings.Repeat("a", 200+i))
	}
	b := budget(aaa.LimitTable[aaa.LimitExpressionSteps].Default)
	_, _, _, err := bound.prog.Value(t.Context(), "T1", map[string]any{"k": list}, b)
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || !strings.HasPrefix(e.Fields[0].Path, "k.") {
		t.Errorf("%v", err)
	}
}

// TestCallerGoes: what a caller left behind is not evaluated to its end.
func TestCallerGoes(t *testing.T) {
	t.Parallel()
	var rules []aaa.Rule
	for i := range 5 {
		rules = append(rules, aaa.Rule{RequestKey: "k", Attribute: fmt.Sprintf("T%d", i), RequestValue: fmt.Sprintf(`(a{%d})b`, 100+i), AttrValue: `(.*)`})
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// The third rule is seen to be reached, and the caller gone, by what is dropped for the second.
	rules[2].Attribute, rules[2].RequestValue = "Nowhere", `^(.*)$`
	tr := &Tracer{Dropped: func(string) { cancel() }}
	b := budget(1_000_000_000)
	_, err := bind(t, rules...).Out(ctx, nil, map[string]any{"k": strings.Repeat("a", 200)}, b, tr)
	if !errors.Is(err, context.Canceled) || len(b.found) != 2 {
		t.Errorf("%d rules were evaluated, error %v", len(b.found), err)
	}
}

// TestHeavyWorkTakesTurns: a request with little to evaluate waits for nobody, and one with much waits for its turn and
// passes it on.
func TestHeavyWorkTakesTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		processor := limits.NewProcessor()
		var taken []limits.Turn
		for range max(1, runtime.GOMAXPROCS(0)-1) { // all places
			turn, err := processor.Take(t.Context(), "other")
			if err != nil {
				t.Fatal(err)
			}
			taken = append(taken, turn)
		}
		begin := func() *Budget {
			b := budget(1_000_000_000)
			b.processor = processor
			return b
		}
		light := bind(t, aaa.Rule{RequestKey: "k", Attribute: "T1", RequestValue: `^([^@]*)@`, AttrValue: `(.*)`})
		if _, err := light.Out(t.Context(), nil, map[string]any{"k": "alice@example.com"}, begin(), nil); err != nil {
			t.Errorf("a light request: %v", err)
		}

		var rules []aaa.Rule
		for i := range 4 {
			rules = append(rules, aaa.Rule{RequestKey: "k", Attribute: fmt.Sprintf("T%d", i), RequestValue: fmt.Sprintf(`(a{%d})b`, 200+i), AttrValue: `(.*)`})
		}
		heavy := bind(t, rules...)
		var order []string
		run := func(ctx context.Context, name string) {
			_, err := heavy.Out(ctx, nil, map[string]any{"k": strings.Repeat("a", 1000)}, begin(), nil)
			order = append(order, fmt.Sprint(name, " ", err))
		}
		ctx, cancel := context.WithCancel(t.Context())
		go run(ctx, "left")
		go run(t.Context(), "stayed")
		synctest.Wait()
		if len(order) != 0 {
			t.Fatalf("heavy requests had their turn while others have theirs: %v", order)
		}
		cancel()
		synctest.Wait()
		if got := fmt.Sprint(order); got != "[left context canceled]" {
			t.Fatalf("%s", got)
		}
		go func() {
			turn, err := processor.Take(t.Context(), "quiet")
			order = append(order, fmt.Sprint("quiet ", err))
			turn.End()
		}()
		synctest.Wait()
		taken[0].End() // one place
		synctest.Wait()
		if got := fmt.Sprint(order); got != "[left context canceled quiet <nil> stayed <nil>]" {
			t.Errorf("a request of many turns keeps the other account waiting: %s", got)
		}
		for _, turn := range taken[1:] {
			turn.End()
		}
		run(t.Context(), "again")
		if n := len(order); order[n-1] != "again <nil>" {
			t.Errorf("the turn was not given back: %v", order)
		}
	})
}

// TestWeights: the steps of an expression grow with what it has to try.
func TestWeights(t *testing.T) {
	t.Parallel()
	var weights []int64
	for _, text := range []string{`^(.*)$`, `(x)`, `^([^@]+)@(.*)$`, `(a{100})`, strings.Repeat(`(a?)`, 40), `((?:a?){900})`} {
		m, err := compileMatcher(text)
		if err != nil {
			t.Fatal(err)
		}
		weights = append(weights, m.weight)
	}
	if !slices.IsSorted(weights) || weights[0] != 0 || weights[5] < 1800 || slices.Contains(weights[1:], 0) {
		t.Errorf("weights %v", weights)
	}
}

// TestTypicalRequests: the default limit is far from honest documents, the demo's and those of ten careful rules alike.
func TestTypicalRequests(t *testing.T) {
	t.Parallel()
	whole := map[string]any{}
	var wholes, careful []aaa.Rule
	carefully := map[string]any{"name": "sip:alice.anderson@branch.example.com", "mac": "00-11-22-aa-bb-cc", "port": "slot=1;subslot=2;port=3;vlanid=400"}
	for i := range 10 {
		key := fmt.Sprint("k", i)
		whole[key] = "alice.anderson@example.com"
		wholes = append(wholes, aaa.Rule{RequestKey: key, Attribute: fmt.Sprintf("T%d", i), RequestValue: `^(.*)$`, AttrValue: `^(.*)$`})
	}
	for i, r := range [][2]string{
		{"name", `^(?:sips?:)?([^@;]+)@`},
		{"name", `@([a-z0-9.-]+)`},
		{"mac", `^((?:[0-9a-f]{2}-){5}[0-9a-f]{2})$`},
		{"port", `vlanid=([0-9]+)`},
		{"port", `^slot=([0-9]+)`},
		{"port", `;port=([0-9]+)`},
	} {
		careful = append(careful, aaa.Rule{RequestKey: r[0], Attribute: fmt.Sprintf("T%d", i), RequestValue: r[1], AttrValue: `^(.*)$`})
	}
	for name, c := range map[string]struct {
		rules  []aaa.Rule
		values map[string]any
	}{"whole values": {wholes, whole}, "parts of values": {careful, carefully}} {
		b := budget(aaa.LimitTable[aaa.LimitExpressionSteps].Default)
		if _, err := bind(t, c.rules...).Out(t.Context(), nil, c.values, b, nil); err != nil {
			t.Fatal(err)
		}
		spent := b.allowed - b.Left()
		t.Logf("%s: %d steps for %d rules", name, spent, len(c.rules))
		if spent > freeSteps/2 {
			t.Errorf("%s: %d steps, so that honest requests wait for heavy ones", name, spent)
		}
	}
}
