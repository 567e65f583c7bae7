package gateway

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

// TestCostlyRulesOfActions: a tenant whose rules for User-Name are costly spends no more by actions that look the name up
// than by asking servers.
func TestCostlyRulesOfActions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.allow("customer", aaa.LimitExpressionSteps, 100_000) // the usual limit takes seconds of a busy machine
	var rules, names []string
	for i := range 30 {
		rules = append(rules, fmt.Sprintf(`{"request_key":"name","attribute":"User-Name","request_value_regexp":"((?:a?){%d}a{300})b","attr_value_regexp":"^(.*)$"}`, 250+i))
	}
	for i := range 10 {
		names = append(names, strings.Repeat("a", 4000+i))
	}
	list := make([]any, len(names))
	for i, name := range names {
		list[i] = name
	}
	for name, line := range map[string]string{
		"kdc":   "MKERB  Wait  Xstring=EXAMPLE.COM@127.0.0.1:1", // FILE and UNIX-PW take the login alike
		"realm": "REALM  Wait  Xstring=customers",
	} {
		action, _, _ := strings.Cut(line, " ")
		f.table("customer", name, strings.NewReplacer("LINE", line, "ACTION", action).Replace(`
Start:
	*.+AUTHEN.ACK   LINE
Wait:
	*.ACTION.ACK    REPLY  End
	*.ACTION.NAK    REPLY  End
	*.ACTION.ERROR  REPLY  End
End:
`))
		f.put("customer", with(strings.Replace(doc("on", "a"), "authn_avp", "custom_avp", 1), `"fsm":"`+name+`","realms":{"customers":{"*":"a","":"a"}},"authn_avp_translation":[`+strings.Join(rules, ",")+`]`))
		for what, value := range map[string]any{"a value": names[0], "an array": list} {
			_, err := f.ask("customer", aaa.Authn, map[string]any{"name": value})
			var e *aaa.Error
			if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || !strings.Contains(err.Error(), "expression_steps") || !strings.Contains(err.Error(), "authn_avp_translation.") {
				t.Errorf("%s, %s: %v", action, what, err)
			}
		}
	}
	if n := f.counted("aaa_api_limited_total", map[string]string{"limit": "expression_steps"}); len(n) == 0 {
		t.Error("the refusals are not counted")
	}
}
