package dict

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"aaa-api/internal/aaa"
)

// operatorFile is one file of the operator's directory.
type operatorFile struct {
	file, name string
	bytes      []byte
}

// loadDir loads the operator's directory. Files may refer to the shipped dictionaries and
// to each other in any order: a file is tried again as long as others get done.
func (c *Catalog) loadDir(dir string, shipped func() *Set) error {
	files, err := listDir(dir)
	if err != nil || len(files) == 0 {
		return err
	}
	visible := shipped()
	for len(files) > 0 {
		var again []operatorFile
		var firstErr error
		for _, f := range files {
			doc, compiled, err := f.load(visible)
			if err != nil {
				again = append(again, f)
				if firstErr == nil {
					firstErr = sourceError(filepath.Join(dir, f.file), err)
				}
				continue
			}
			if len(doc.Value) == 0 {
				continue // a file that only includes others
			}
			before := visible
			c.sources[f.name] = &source{
				document: func() (*Document, error) { doc, _, err := f.load(before); return doc, err },
				compile:  sync.OnceValues(func() (*Compiled, error) { return compiled, nil }),
			}
			c.extra = append(c.extra, f.name)
			for _, w := range doc.Warnings {
				c.warnings = append(c.warnings, filepath.Join(dir, f.file)+": "+w.Path+": "+w.Message)
			}
			visible = visible.Join(NewSet(compiled))
		}
		if len(again) == len(files) {
			return firstErr
		}
		files = again
	}
	return nil
}

// listDir reads a directory's dictionaries. What is no dictionary is an error, not passed over:
// a misnamed file would else never be missed until requests fail.
func listDir(dir string) ([]operatorFile, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("dictionary directory: %w", err)
	}
	var files []operatorFile
	seen := make(map[string]string)
	for _, e := range list {
		base := e.Name()
		if strings.HasPrefix(base, ".") || strings.HasSuffix(base, "~") {
			continue
		}
		name, isJSON := strings.CutSuffix(base, ".json")
		if !isJSON {
			if base != standardName && !strings.HasPrefix(base, standardName+".") {
				return nil, aaa.Errorf(aaa.KindBadInput, "%s: a dictionary file is called NAME.json, dictionary or dictionary.NAME", filepath.Join(dir, base))
			}
			name = strings.ReplaceAll(base, ".", "_")
		}
		if other, ok := seen[name]; ok {
			return nil, aaa.Errorf(aaa.KindBadInput, "%s: %s has the same name", filepath.Join(dir, base), other)
		}
		seen[name] = base
		b, err := readBounded(filepath.Join(dir, base))
		if err != nil {
			return nil, err
		}
		files = append(files, operatorFile{base, name, b})
	}
	// Those that a main file includes are searched in its order, as FreeRADIUS does.
	if i := slices.IndexFunc(files, func(f operatorFile) bool { return f.file == standardName }); i >= 0 {
		rank := includes(files[i].bytes)
		slices.SortStableFunc(files, func(a, b operatorFile) int { return rankOf(rank, a.file) - rankOf(rank, b.file) })
	}
	return files, nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("dictionary directory: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("dictionary directory: %w", err)
	}
	if len(b) > MaxBytes {
		return nil, aaa.Errorf(aaa.KindBadInput, "%s: a dictionary has at most 8 MiB", path)
	}
	return b, nil
}

func includes(text []byte) map[string]int {
	rank := make(map[string]int)
	for line := range strings.SplitSeq(string(trimMark(text)), "\n") {
		words := strings.Fields(line)
		if len(words) >= 2 && strings.HasPrefix(strings.ToUpper(words[0]), "$INCLUDE") {
			if _, ok := rank[words[1]]; !ok {
				rank[words[1]] = len(rank)
			}
		}
	}
	return rank
}

func rankOf(rank map[string]int, file string) int {
	if n, ok := rank[file]; ok {
		return n
	}
	return len(rank)
}

var errInclude = errors.New("$INCLUDE names a file of the same directory")

func (f operatorFile) load(visible *Set) (*Document, *Compiled, error) {
	var doc *Document
	var err error
	if strings.HasSuffix(f.file, ".json") {
		doc, err = ParseDocument(f.bytes)
		if err == nil && doc.Name != "" && doc.Name != f.name {
			err = aaa.Errorf(aaa.KindBadInput, "%s: the name in it is %s", f.file, clip(doc.Name))
		}
	} else {
		doc, err = parseFile(f.bytes, visible, func(file string) error {
			if file != filepath.Base(file) || !strings.HasPrefix(file, standardName+".") {
				return errInclude
			}
			return nil
		})
	}
	if err != nil {
		return nil, nil, err
	}
	doc.Name = f.name
	compiled, err := Compile(f.name, doc.Value, visible)
	return doc, compiled, err
}
