package fsm_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/fsm"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (go test -update writes it anew):\n%s", path, diff)
	}
}

func compiled(t *testing.T, text string) *fsm.Table {
	t.Helper()
	table, errors, _ := fsm.Check([]byte(text), specs())
	if len(errors) > 0 {
		t.Fatalf("%v in\n%s", errors, text)
	}
	return table
}

func builtIn(t *testing.T, name string) *fsm.Table {
	t.Helper()
	text, ok := fsm.BuiltIn(name)
	if !ok {
		t.Fatalf("no built-in table %s", name)
	}
	return compiled(t, text)
}

// TestShippedTables: each compiles cleanly, takes every operation's requests, says who it is,
// and is drawn as the golden files have it.
func TestShippedTables(t *testing.T) {
	t.Parallel()
	all := fsm.BuiltIns()
	if len(all) != 7 {
		t.Errorf("%d tables are shipped", len(all))
	}
	for _, b := range all {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			table, errors, warnings := fsm.Check([]byte(b.Text), specs())
			if len(errors)+len(warnings) > 0 {
				t.Fatalf("errors %v, warnings %v", errors, warnings)
			}
			if table.ID() != b.Name {
				t.Errorf("%%FSMID is %q", table.ID())
			}
			if !strings.HasPrefix(b.Text, "# "+b.Title+"\n") || b.Title == "" {
				t.Errorf("the title %q is not the first line", b.Title)
			}
			for kind := fsm.AUTHEN; kind < fsm.FirstDeclared; kind++ {
				if kind.Request() && kind != fsm.MgtPoll && !table.Takes(kind) {
					t.Errorf("it does not take %s", kind)
				}
			}
			golden(t, b.Name+".dot", table.Dot())
			golden(t, b.Name+".mmd", table.Mermaid())
		})
	}
}

// TestShippedTablesEnd: whatever a server answers, and where nobody answers before the
// deadline, the request ends; and but for the deadline it is answered.
func TestShippedTablesEnd(t *testing.T) {
	t.Parallel()
	for _, b := range fsm.BuiltIns() {
		table := builtIn(t, b.Name)
		for _, kind := range []string{"AUTHEN", "REACCESS", "AUTH_ONLY", "PASSWD", "AUTHZ", "ACCT_START", "ACCT", "CUSTOM"} {
			for _, event := range []string{"ACK", "NAK", "ACC_CHAL", "ERROR", "RC1", "TIMEOUT"} {
				script := fsm.Script{Request: kind}
				if event == "TIMEOUT" {
					script.Arrives = []fsm.Arrival{{Event: "DUP"}, {Event: "TIMEOUT"}}
				} else {
					for _, action := range []string{"RADIUS", "RAD2RAD", "AUTHENTICATE", "REALM"} {
						script.Answers = append(script.Answers, fsm.Answer{Action: action, Answer: event})
					}
					// What is asked for next fails, and the file does not know the user.
					script.Answers = append(script.Answers, fsm.Answer{Action: "RADIUS", Answer: "RC1"}, fsm.Answer{Action: "FILE", Answer: "NAK"}, fsm.Answer{Action: "COMMAND", Answer: "NAK"})
				}
				walk, err := fsm.Simulate(table, script)
				if err != nil {
					t.Errorf("%s, %s answered by %s: %v", b.Name, kind, event, err)
				} else if answered := walk.Replies == 1; !walk.Ended || answered == (event == "TIMEOUT") {
					t.Errorf("%s, %s answered by %s:\n%s", b.Name, kind, event, walk.Text())
				}
			}
		}
	}
}

