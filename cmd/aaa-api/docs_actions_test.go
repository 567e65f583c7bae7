package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/fsm"
)

// TestActionPages holds docs/fsm/actions to the code: each action has a page, whose block of facts
// is what its Spec says and whose example is a table without a fault that takes it, and no page
// is left over. The overview in docs/fsm.md leads to every page.
func TestActionPages(t *testing.T) {
	t.Parallel()
	specs := actionSpecs()
	overview, err := os.ReadFile("../../docs/fsm.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for i := range specs.Len() {
		spec := specs.Spec(i)
		name := strings.ToLower(spec.Name) + ".md"
		known[name] = true
		text, err := os.ReadFile(filepath.Join("../../docs/fsm/actions", name))
		if err != nil {
			t.Errorf("%s has no page: %v", spec.Name, err)
			continue
		}
		if title := "# " + spec.Name + "\n\n" + factsOf(spec); !strings.HasPrefix(string(text), title) {
			t.Errorf("%s does not begin with what the Spec of the action says:\n%s", name, title)
		}
		checkExample(t, name, string(text), spec, specs)
		if entry := fmt.Sprintf("| [%s](fsm/actions/%s) | ", spec.Name, name); !strings.Contains(string(overview), entry) {
			t.Errorf("docs/fsm.md lacks %s", entry)
		}
	}
	noneLeftOver(t, "../../docs/fsm/actions", known)
}

// TestGuideHasEvents: docs/fsm.md names every event that a table can have, but for the numbered ones.
func TestGuideHasEvents(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/fsm.md")
	if err != nil {
		t.Fatal(err)
	}
	for e := fsm.ACK; e <= fsm.RC(21); e++ {
		numbered := e > fsm.RC(1) && e < fsm.RC(21)
		if !numbered && !strings.Contains(string(guide), "`"+e.String()+"`") {
			t.Errorf("docs/fsm.md has no word on the event %s", e)
		}
	}
}

// factsOf is the block that a page begins with.
func factsOf(s *fsm.Spec) string {
	var b strings.Builder
	row := func(what, text string) { fmt.Fprintf(&b, "| %s | %s |\n", what, cmp.Or(text, "–")) }
	b.WriteString("| | |\n|---|---|\n")
	if s.Gone != "" {
		row("refused", s.Gone)
		return b.String()
	}
	row("does", s.Does)
	switch {
	case s.Silent:
		row("answers at once", "nothing: the machine waits for the next event")
	case s.Ends:
		row("answers at once", "nothing: the request is at its end")
	case len(s.Answers) == 0:
		row("answers at once", "`WAIT`")
	case len(s.Later) > 0 && !slices.Contains(s.Answers, fsm.ACK):
		row("answers at once", "`WAIT`, "+eventList(s.Answers))
	default:
		row("answers at once", eventList(s.Answers))
	}
	row("arrives later", eventList(s.Later))
	row("Xvalue", s.Xvalue)
	xstring := s.Xstring
	if s.NeedsXstring {
		xstring = "needed: " + xstring
	}
	row("Xstring", xstring)
	decides := "no"
	if s.Decides {
		decides = "yes"
	}
	row("decides", decides)
	return b.String()
}

func eventList(events []fsm.Event) string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = "`" + e.String() + "`"
	}
	return strings.Join(names, ", ")
}

// checkExample reads the one table of a page.
func checkExample(t *testing.T, name, page string, spec *fsm.Spec, specs *fsm.Actions) {
	t.Helper()
	blocks := readBlocks(t, page)
	if len(blocks) != 1 || blocks[0].kind != "fsm" {
		t.Errorf("%s: an action's page has one block, a table", name)
		return
	}
	example := blocks[0].text
	_, faults, warnings := fsm.Check([]byte(example), specs)
	if spec.Gone != "" {
		if len(faults) == 0 || faults[0].Rule != "gone" || !strings.Contains(faults[0].Message, spec.Gone) {
			t.Errorf("%s: the example is not refused as one of the past: %v", name, faults)
		}
		return
	}
	if len(faults) > 0 || len(warnings) > 0 {
		t.Errorf("%s: faults of the example: %v %v", name, faults, warnings)
	}
	src, _ := fsm.ParseText([]byte(example))
	taken := slices.ContainsFunc(src.States, func(s fsm.Origin) bool {
		return slices.ContainsFunc(s.Lines, func(h fsm.Handler) bool { return h.Do == spec.Name })
	})
	if !taken {
		t.Errorf("%s: the example has no line that takes %s", name, spec.Name)
	}
}

// TestTablePages: each shipped table has a page that shows it to the letter, with its drawing
// (that both are what the service gives is for TestDocs), and no page is left over.
func TestTablePages(t *testing.T) {
	t.Parallel()
	specs := actionSpecs()
	known := map[string]bool{"actions": true}
	for _, b := range fsm.BuiltIns() {
		known[b.Name+".md"] = true
		page, err := os.ReadFile(filepath.Join("../../docs/fsm", b.Name+".md"))
		if err != nil {
			t.Errorf("%s has no page: %v", b.Name, err)
			continue
		}
		table, faults, _ := fsm.Check([]byte(b.Text), specs)
		if table == nil {
			t.Fatalf("%s: %v", b.Name, faults)
		}
		for kind, want := range map[string]string{"fsm": b.Text, "mermaid": table.Mermaid()} {
			shown := slices.ContainsFunc(readBlocks(t, string(page)), func(b block) bool { return b.kind == kind && b.text == want })
			if !shown {
				t.Errorf("%s.md lacks this %s block:\n%s", b.Name, kind, want)
			}
		}
	}
	noneLeftOver(t, "../../docs/fsm", known)
}

func noneLeftOver(t *testing.T, folder string, known map[string]bool) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !known[e.Name()] {
			t.Errorf("%s/%s is about nothing that there is", folder, e.Name())
		}
	}
}
