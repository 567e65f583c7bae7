package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestCoreNamesNoProtocol: a protocol is a new folder, so that nothing between the API and the engines asks for one by
// name. What the core has to know of a protocol is in engines.Traits.
func TestCoreNamesNoProtocol(t *testing.T) {
	t.Parallel()
	// The folders that are a protocol, and the one whose subject is the language of tables, in which RADIUS and TACACS
	// are names of actions.
	own := []string{"engines/radius", "engines/tacacs", "engines/enginetest", "radius", "tacacs", "actions", "ingress", "listeners"}
	// What devices speak to the service has its names in these: documents, settings, operations.
	devices := []string{"aaa/client.go", "config/config.go", "operations/devices.go"}
	names := []string{"radius", "tacacs", "diameter"}
	files := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains(own, filepath.ToSlash(path)) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if slices.Contains(devices, filepath.ToSlash(path)) {
			return nil
		}
		if f.Name.Name == "main" { // a program of its own, which wires
			return nil
		}
		files++
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false // TestImportRules has a rule
			case *ast.BasicLit:
				text, _ := strconv.Unquote(n.Value)
				words := strings.FieldsFunc(text, func(r rune) bool { return r == '_' || r == ' ' || r == '.' || r == ',' })
				if n.Kind == token.STRING && slices.ContainsFunc(names, func(name string) bool { return slices.Contains(words, name) }) {
					t.Errorf("%v: %s names a protocol: see engines.Traits", fset.Position(n.Pos()), n.Value)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || files < 100 {
		t.Errorf("%d files, %v", files, err)
	}
}
