package fsm_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/fsm"
)

// TestSimulateScriptFaults: a script that can't be meant is refused, and told where.
func TestSimulateScriptFaults(t *testing.T) {
	t.Parallel()
	table := builtIn(t, "fallback")
	many := strings.TrimSuffix(strings.Repeat(`{"event":"DUP"},`, fsm.MaxScriptEntries+1), ",")
	for script, want := range map[string]string{
		`{"request":"ACK"}`: "request: ",
		`{}`:                "request: ",
		`{"request":"AUTHEN","answers":[{"action":"FILE","answer":"ACK"},{"action":"BREW","answer":"ACK"}]}`:                     `answers.1.action: there is no action "BREW"`,
		`{"request":"AUTHEN","answers":[{"action":"FILE","answer":"ACC_CHAL"}]}`:                                                 `answers.0.answer: FILE never answers "ACC_CHAL"`,
		`{"request":"AUTHEN","answers":[{"action":"LOG","answer":"WAIT"}]}`:                                                      `answers.0.answer: LOG never`,
		`{"request":"AUTHEN","answers":[{"action":"LOG","answer":"none"}]}`:                                                      `answers.0.answer: LOG never`,
		`{"request":"AUTHEN","answers":[{"action":"FILE","answer":"ACK","entries":2}]}`:                                          "answers.0.entries: only WAIT",
		`{"request":"AUTHEN","answers":[{"action":"FILE","answer":"WAIT","entries":257}]}`:                                       "answers.0.entries: must be",
		`{"request":"AUTHEN","answers":[{"action":"FILE","answer":"WAIT","entries":-1}]}`:                                        "answers.0.entries: must be",
		`{"request":"AUTHEN","arrives":[{"event":"ACK"}]}`:                                                                       "arrives.0.action: ",
		`{"request":"AUTHEN","arrives":[{"event":"HELLO"}]}`:                                                                     `arrives.0.event: there is no event "HELLO"`,
		`{"request":"AUTHEN","arrives":[{"action":"RADIUS","event":"RC1"}]}`:                                                     "arrives.0.event: no reply to RADIUS is ever RC1",
		`{"request":"AUTHEN","arrives":[{"action":"BREW","event":"ACK"}]}`:                                                       "arrives.0.action: ",
		`{"request":"AUTHEN","arrives":[{"action":"RADIUS","state":"Nowhere","event":"ACK"}]}`:                                   "arrives.0.state: ",
		`{"request":"AUTHEN","arrives":[{"event":"DUP","state":"Ask"}]}`:                                                         "arrives.0.state: ",
		`{"request":"AUTHEN","arrives":[{"event":"DUP"},{"action":"FILE","event":"ACK"}]}`:                                       "arrives.1: no FILE is pending in state Ask",
		`{"request":"AUTHEN","arrives":[{"action":"RADIUS","event":"ERROR"},{"action":"RADIUS","state":"Start","event":"ACK"}]}`: "arrives.1: no RADIUS that was started in Start is pending",
		`{"request":"AUTHEN","arrives":[{"event":"TIMER"}]}`:                                                                     "arrives.0: no TIMER is pending",
		`{"request":"AUTHEN","arrives":[` + many + `]}`:                                                                          "arrives: has more than 1000",
		`{"request":"AUTHEN","answers":[` + strings.ReplaceAll(many, `"event"`, `"answer"`) + `]}`:                               "answers: has more than 1000",
	} {
		s, err := fsm.ParseScript([]byte(script))
		if err != nil {
			t.Fatal(err)
		}
		_, err = fsm.Simulate(table, s)
		var fault *fsm.ScriptError
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.120s: %v, want %q", script, err, want)
		}
	}
	for _, text := range []string{``, `[]`, `{"request":"AUTHEN","answer":[]}`, `{"request":"AUTHEN"} {}`, `{"request":7}`, strings.Repeat(" ", fsm.MaxScript) + `{"request":"AUTHEN"}`} {
		if _, err := fsm.ParseScript([]byte(text)); err == nil {
			t.Errorf("%.60q is a script", text)
		}
	}
}

// steps is a walk in short: event, action and answer of each step.
func steps(w fsm.Walk) []string {
	var all []string
	for _, s := range w.Steps {
		all = append(all, strings.Join(strings.Fields(s.Event+" "+s.Action+" "+s.Answer+" "+s.Note), " "))
	}
	return all
}

