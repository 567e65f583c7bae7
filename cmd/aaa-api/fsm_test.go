package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aaa-api/internal/fsm"
)

func fsmRun(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return here(t, "", stdin, nil, append([]string{"fsm"}, args...)...)
}

// TestFSMBuiltIns: with the actions of this program every shipped table is clean, and can be
// listed, drawn and walked through by its name.
func TestFSMBuiltIns(t *testing.T) {
	t.Parallel()
	list, _, code := fsmRun(t, "", "list")
	if lines := strings.Split(strings.TrimSpace(list), "\n"); code != 0 || len(lines) != len(fsm.BuiltIns()) {
		t.Fatalf("code %d:\n%s", code, list)
	}
	for line := range strings.Lines(list) {
		table := strings.Fields(line)[0]
		stdout, stderr, code := fsmRun(t, "", "check", table)
		if code != 0 || stderr != "" || !strings.HasPrefix(stdout, table+": ") || !strings.HasSuffix(stdout, " lines, no errors\n") {
			t.Errorf("check %s: code %d: %s%s", table, code, stdout, stderr)
		}
		for format, start := range map[string]string{"graphviz": "digraph ", "mermaid": "stateDiagram-v2\n"} {
			if stdout, _, code := fsmRun(t, "", "draw", "--format", format, table); code != 0 || !strings.HasPrefix(stdout, start) {
				t.Errorf("draw %s as %s: code %d: %s", table, format, code, stdout)
			}
		}
		if stdout, _, code := fsmRun(t, "", "simulate", table); code != 0 || !strings.Contains(stdout, "still waits") {
			t.Errorf("simulate %s: code %d: %s", table, code, stdout)
		}
	}
}

const twoFaults = `Start:
	*.+AUTHEN.ACK	BREW	Wait
	*.+ACCT.ACK	RADIUS	Nowhere
Wait:
	*.RADIUS.ACK	REPLY	End
End:
`

// TestFSMCheck tells every fault of every file with its line, and fails when any has one.
func TestFSMCheck(t *testing.T) {
	t.Parallel()
	good := strings.Replace(strings.Replace(twoFaults, "BREW", "RADIUS", 1), "Nowhere", "Wait", 1)
	src, _ := fsm.ParseText([]byte(good))
	asJSON, err := json.Marshal(src)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{
		"good.fsm": good, "two.fsm": twoFaults, "good.json": string(asJSON),
		"bad.json": strings.Replace(string(asJSON), "RADIUS", "BREW", 1), "wrong.json": `{"states":7}`,
		"warn.fsm": strings.Replace(good, "Wait:", "\t*.+ACCT.ACK	RADIUS	Wait\nWait:", 1),
		"long.fsm": strings.Repeat("# so\n", fsm.MaxText/5+1),
	} {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"good.fsm", "good.json"} {
		if stdout, stderr, code := fsmRun(t, "", "check", at(name)); code != 0 || stderr != "" || stdout != at(name)+": 2 states, 3 lines, no errors\n" {
			t.Errorf("%s: code %d: %s%s", name, code, stdout, stderr)
		}
	}
	stdout, stderr, code := fsmRun(t, good, "check", at("two.fsm"), "-", at("bad.json"), at("wrong.json"), at("long.fsm"), at("absent"), "builtin:none")
	if code != 1 || stdout != "-: 2 states, 3 lines, no errors\n" {
		t.Errorf("code %d: %s", code, stdout)
	}
	for _, want := range []string{
		at("two.fsm") + ":2: ", at("two.fsm") + ":3: ", at("bad.json") + ": states.0.lines.0.do: ", at("wrong.json") + ": states",
		at("long.fsm") + ": it is longer than 1048576 octets\n", "absent: no such file", "builtin:none: there is no such table",
		"aaa-api: errors in " + at("two.fsm") + ", ",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q is not told:\n%s", want, stderr)
		}
	}
	if stdout, stderr, code := fsmRun(t, "", "check", at("warn.fsm")); code != 0 || !strings.Contains(stderr, "warn.fsm:4: warning: ") || stdout == "" {
		t.Errorf("warnings: code %d: %s%s", code, stdout, stderr)
	}
	for _, command := range []string{"draw", "simulate"} {
		if stdout, stderr, code := fsmRun(t, "", command, at("two.fsm")); code != 1 || stdout != "" || !strings.Contains(stderr, "two.fsm:2: ") {
			t.Errorf("%s of a wrong table: code %d: %s%s", command, code, stdout, stderr)
		}
	}
}

func TestFSMSimulate(t *testing.T) {
	t.Parallel()
	script := `{"request":"AUTHEN","answers":[{"action":"RAD2RAD","answer":"WAIT","entries":3}],"arrives":[{"action":"RAD2RAD","event":"NAK"}]}`
	stdout, stderr, code := fsmRun(t, script, "simulate", "builtin:race", "--script", "-", "--json")
	var walk fsm.Walk
	if err := json.Unmarshal([]byte(stdout), &walk); err != nil || code != 0 {
		t.Fatalf("%v, code %d: %s%s", err, code, stdout, stderr)
	}
	if len(walk.Steps) != 3 || walk.Steps[0].Pending != 3 || walk.Replied != "NAK" || !walk.Ended {
		t.Errorf("%s", stdout)
	}
	if stdout, _, code := fsmRun(t, script, "simulate", "builtin:race", "--script", "-"); code != 0 || stdout != walk.Text() {
		t.Errorf("code %d: as text:\n%s", code, stdout)
	}
	for name, tc := range map[string]struct {
		stdin string
		args  []string
		code  int
		want  string
	}{
		"both from the standard input":     {script, []string{"simulate", "-", "--script", "-"}, 2, "can't both"},
		"a script of no known event":       {`{"request":"AUTHEN","arrives":[{"event":"HELLO"}]}`, []string{"simulate", "builtin:race", "--script", "-"}, 1, "-: arrives.0.event: "},
		"a script with an unknown member":  {`{"requests":"AUTHEN"}`, []string{"simulate", "builtin:race", "--script", "-"}, 1, "-: not a script"},
		"no such script":                   {"", []string{"simulate", "builtin:race", "--script", "/nonexistent.json"}, 1, "no such file"},
		"a format that is not drawn":       {"", []string{"draw", "--format", "png", "builtin:race"}, 2, `not "png"`},
		"a word that is no command of fsm": {"", []string{"sketch"}, 2, "has no command"},
	} {
		if stdout, stderr, code := fsmRun(t, tc.stdin, tc.args...); code != tc.code || stdout != "" || !strings.Contains(stderr, tc.want) {
			t.Errorf("%s: code %d, want %d and %q: %s%s", name, code, tc.code, tc.want, stdout, stderr)
		}
	}
}
