package router_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
	"aaa-api/internal/translate"
)

// costlyRules have all servers of a lab use so many different rules that try much at every octet of the key.
func (l *lab) costlyRules(n int) {
	l.t.Helper()
	var rules []aaa.Rule
	for i := range n {
		rules = append(rules, aaa.Rule{RequestKey: "key", Attribute: "Reply-Message", RequestValue: fmt.Sprintf("((?:a?){%d}a{300})b", 250+i), AttrValue: "^(.*)$"})
	}
	program, err := translate.Compile("authn_avp_translation", rules)
	if err != nil {
		l.t.Fatal(err)
	}
	system, err := dictionaries()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, s := range l.level.Servers {
		for op := range s.Rules {
			s.Rules[op] = program.Bind(system.Default(), aaa.Strict)
		}
	}
}

// allowSteps bounds what a request of a lab spends on expressions.
func (l *lab) allowSteps(n int64) {
	allowed := aaa.NoLimits()
	allowed[aaa.LimitExpressionSteps] = n
	l.plan.Limits.Set(limits.Root("root", nil).Below(l.plan.Account, &allowed))
}

// A request whose rules cost too much reaches no server, and the refusal names the limit and the rule.
func TestCostlyRules(t *testing.T) {
	t.Parallel()
	l := newLab(t, time.Minute, "first", "second")
	l.costlyRules(40)
	l.allowSteps(400_000) // the usual limit takes seconds of a busy machine
	values := map[string]any{"key": strings.Repeat("a", 400)}
	_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn, Values: values})
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || len(e.Fields) != 1 || e.Fields[0].Path != "key" ||
		!strings.Contains(e.Fields[0].Message, "authn_avp_translation.1") || !strings.Contains(e.Fields[0].Message, "expression_steps") {
		t.Errorf("%v", err)
	}
	if n := l.servers["first"].asked.Load() + l.servers["second"].asked.Load(); n != 0 {
		t.Errorf("%d servers were asked", n)
	}
	l.quiet()

	// The dry run is no way around the limit.
	dry, err := l.router.DryRun(t.Context(), l.plan, &aaa.Request{Account: l.plan.Account, Op: aaa.Authn, Values: values})
	if err != nil || len(dry.Messages) != 2 {
		t.Fatalf("%+v, %v", dry, err)
	}
	for _, m := range dry.Messages {
		if !errors.As(m.Err, &e) || e.Kind != aaa.KindBadInput || !strings.Contains(m.Err.Error(), "expression_steps") {
			t.Errorf("dry run for %s: %v", m.Server.Name, m.Err)
		}
	}
}

// A table spends no more than one request may, be it by many servers one after the other or side by side.
func TestStepsOfATable(t *testing.T) {
	t.Parallel()
	for name, table := range map[string]string{
		"again": `
Start:
	*.+AUTHEN.ACK    RAD2RAD  Again  Xstring=first
Again:
	*.RAD2RAD.ERROR  RAD2RAD  Again  Xstring=second
	*.RAD2RAD.FATAL  NULL     End
End:
`,
		"side by side": `
Start:
	*.+AUTHEN.ACK    RAD2RAD  Wait  Xstring=authentication Xvalue=1
Wait:
	*.RAD2RAD.FATAL  PENDING  Wait
	*.RAD2RAD.ERROR  PENDING  Wait
	*.PENDING.ACK    NULL     Wait
	*.PENDING.NAK    NULL     End
End:
`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 10*time.Second, "first", "second", "third")
			l.use(table)
			l.allowSteps(5)
			_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
			var e *aaa.Error
			if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || !strings.Contains(err.Error(), "expression_steps") {
				t.Errorf("%v", err)
			}
			// One server's rule costs 2 steps: two servers may be asked, a third may not.
			if n := l.servers["first"].asked.Load() + l.servers["second"].asked.Load() + l.servers["third"].asked.Load(); n > 2 {
				t.Errorf("servers were asked %d times", n)
			}
			l.quiet()
		})
	}
}

// A caller who goes away ends the evaluation between two rules.
func TestCallerGoesDuringRules(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10*time.Second, "first")
	l.costlyRules(2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.ask(ctx, &aaa.Request{Op: aaa.Authn, Values: map[string]any{"key": strings.Repeat("a", 400)}})
	if aaa.KindOf(err) != aaa.KindNoAnswer || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n := l.servers["first"].asked.Load(); n != 0 {
		t.Errorf("%d servers were asked", n)
	}
	l.quiet()
}