// TestShippedWalks is what each table is for, as golden files beside their scripts.
func TestShippedWalks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		script  string
		replied string
	}{
		"sequential-failover": {`{"request":"AUTHEN","arrives":[{"action":"RADIUS","event":"ERROR"},{"action":"RADIUS","event":"ACK"}]}`, "ACK"},
		"sequential-none-left": {`{"request":"ACCT_STOP","answers":[{"action":"RADIUS","answer":"WAIT"},{"action":"RADIUS","answer":"RC1"}],
			"arrives":[{"event":"DUP"},{"action":"RADIUS","state":"Start","event":"ERROR"}]}`, "ERROR"},
		"sequential-deadline": {`{"request":"AUTHZ","arrives":[{"event":"TIMEOUT"}]}`, ""},
		"race-won": {`{"request":"AUTHEN","answers":[{"action":"RAD2RAD","answer":"WAIT","entries":3}],
			"arrives":[{"action":"RAD2RAD","event":"ERROR"},{"action":"RAD2RAD","event":"NAK"}]}`, "NAK"},
		"race-nobody":          {`{"request":"AUTH_ONLY","arrives":[{"action":"RAD2RAD","event":"ERROR"},{"event":"DUP"},{"action":"RAD2RAD","event":"FATAL"}]}`, "ERROR"},
		"race-password-change": {`{"request":"PASSWD","arrives":[{"action":"RADIUS","event":"ACK"}]}`, "ACK"},
		"replicate-one-fails-later": {`{"request":"ACCT_START","answers":[{"action":"RAD2RAD","answer":"WAIT","entries":3}],
			"arrives":[{"action":"RAD2RAD","event":"ERROR"},{"action":"RAD2RAD","event":"ACK"},{"action":"RAD2RAD","event":"ERROR"}]}`, "ACK"},
		"replicate-all-fail":   {`{"request":"ACCT","arrives":[{"action":"RAD2RAD","event":"ERROR"},{"action":"RAD2RAD","event":"ERROR"}]}`, "ERROR"},
		"realm-found":          {`{"request":"AUTHEN","arrives":[{"action":"REALM","event":"ERROR"}]}`, "ERROR"},
		"realm-no-entry":       {`{"request":"ACCT","answers":[{"action":"REALM","answer":"RC1"}],"arrives":[{"action":"RADIUS","event":"ERROR"},{"action":"RADIUS","event":"ACK"}]}`, "ACK"},
		"fallback-file":        {`{"request":"AUTHEN","answers":[{"action":"RADIUS","answer":"WAIT"},{"action":"RADIUS","answer":"RC1"}],"arrives":[{"action":"RADIUS","event":"ERROR"},{"action":"FILE","event":"ACK"}]}`, "ACK"},
		"fallback-refused":     {`{"request":"AUTHEN","arrives":[{"action":"RADIUS","event":"NAK"}]}`, "NAK"},
		"fallback-accounting":  {`{"request":"ACCT","answers":[{"action":"RADIUS","answer":"RC1"}]}`, "ERROR"},
		"local-login":          {`{"request":"AUTHEN","arrives":[{"action":"FILE","event":"ACK"}]}`, "ACK"},
		"local-command":        {`{"request":"AUTHZ","arrives":[{"action":"COMMAND","event":"NAK"}]}`, "NAK"},
		"local-accounting":     {`{"request":"ACCT","answers":[{"action":"RADIUS","answer":"RC1"}]}`, "ERROR"},
		"challenge-first":      {`{"request":"AUTHEN","arrives":[{"action":"AUTHENTICATE","event":"ACC_CHAL"}]}`, "ACC_CHAL"},
		"challenge-back":       {`{"request":"REACCESS","arrives":[{"action":"RADIUS","event":"NAK"}]}`, "NAK"},
		"challenge-lost":       {`{"request":"REACCESS","arrives":[{"action":"RADIUS","event":"ERROR"}]}`, "ERROR"},
		"challenge-no-servers": {`{"request":"AUTHEN","answers":[{"action":"AUTHENTICATE","answer":"RC1"}]}`, "ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, _, _ := strings.Cut(name, "-")
			script, err := fsm.ParseScript([]byte(tc.script))
			if err != nil {
				t.Fatal(err)
			}
			walk, err := fsm.Simulate(builtIn(t, table), script)
			if err != nil {
				t.Fatal(err)
			}
			if walk.Replied != tc.replied || !walk.Ended {
				t.Errorf("replied %q, ended %v", walk.Replied, walk.Ended)
			}
			golden(t, name+".walk", walk.Text())
		})
	}
}

// TestWalkAsJSON holds the members' names, which callers of the API see.
func TestWalkAsJSON(t *testing.T) {
	t.Parallel()
	walk, err := fsm.Simulate(compiled(t, "Start:\n *.+AUTHEN.ACK RAD2RAD Wait Xvalue=1 Xstring=authentication\nWait:\n *.RAD2RAD.ACK REPLY End\nEnd:\n"),
		fsm.Script{Request: "authen", Arrives: []fsm.Arrival{{Action: "rad2rad", Event: "nak"}, {Event: "DUP"}}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.MarshalIndent(walk, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "walk.json", string(b)+"\n")
}
