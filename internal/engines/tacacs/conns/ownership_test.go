package conns

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"strings"
	"testing"
)

// writers are the types that write the fields of another: a list those of its nodes, a Manager its answer.
var writers = map[string]string{"turn": "traffic", "Stats": "Manager"}

// TestTypesWriteTheirOwnFields: one mutex guards Manager, conn, Session and their parts, so that only the methods of a
// type may write its fields. All else would be one type in several files.
func TestTypesWriteTheirOwnFields(t *testing.T) {
	t.Parallel()
	names, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, n := range names {
		if strings.HasSuffix(n.Name(), ".go") && !strings.HasSuffix(n.Name(), "_test.go") {
			f, err := parser.ParseFile(fset, n.Name(), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
	}
	info := &types.Info{Types: make(map[ast.Expr]types.TypeAndValue), Selections: make(map[*ast.SelectorExpr]*types.Selection)}
	// Imports are not resolved: the package's own types are all that is asked for.
	config := types.Config{Importer: nothing{}, Error: func(error) {}}
	pkg, _ := config.Check("conns", fset, files, info)
	writes := 0
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			receiver := ""
			if fn.Recv != nil {
				receiver = named(pkg, info.Types[fn.Recv.List[0].Type].Type)
			}
			for _, target := range targets(fn.Body) {
				owner := ""
				if s := info.Selections[target]; s != nil && s.Kind() == types.FieldVal {
					owner = named(pkg, info.Types[target.X].Type)
				}
				if owner == "" {
					continue
				}
				writes++
				if owner != receiver && writers[owner] != receiver {
					t.Errorf("%v: %s writes %s of %s", fset.Position(target.Pos()), fn.Name.Name, target.Sel.Name, owner)
				}
			}
		}
	}
	if writes < 50 {
		t.Errorf("the test saw %d writes", writes)
	}
}

// nothing imports no package.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, path[strings.LastIndexByte(path, '/')+1:])
	p.MarkComplete()
	return p, nil
}

// named returns the name of a type of the package, or of what a pointer points to; empty: it is of another package.
func named(pkg *types.Package, typ types.Type) string {
	if p, ok := typ.(*types.Pointer); ok {
		typ = p.Elem()
	}
	if n, ok := typ.(*types.Named); ok && n.Obj().Pkg() == pkg {
		return n.Obj().Name()
	}
	return ""
}

// targets returns the fields that a function writes: those that it assigns to, counts, or deletes from.
func targets(body *ast.BlockStmt) (list []*ast.SelectorExpr) {
	add := func(e ast.Expr) {
		for {
			switch x := e.(type) {
			case *ast.IndexExpr:
				e = x.X
				continue
			case *ast.ParenExpr:
				e = x.X
				continue
			case *ast.SelectorExpr:
				list = append(list, x)
			}
			return
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				add(e)
			}
		case *ast.IncDecStmt:
			add(n.X)
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") {
				add(n.Args[0])
			}
		}
		return true
	})
	return list
}
