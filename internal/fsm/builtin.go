package fsm

import (
	"embed"
	"strings"
	"sync"
)

//go:embed tables/*.fsm
var tables embed.FS

// BuiltInTable is a table that comes with the program.
type BuiltInTable struct {
	Name  string // of its file, without .fsm
	Title string // its first line of comment
	Text  string
}

// builtIns reads the embedded tables once, sorted by name.
var builtIns = sync.OnceValue(func() []BuiltInTable {
	entries, err := tables.ReadDir("tables")
	if err != nil {
		panic(err) // a fault of the build
	}
	list := make([]BuiltInTable, 0, len(entries))
	for _, e := range entries {
		text, err := tables.ReadFile("tables/" + e.Name())
		if err != nil {
			panic(err)
		}
		list = append(list, BuiltInTable{Name: strings.TrimSuffix(e.Name(), ".fsm"), Title: title(string(text)), Text: string(text)})
	}
	return list
})

// BuiltIns returns the tables that come with the program, sorted by name.
func BuiltIns() []BuiltInTable { return append([]BuiltInTable(nil), builtIns()...) }

// BuiltIn returns the text of a table that comes with the program.
func BuiltIn(name string) (text string, ok bool) {
	for _, b := range builtIns() {
		if b.Name == name {
			return b.Text, true
		}
	}
	return "", false
}

// title is the first line of comment of a text, without its # and spaces.
func title(text string) string {
	for line := range strings.Lines(text) {
		if t, ok := strings.CutPrefix(line, "#"); ok {
			return strings.TrimSpace(t)
		}
	}
	return ""
}