func TestSimulate(t *testing.T) {
	t.Parallel()
	wait := "Wait:\n *.RADIUS.ACK REPLY End\nEnd:\n"
	for name, tc := range map[string]struct {
		table  string
		script fsm.Script
		want   []string
		end    fsm.Walk // State, Why, Result, Replied, Waiting
	}{
		"a request that the table does not take": {
			"Start:\n *.+ACCT.ACK RADIUS Wait\n" + wait,
			fsm.Script{Request: "AUTHEN"},
			[]string{"Start.+AUTHEN.ACK ignored"},
			fsm.Walk{State: "Start", Why: "nothing is pending"},
		},
		"the special kind before the general one": {
			"Start:\n *.+ACCT.ACK RADIUS Wait\n *.+ACCT_ON.ACK ACK Done\nDone:\n *.ACK.ACK REPLY End\n" + wait,
			fsm.Script{Request: "ACCT_ON"},
			[]string{"Start.+ACCT_ON.ACK ACK ACK", "Start.ACK.ACK REPLY ACK"},
			fsm.Walk{State: "End", Why: "End reached", Result: "ACK", Replied: "ACK"},
		},
		"WAIT is an event too": {
			"Start:\n *.+AUTHEN.ACK RADIUS Wait\nWait:\n *.RADIUS.WAIT TIMER Same Xvalue=500\n *.TIMER.TIMER REPLY End\nEnd:\n",
			fsm.Script{Request: "AUTHEN", Arrives: []fsm.Arrival{{Event: "TIMER"}}},
			[]string{"Start.+AUTHEN.ACK RADIUS WAIT", "Start.RADIUS.WAIT TIMER ACK", "Wait.TIMER.ACK ignored", "Wait.TIMER.TIMER REPLY ACK"},
			fsm.Walk{State: "End", Why: "End reached", Replied: "ERROR"},
		},
		"a timer is nothing that PENDING tells of, but is waited for": {
			"Start:\n *.+AUTHEN.ACK TIMER Wait\nWait:\n *.TIMER.ACK PENDING Same\n *.PENDING.NAK NULL Same\n *.TIMER.TIMER KILL Same\n *.*.TIMEOUT TIMEOUT End\nEnd:\n",
			fsm.Script{Request: "AUTHEN"},
			[]string{"Start.+AUTHEN.ACK TIMER ACK", "Start.TIMER.ACK PENDING NAK", "Wait.PENDING.NAK NULL none"},
			fsm.Walk{State: "Wait", Why: "the script has no more events", Waiting: true},
		},
		"the default table, and events that nothing matches": {
			"Start:\n *.+AUTHEN.ACK RADIUS Wait\n" + wait,
			fsm.Script{Request: "AUTHEN", Answers: []fsm.Answer{{Action: "RADIUS", Answer: "WAIT", Entries: 2}}, Arrives: []fsm.Arrival{{Event: "DUP"}, {Action: "RADIUS", Event: "NAK"}, {Action: "RADIUS", Event: "FATAL"}, {Event: "DUP"}}},
			[]string{"Start.+AUTHEN.ACK RADIUS WAIT", "Wait.*.DUP NULL none default table", "Start.RADIUS.NAK ignored", "Start.RADIUS.FATAL LOG ACK default table"},
			fsm.Walk{State: "End", Why: "End reached; 1 of the script's arrives came too late", Result: "NAK"},
		},
		"after the deadline nothing is waited for": {
			"Start:\n *.+AUTHEN.ACK RADIUS Wait\nWait:\n *.*.TIMEOUT RADIUS Same\n *.RADIUS.ERROR REPLY Same\n *.RADIUS.ACK REPLY End\nEnd:\n",
			fsm.Script{Request: "AUTHEN", Arrives: []fsm.Arrival{{Event: "TIMEOUT"}, {Action: "RADIUS", Event: "ACK"}}},
			[]string{"Start.+AUTHEN.ACK RADIUS WAIT", "Wait.*.TIMEOUT RADIUS ERROR too late, or too many pending", "Wait.RADIUS.ERROR REPLY ACK", "Wait.REPLY.ACK ignored"},
			fsm.Walk{State: "Wait", Why: "nothing is pending; 1 of the script's arrives came too late", Result: "ERROR", Replied: "ERROR"},
		},
		"only the first REPLY sends": {
			"Start:\n *.+AUTHEN.ACK REPLY Wait\nWait:\n *.REPLY.ACK ACK Again\nAgain:\n *.ACK.ACK REPLY Last\nLast:\n *.*.ACK CLEANUP Last\n *.*.TIMEOUT NULL End\nEnd:\n",
			fsm.Script{Request: "AUTHEN"},
			[]string{"Start.+AUTHEN.ACK REPLY ACK", "Start.REPLY.ACK ACK ACK", "Wait.ACK.ACK REPLY ACK answered before: nothing sent", "Again.REPLY.ACK CLEANUP none"},
			fsm.Walk{State: "Last", Why: "CLEANUP ends the request", Result: "ACK", Replied: "ERROR"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, err := fsm.Simulate(compiled(t, tc.table), tc.script)
			if err != nil {
				t.Fatal(err)
			}
			if got := steps(w); !slices.Equal(got, tc.want) {
				t.Errorf("steps:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
			if w.State != tc.end.State || w.Why != tc.end.Why || w.Result != tc.end.Result || w.Replied != tc.end.Replied || w.Waiting != tc.end.Waiting || w.Ended == w.Waiting {
				t.Errorf("ends as\n%s", w.Text())
			}
		})
	}
}

// TestSimulateBounds: a script can't make a walk without end, nor more pending than a request may have.
func TestSimulateBounds(t *testing.T) {
	t.Parallel()
	s := fsm.Script{Request: "AUTHEN", Answers: slices.Repeat([]fsm.Answer{{Action: "RADIUS", Answer: "ERROR"}}, fsm.MaxScriptEntries)}
	w, err := fsm.Simulate(builtIn(t, "sequential"), s)
	if err != nil {
		t.Fatal(err)
	}
	if !w.Ended || len(w.Steps) != 1000 || w.Why != "more than 1000 lines taken" {
		t.Errorf("%d steps, ended %v: %s", len(w.Steps), w.Ended, w.Why)
	}
	table := compiled(t, "Start:\n *.+AUTHEN.ACK RADIUS Wait\nWait:\n *.RADIUS.WAIT FILE Same\n *.FILE.ERROR REPLY End\nEnd:\n")
	s = fsm.Script{Request: "AUTHEN", Answers: []fsm.Answer{{Action: "RADIUS", Answer: "WAIT", Entries: fsm.MaxPending}}}
	if w, err = fsm.Simulate(table, s); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Steps); n != 3 || w.Steps[1].Answer != "ERROR" || w.Steps[1].Pending != fsm.MaxPending {
		t.Errorf("%s", w.Text())
	}
}
