package spool

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedLogLines: each line that docs/accounting.md lists is written somewhere.
func TestDocumentedLogLines(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/accounting.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## The log\n")
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (?:INFO|WARN|ERROR) \\|").FindAllStringSubmatch(section, -1)
	if len(rows) < 10 {
		t.Fatalf("%d lines", len(rows))
	}
	var code strings.Builder
	for _, folder := range []string{"../spool", "../journal", "../admin", "../../cmd/aaa-api"} {
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			code.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range rows {
		if !strings.Contains(code.String(), `"`+row[1]+`"`) {
			t.Errorf("no code logs %q", row[1])
		}
	}
}
