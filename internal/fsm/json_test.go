package fsm_test

import (
	"strings"
	"testing"

	"aaa-api/internal/fsm"
)

// TestParseJSONRefuses: what is wrong is told with its path, all of it.
func TestParseJSONRefuses(t *testing.T) {
	t.Parallel()
	line := func(members string) string {
		return `{"states":[{"name":"S","lines":[{"state":"*","action":"*","event":"ACK","do":"LOG","next":"End"},{` + members + `}]}]}`
	}
	const whole = `"state":"*","action":"*","event":"ACK","do":"LOG","next":"End"`
	for _, c := range []struct{ data, want string }{
		{``, " json"},
		{`[]`, " type"},
		{`{}`, "states required"},
		{`{"states":[]}`, "states minItems"},
		{`{"states":null}`, "states type"},
		{`{"states":[{"name":"S"}]} x`, " json"},
		{`{"states":[{"name":"S","name":"T"}]}`, "states.0.name duplicate"},
		{`{"States":[{"name":"S"}]}`, "States unknown; states required"},
		{`{"states":[{"name":"S","line":1}]}`, "states.0.line unknown"},
		{`{"states":[{"name":"a b"},{"name":7}]}`, "states.0.name pattern; states.1.name type"},
		{`{"states":[{"name":"eNd"}]}`, "states.0.name reserved"},
		{`{"states":[{"name":"S"}],"id":"` + strings.Repeat("x", 21) + `"}`, "id maxLength"},
		{`{"states":[{"name":"S"}],"id":" x"}`, "id pattern"},
		{`{"states":[{"name":"S"}],"comments":["ok\tso","no\nt","end ","x\u0000"]}`, "comments.3 character"},
		{`{"states":[{"name":"S"}],"comments":["ok\tso","no\nt","end ","\u0085x"]}`, "comments.1 pattern; comments.3 pattern"},
		{`{"states":[{"name":"S"}],"events":[{"name":"E","comments":[{}]},{"nome":"E"}]}`, "events.0.comments.0 type; events.1.name required; events.1.nome unknown"},
		{line(whole + `,"xvalue":1.5`), "states.0.lines.1.xvalue type"},
		{line(whole + `,"xvalue":2147483648`), "states.0.lines.1.xvalue maximum"},
		{line(whole + `,"xvalue":"1"`), "states.0.lines.1.xvalue type"},
		{line(whole + `,"xstring":"` + strings.Repeat("é", 127) + `"`), "states.0.lines.1.xstring too_long"},
		{line(whole + `,"xstring":"a\tb"`), "states.0.lines.1.xstring pattern"},
		{line(`"state":"+","action":"+*","event":"","do":"*","next":"*"`), "states.0.lines.1.action pattern; states.0.lines.1.do pattern; states.0.lines.1.event pattern; states.0.lines.1.next pattern; states.0.lines.1.state pattern"},
		{line(`"state":"*"`), "states.0.lines.1.action required; states.0.lines.1.do required; states.0.lines.1.event required; states.0.lines.1.next required"},
		{`{"states":[{"name":"S","comments":[[[[[[[[[[]]]]]]]]]]}]}`, "states.0.comments.0.0.0.0.0 depth"},
	} {
		source, faults := fsm.ParseJSON([]byte(c.data))
		var got []string
		for _, f := range faults {
			got = append(got, f.Path+" "+f.Rule)
			if f.Line != 0 || f.Message == "" {
				t.Errorf("%s: %+v", c.data, f)
			}
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %s", c.data, s)
		}
		if source == nil || len(source.States) > 0 && len(faults) > 0 {
			t.Errorf("%s: the Source is %v", c.data, source)
		}
	}
}

// TestParseJSONBounds: what the schema bounds one by one is bounded together too.
func TestParseJSONBounds(t *testing.T) {
	t.Parallel()
	line := `{"state":"*","action":"*","event":"ACK","do":"LOG","next":"End"}`
	lines := func(n int) string { return strings.Repeat(line+",", n-1) + line }
	half := `{"name":"S","lines":[` + lines(fsm.MaxLines/2) + `]}`
	if _, faults := fsm.ParseJSON([]byte(`{"states":[` + half + `,` + half + `,{"name":"T","lines":[` + line + `]}]}`)); len(faults) != 1 || faults[0].Rule != "too_many" {
		t.Errorf("too many lines: %v", faults)
	}
	if _, faults := fsm.ParseJSON([]byte(`{"states":[{"name":"S"}],"comments":["` + strings.Repeat("x", fsm.MaxText) + `"]}`)); len(faults) != 1 || faults[0].Rule != "too_long" {
		t.Errorf("too long a text: %v", faults)
	}
	if _, faults := fsm.ParseJSON([]byte(strings.Repeat(" ", fsm.MaxJSON+1))); len(faults) != 1 || faults[0].Rule != "too_long" {
		t.Errorf("too long: %v", faults)
	}
}

