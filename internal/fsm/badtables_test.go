package fsm_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"aaa-api/internal/fsm"
)

// badTable is one of testdata/bad.txt: "== what it shows", the table's text, "--", then the errors
// and warnings that it has, each with line, rule and message.
type badTable struct {
	title, written, faults string
	text                   string // written, with the octets that its escapes stand for
}

const badFile = "testdata/bad.txt"

func badTables(t testing.TB) []badTable {
	t.Helper()
	data, err := os.ReadFile(badFile)
	if err != nil {
		t.Fatal(err)
	}
	var list []badTable
	for _, part := range strings.Split("\n"+string(data), "\n== ")[1:] {
		title, rest, _ := strings.Cut(part, "\n")
		text, faults, ok := strings.Cut(rest, "\n--\n")
		if !ok {
			t.Fatalf("%s: no -- in %q", badFile, title)
		}
		// Octets that no text file should hold stand as escapes.
		octets := strings.NewReplacer(`\x00`, "\x00", `\x1b`, "\x1b", `\xff`, "\xff", `\r`, "\r", `\u0085`, "\u0085").Replace(text)
		list = append(list, badTable{title, text, strings.TrimSpace(faults), octets + "\n"})
	}
	return list
}

func TestBadTables(t *testing.T) {
	t.Parallel()
	var again strings.Builder
	for _, c := range badTables(t) {
		table, errors, warnings := fsm.Check([]byte(c.text), specs())
		if (table == nil) != (len(errors) > 0) {
			t.Errorf("%s: a table: %v, errors: %v", c.title, table != nil, errors)
		}
		var b strings.Builder
		for _, f := range errors {
			fmt.Fprintf(&b, "error %d %s: %s\n", f.Line, f.Rule, f.Message)
		}
		for _, f := range warnings {
			fmt.Fprintf(&b, "warning %d %s: %s\n", f.Line, f.Rule, f.Message)
		}
		if got := strings.TrimSpace(b.String()); got != c.faults && !*update {
			t.Errorf("%s:\n%s\ninstead of\n%s", c.title, got, c.faults)
		}
		fmt.Fprintf(&again, "== %s\n%s\n--\n%s\n", c.title, c.written, b.String())
	}
	if *update {
		if err := os.WriteFile(badFile, []byte(strings.TrimSuffix(again.String(), "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
