package crossing

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"aaa-api/internal/dict"
)

// table is Lines as docs/devices.md has it.
func table() string {
	var b strings.Builder
	b.WriteString("| RADIUS | TACACS+ | in | how |\n|---|---|---|---|\n")
	for i := range Lines {
		l := &Lines[i]
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", l.RADIUS, l.TACACS, l.Where(), l.How)
	}
	return b.String()
}

// The table in the docs is the one that requests go by.
func TestDocsHaveTheTable(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "\n"+table()) {
		t.Errorf("docs/devices.md lacks this table:\n%s", table())
	}
}

// The attributes are those of the dictionaries, by name, number, type and encryption.
func TestDefinitions(t *testing.T) {
	t.Parallel()
	system, err := dict.LoadSystem("")
	if err != nil {
		t.Fatal(err)
	}
	tacacsPlus, _ := system.Get("dictionary_tacacs")
	d := system.Default().Join(dict.NewSet(tacacsPlus))
	for i := range Lines {
		for name := range strings.SplitSeq(Lines[i].RADIUS, ", ") {
			if d.ByName(name) == nil {
				t.Errorf("no attribute %s", name)
			}
		}
		a := Lines[i].attr
		if a == nil {
			continue
		}
		known := d.ByName(a.Name)
		if known.Number != a.Number || known.Type != a.Type || known.Enc != a.Enc || known.HasTag != a.HasTag {
			t.Errorf("%s: %+v, the dictionary has %+v", a.Name, a, known)
		}
	}
	for name, a := range fields {
		known := d.ByName(name)
		if known == nil || known.Number != a.Number || known.Type != a.Type || !known.OfTACACS() {
			t.Errorf("%s: %+v, the dictionary has %+v", name, a, known)
		}
	}
}