// TestCompileJSON: faults of a table that was JSON have the path.
func TestCompileJSON(t *testing.T) {
	t.Parallel()
	source, faults := fsm.ParseJSON([]byte(`{"events":[{"name":"ACK"},{"name":"Idle"}],"states":[
		{"name":"S","lines":[{"state":"*","action":"+AUTHEN","event":"ACK","do":"NOPE","next":"End"},
			{"state":"Q","action":"*","event":"DUP","do":"RAD2RAD","next":"Nowhere"}]},
		{"name":"same"},{"name":"S"}]}`))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	table, errors, warnings := fsm.Compile(source, specs())
	if table != nil {
		t.Error("a table with errors is compiled")
	}
	var got []string
	for _, f := range append(errors, warnings...) {
		got = append(got, f.Path+" "+f.Rule)
	}
	want := "events.0.name duplicate; states.1.name reserved; states.2.name duplicate; states.0.lines.0.do unknown_action; " +
		"states.0.lines.1.state undefined; states.0.lines.1.next undefined; states.0.lines.1.xstring required; " +
		"states.1.name unreferenced; states.1.name no_end; events.1.name unused"
	if s := strings.Join(got, "; "); s != want {
		t.Error(s)
	}
}

// TestSchemaHasTheBounds holds schemas/fsm.json against the bounds of text.
func TestSchemaHasTheBounds(t *testing.T) {
	t.Parallel()
	many := func(n int, element string) string { return "[" + strings.Repeat(element+",", n-1) + element + "]" }
	word := func(n int) string { return strings.Repeat("x", n) }
	for place, c := range map[string]struct {
		most int
		data func(n int) string
	}{
		"events": {fsm.MaxEvents, func(n int) string { return `{"states":[{"name":"S"}],"events":` + many(n, `{"name":"E"}`) + `}` }},
		"states": {fsm.MaxStates, func(n int) string { return `{"states":` + many(n, `{"name":"S"}`) + `}` }},
		"id":     {fsm.MaxID, func(n int) string { return `{"states":[{"name":"S"}],"id":"` + word(n) + `"}` }},
		"name":   {fsm.MaxName, func(n int) string { return `{"states":[{"name":"` + word(n) + `"}]}` }},
		"state":  {fsm.MaxName, func(n int) string { return lineOf(word(n), "*", "ACK", "LOG", "End", "") }},
		"action": {fsm.MaxActionName, func(n int) string { return lineOf("*", word(n), "ACK", "LOG", "End", "") }},
		"kind":   {fsm.MaxName, func(n int) string { return lineOf("*", "+"+word(n), "ACK", "LOG", "End", "") }},
		"event":  {fsm.MaxName, func(n int) string { return lineOf("*", "*", word(n), "LOG", "End", "") }},
		"do":     {fsm.MaxActionName, func(n int) string { return lineOf("*", "*", "ACK", word(n), "End", "") }},
		"next":   {fsm.MaxName, func(n int) string { return lineOf("*", "*", "ACK", "LOG", word(n), "") }},
		"text":   {fsm.MaxXstring, func(n int) string { return lineOf("*", "*", "ACK", "LOG", "End", word(n)) }},
	} {
		if _, faults := fsm.ParseJSON([]byte(c.data(c.most))); len(faults) > 0 {
			t.Errorf("%s: %v", place, faults)
		}
		if _, faults := fsm.ParseJSON([]byte(c.data(c.most + 1))); len(faults) != 1 {
			t.Errorf("%s: over the bound: %v", place, faults)
		}
	}
}

func lineOf(state, action, event, do, next, xstring string) string {
	return `{"states":[{"name":"S","lines":[{"state":"` + state + `","action":"` + action + `","event":"` + event +
		`","do":"` + do + `","next":"` + next + `","xstring":"` + xstring + `"}]}]}`
}
