package dict

import (
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"aaa-api/internal/aaa"
)

//go:embed system
var shipped embed.FS

// standardName is the dictionary of the standard space: the RFCs' attributes together.
const standardName = "dictionary"

// Catalog holds the system dictionaries: those that the service ships and those of
// the operator's directory, which come in place of a shipped one of the same name. A
// shipped dictionary is compiled when it is first asked for. Safe for concurrent use.
type Catalog struct {
	sources map[string]*source
	names   []string // sorted
	order   []string // the shipped dictionaries of Default
	extra   []string // the operator's dictionaries in the order they were loaded
	all     func() *Set

	warnings []string
}

// source is one system dictionary.
type source struct {
	document func() (*Document, error)
	compile  func() (*Compiled, error) // once
}

// LoadSystem opens the system dictionaries. dir is the operator's directory, "" for
// none: files NAME.json hold a document as the API takes it; files dictionary and
// dictionary.NAME hold FreeRADIUS text and give a dictionary dictionary_NAME, dots
// written as underscores. A faulty file is an error that names file and line.
func LoadSystem(dir string) (*Catalog, error) {
	system, err := shippedCatalog()
	if err != nil || dir == "" {
		return system, err
	}
	c := &Catalog{sources: maps.Clone(system.sources), order: system.order}
	if err := c.loadDir(dir, system.Default); err != nil {
		return nil, err
	}
	c.finish()
	return c, nil
}

// shippedCatalog is the catalog without an operator's directory, shared by the process: it never changes.
var shippedCatalog = sync.OnceValues(loadShipped)

func loadShipped() (*Catalog, error) {
	c := &Catalog{sources: make(map[string]*source)}
	files, err := shipped.ReadDir("system")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), ".json"); ok {
			c.sources[name] = c.shippedSource(name)
		}
	}
	order, err := shipped.ReadFile("system/default.txt")
	if err != nil {
		return nil, err
	}
	c.order = strings.Fields(string(order))
	c.finish()
	return c, nil
}

func (c *Catalog) finish() {
	c.names = slices.Sorted(maps.Keys(c.sources))
	c.all = sync.OnceValue(c.buildDefault)
}

func (c *Catalog) shippedSource(name string) *source {
	s := &source{document: func() (*Document, error) {
		b, err := shipped.ReadFile("system/" + name + ".json")
		if err != nil {
			return nil, err
		}
		return ParseDocument(b)
	}}
	s.compile = sync.OnceValues(func() (*Compiled, error) {
		doc, err := s.document()
		if err != nil {
			return nil, err
		}
		var visible []*Compiled
		for _, used := range doc.Uses {
			other, ok := c.Get(used)
			if !ok {
				return nil, fmt.Errorf("no dictionary %s", used)
			}
			visible = append(visible, other)
		}
		return Compile(name, doc.Value, NewSet(visible...))
	})
	return s
}

// Warnings tell what of the operator's dictionaries is taken and may be meant otherwise, by file and line.
func (c *Catalog) Warnings() []string { return slices.Clone(c.warnings) }

// Names lists the system dictionaries, sorted.
func (c *Catalog) Names() []string { return slices.Clone(c.names) }

// Get finds a system dictionary by its name.
func (c *Catalog) Get(name string) (*Compiled, bool) {
	s, ok := c.sources[name]
	if !ok {
		return nil, false
	}
	compiled, err := s.compile()
	if err != nil {
		// The operator's were compiled at the start, so the service ships a fault,
		// which a test of this package would have found.
		panic(fmt.Errorf("system dictionary %s: %w", name, err))
	}
	return compiled, true
}

// Entries gives the entries of a system dictionary, read anew: the caller may keep them.
func (c *Catalog) Entries(name string) ([]Entry, bool) {
	s, ok := c.sources[name]
	if !ok {
		return nil, false
	}
	doc, err := s.document()
	if err != nil {
		panic(fmt.Errorf("system dictionary %s: %w", name, err))
	}
	return doc.Value, true
}

// Default is the Set of everything that names and uploads may refer to: the standard
// space, the vendors that don't contradict each other, FreeRADIUS's internal
// attributes, and the operator's dictionaries. The first call takes some 10 ms, and 100 where the operator has replaced a shipped one.
func (c *Catalog) Default() *Set { return c.all() }

// Behind is Default behind a system dictionary that it lacks, such as that of a protocol's own attributes. Of a name that
// there is not it is Default alone.
func (c *Catalog) Behind(name string) *Set {
	own, ok := c.Get(name)
	if !ok {
		return c.Default()
	}
	return NewSet(own).Join(c.Default())
}

// buildDefault compiles the shipped dictionaries other than the standard one together, into a
// single table: a Set of 200 would be slow to search.
func (c *Catalog) buildDefault() *Set {
	standard, _ := c.Get(standardName)
	entries, err := c.together()
	if err != nil {
		panic(fmt.Errorf("system dictionaries: %w", err))
	}
	rest, err := Compile("system", entries, NewSet(standard))
	if err != nil {
		panic(fmt.Errorf("system dictionaries: %w", err))
	}
	list := []*Compiled{standard, rest}
	for _, name := range c.extra {
		if name != standardName {
			own, _ := c.Get(name)
			list = append(list, own)
		}
	}
	return NewSet(list...)
}

// together is merge, from the list that is shipped unless the operator has replaced one of its dictionaries.
func (c *Catalog) together() ([]Entry, error) {
	for _, name := range c.extra {
		if name != standardName && slices.Contains(c.order, name) {
			return c.merge(), nil
		}
	}
	return parseMerged(mergedText)
}

// merge puts the entries of Default's shipped dictionaries together, but those of the standard one and of those that the operator replaced.
func (c *Catalog) merge() []Entry {
	var lists [][]Entry
	for _, name := range c.order {
		if name == standardName || slices.Contains(c.extra, name) {
			continue
		}
		entries, ok := c.Entries(name)
		if !ok {
			panic(fmt.Errorf("no system dictionary %s", name))
		}
		lists = append(lists, entries)
	}
	return Merge(lists...)
}

// sourceError says which file the first of an error's faults is in.
func sourceError(file string, err error) error {
	var e *aaa.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	f := e.Fields[0]
	return &aaa.Error{Kind: e.Kind, Fields: e.Fields, Message: file + ": " + f.Path + ": " + f.Message, Err: err}
}
