package dict

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const freeradiusDir = "/usr/share/freeradius"

// freeradiusFiles lists FreeRADIUS's own dictionary files.
func freeradiusFiles(t testing.TB) []string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(freeradiusDir, "dictionary*"))
	if len(files) < 200 {
		t.Fatalf("%s has %d dictionary files: install freeradius-common (apt-get install freeradius-common)", freeradiusDir, len(files))
	}
	slices.Sort(files)
	return files
}

// readFile parses one of FreeRADIUS's files; the main one only includes others.
func readFile(t *testing.T, file string, visible *Set) []Entry {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := parseText(text, visible, func(string) error {
		if filepath.Base(file) != "dictionary" {
			t.Errorf("%s has an $INCLUDE", file)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return p.entries
}

func TestEveryFreeRADIUSFile(t *testing.T) {
	t.Parallel()
	for _, file := range freeradiusFiles(t) {
		t.Run(strings.TrimPrefix(filepath.Base(file), "dictionary."), func(t *testing.T) {
			readFile(t, file, nil)
		})
	}
}
