// Command gen writes the dictionaries that the service ships, as JSON, from a folder
// of FreeRADIUS dictionary files:
//
//	go run ./internal/dict/gen /usr/share/freeradius internal/dict/system
//
// It takes over facts (names, numbers, types) and no comments. Dictionaries that later versions of FreeRADIUS brought, and
// that the folder may lack, stay as they are. It is not used at run time. Afterwards the merged list is written anew:
//
//	go test ./internal/dict -run TestMergedIsWhatIsShipped -update
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gen FREERADIUS-FOLDER OUTPUT-FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		var invalid *aaa.Error
		if errors.As(err, &invalid) {
			for _, f := range invalid.Fields {
				fmt.Fprintln(os.Stderr, f.Path+": "+f.Message)
			}
		}
		os.Exit(1)
	}
}

// file is one dictionary file. Those not included by the main file contradict others.
type file struct {
	name     string // dictionary_3gpp
	text     []byte
	included bool
	entries  []dict.Entry
	compiled *dict.Compiled
}

const standardName = "dictionary"

// ownName is the shipped dictionary that FreeRADIUS has not: it is written by hand.
const ownName = "dictionary_tacacs"

// later are the dictionaries that came after FreeRADIUS 3.2.1, of versions up to 3.2.10.
var later = []string{
	"dictionary_alphion", "dictionary_calix", "dictionary_ckey", "dictionary_eleven", "dictionary_huawei_v2",
	"dictionary_openwifi", "dictionary_rtbrick", "dictionary_smartsharesystems", "dictionary_tplink",
}

func run(from, to string) error {
	files, err := load(from)
	if err != nil {
		return err
	}
	if err := compile(files); err != nil {
		return err
	}
	docs, order := documents(files)
	kept := []string{ownName}
	for _, name := range later {
		if slices.ContainsFunc(docs, func(d *dict.Document) bool { return d.Name == name }) {
			continue
		}
		kept = append(kept, name)
		if name != "dictionary_huawei_v2" { // it contradicts dictionary_huawei
			order = append(order, name)
		}
	}
	old, err := filepath.Glob(filepath.Join(to, "*.json"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if slices.Contains(kept, strings.TrimSuffix(filepath.Base(path), ".json")) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	for _, doc := range docs {
		b, err := dict.FormatDocument(doc)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, doc.Name+".json"), b, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(to, "default.txt"), []byte(strings.Join(order, "\n")+"\n"), 0o644)
}

// load reads the files in the order in which they have to be searched: the RFCs'
// first, then the others as the main file includes them, then the rest by name.
func load(dir string) ([]*file, error) {
	mainText, err := os.ReadFile(filepath.Join(dir, "dictionary"))
	if err != nil {
		return nil, err
	}
	var included []string
	for line := range strings.Lines(string(mainText)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "$INCLUDE" {
			included = append(included, words[1])
		}
	}
	paths, err := filepath.Glob(filepath.Join(dir, "dictionary.*"))
	if err != nil {
		return nil, err
	}
	// The main file leaves out an RFC; its attributes are standard all the same.
	for _, path := range paths {
		if base := filepath.Base(path); rank(base) == 0 && !slices.Contains(included, base) {
			included = append(included, base)
		}
	}
	slices.SortStableFunc(included, func(a, b string) int { return rank(a) - rank(b) })
	order := slices.Clone(included)
	for _, path := range paths {
		if base := filepath.Base(path); !slices.Contains(order, base) {
			order = append(order, base)
		}
	}
	var files []*file
	for _, base := range order {
		text, err := os.ReadFile(filepath.Join(dir, base))
		if err != nil {
			return nil, err
		}
		files = append(files, &file{
			name: strings.ReplaceAll(base, ".", "_"), text: text, included: slices.Contains(included, base),
		})
	}
	return files, nil
}

// rank puts the attributes of the RFCs before the older names for them, and both
// before the vendors.
func rank(base string) int {
	switch {
	case strings.HasPrefix(base, "dictionary.rfc"):
		return 0
	case base == "dictionary.iana":
		return 1
	case base == "dictionary.compat":
		return 2
	}
	return 3
}

// compile reads the files; one that refers to a later one is tried again after it.
func compile(files []*file) error {
	var done []*dict.Compiled
	for left := len(files); left > 0; {
		before := left
		var firstErr error
		for _, f := range files {
			if f.compiled != nil {
				continue
			}
			visible := dict.NewSet(done...)
			entries, err := dict.ParseText(f.name, f.text, visible)
			if err == nil {
				f.compiled, err = dict.Compile(f.name, entries, visible)
			}
			if err != nil {
				if firstErr == nil {
					firstErr = fmt.Errorf("%s: %w", f.name, err)
				}
				continue
			}
			f.entries = entries
			done = append(done, f.compiled)
			left--
		}
		if left == before {
			return firstErr
		}
	}
	return nil
}

// documents makes one dictionary of each file, and `dictionary` of the standard
// space. order lists those of them that go together without contradiction.
func documents(files []*file) (docs []*dict.Document, order []string) {
	var standard [][]dict.Entry
	inStandard := make(map[string]bool)
	order = append(order, standardName)
	for _, f := range files {
		docs = append(docs, &dict.Document{Name: f.name, Uses: uses(f, files), Value: f.entries})
		switch {
		case rank(strings.Replace(f.name, "_", ".", 1)) < 3 && f.included:
			standard = append(standard, f.entries)
			inStandard[f.name] = true
		case f.included && !strings.HasSuffix(f.name, "_illegal"):
			order = append(order, f.name)
		}
	}
	docs = append(docs, &dict.Document{Name: standardName, Value: dict.Merge(standard...)})
	for _, doc := range docs {
		for i, name := range doc.Uses {
			if inStandard[name] {
				doc.Uses[i] = standardName
			}
		}
		slices.Sort(doc.Uses)
		doc.Uses = slices.Compact(doc.Uses)
	}
	return docs, order
}

// uses finds the dictionaries that a file's foreign parents and vendors are in.
func uses(f *file, files []*file) []string {
	own := dict.NewSet(f.compiled)
	vendors := make(map[uint32]bool)
	for _, e := range f.entries {
		if e.Vendor != nil {
			vendors[e.Vendor.Number] = true
		}
	}
	var names []string
	for _, e := range f.entries {
		var parent string
		var vid uint32
		switch {
		case e.Attr != nil:
			parent, vid = e.Attr.Parent, e.Attr.VID
		case e.Val != nil:
			parent = e.Val.Parent
		}
		if parent != "" && own.ByName(parent) == nil {
			names = append(names, definer(files, func(c *dict.Compiled) bool { return dict.NewSet(c).ByName(parent) != nil }))
		}
		if vid != 0 && !vendors[vid] {
			names = append(names, definer(files, func(c *dict.Compiled) bool {
				v := dict.NewSet(c).Vendor(vid)
				if v == nil {
					return false
				}
				_, named := dict.NewSet(c).VendorNumber(v.Name)
				return named
			}))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func definer(files []*file, holds func(*dict.Compiled) bool) string {
	for _, f := range files {
		if holds(f.compiled) {
			return f.name
		}
	}
	panic("a file compiled with a parent or vendor that no file defines")
}
