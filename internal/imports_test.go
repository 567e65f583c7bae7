// Package internal_test holds the rule of which package may import which. It is what
// keeps a request on its straight line and every package small enough to guess.
package internal_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "aaa-api"

// rules says what each package of the project may import of the project, relative to
// internal/. A package that is missing here fails the test: a new package needs a decision.
var rules = map[string][]string{
	"aaa":        {},
	"bans":       {"aaa", "store"},
	"atomicfile": {},
	"backoff":    {},
	"charset":    {},
	"claims":     {"aaa", "backoff"},
	"clients":    {"aaa", "backoff", "document", "ingress", "secmod", "store"},
	"config":     {"egress"},
	"confine":    {},
	"egress":     {},
	"ingress":    {"aaa"},
	"intern":     {},
	"limits":     {"aaa"},
	"fsm":        {"aaa", "schema"},
	"schema":     {"aaa", "/schemas"},
	"dict":       {"aaa", "charset"},
	"store":      {"aaa"},
	"token":      {"aaa", "schema", "store"},
	"secmod":     {"aaa", "atomicfile", "confine", "store"},
	"document":   {"aaa", "egress", "schema", "store", "dict", "fsm", "translate", "secmod"},

	"store/postgres":  {"aaa", "backoff", "store", "store/sqlstore", "/migrations"},
	"store/sqlite":    {"aaa", "backoff", "store", "store/sqlstore", "/migrations"},
	"store/sqlstore":  {"aaa", "limits", "store", "/migrations"},
	"store/storetest": {"aaa", "store"},
	"store/pgtest":    {"aaa"},

	"logging":   {},
	"pool":      {"aaa"},
	"tenantlog": {},
	"usersfile": {},
	"peer":      {"aaa", "secmod"},

	"tacacs": {"aaa"},

	"translate":  {"aaa", "dict", "intern", "limits"},
	"authorizer": {"aaa"},
	"crossing":   {"aaa"},

	"radius":             {},
	"radius/avp":         {"aaa", "radius"},
	"radius/avp/avptest": {"aaa"},

	"ingress/radius": {"aaa", "clients", "ingress", "radius", "radius/avp"},

	"engines":            {"aaa", "backoff", "egress", "limits"},
	"engines/radius":     {"aaa", "backoff", "egress", "engines", "engines/dialtls", "engines/radius/streams", "limits", "radius", "radius/avp"},
	"engines/tacacs":     {"aaa", "engines", "engines/dialtls", "engines/tacacs/conns", "limits", "tacacs"},
	"engines/enginetest": {"aaa", "engines", "radius", "tacacs"},

	"engines/dialtls":        {"aaa", "egress", "limits"},
	"engines/radius/streams": {"aaa", "backoff", "egress", "engines", "engines/dialtls", "limits", "radius"},
	"engines/tacacs/conns":   {"aaa", "backoff", "egress", "engines", "engines/dialtls", "limits", "tacacs"},

	"plans":   {"aaa", "backoff", "bans", "store", "dict", "egress", "fsm", "usersfile", "intern", "limits", "translate", "document", "engines", "pool", "secmod"},
	"router":  {"aaa", "bans", "crossing", "egress", "fsm", "plans", "engines", "limits", "pool", "translate", "authorizer"},
	"actions": {"aaa", "egress", "fsm", "limits", "router", "plans", "usersfile"},
	"session": {"aaa", "backoff", "claims", "secmod", "store"},
	"tail":    {"aaa"},
	"journal": {"atomicfile"},
	"spool":   {"aaa", "backoff", "claims", "limits", "secmod", "store"},
	"gateway": {"aaa", "bans", "document", "egress", "limits", "logging", "router", "secmod", "session", "spool", "store", "plans", "tail", "usersfile"},

	"idempotency": {"aaa", "backoff", "secmod", "store"},

	"coa":         {"aaa", "backoff", "clients", "egress", "radius"},
	"line":        {"aaa"},
	"adminsocket": {"line"},
	"processes":   {"backoff"},
	"operations": {
		"aaa", "admin", "admission", "backoff", "dict", "document", "engines", "fsm", "gateway", "idempotency", "ingress", "limits", "line", "peer", "plans", "schema",
		"spool", "store", "tail", "tally", "token",
	},
	"tally": {},

	"crew": {},

	"ingress/tacacs":   {"aaa", "clients", "crew", "crossing", "ingress", "tacacs"},
	"listeners":        {"aaa", "backoff", "ingress", "line", "operations", "web"},
	"listeners/radius": {"aaa", "ingress", "radius"},
	"listeners/tacacs": {"crew", "ingress", "listeners", "tacacs"},
	"listeners/radsec": {"ingress", "listeners", "radius"},

	"admission": {"aaa", "limits"},
	"admin":     {"aaa", "admission", "backoff", "bans", "dict", "document", "egress", "fsm", "limits", "schema", "store", "token"},
	"web":       {"aaa", "admission", "charset", "limits", "logging", "schema", "store", "token"},                                                                                 // of the store its Page alone, of token its Principal and scopes
	"httpapi":   {"aaa", "admin", "admission", "document", "gateway", "limits", "line", "logging", "operations", "peer", "pool", "schema", "store", "tally", "token", "web", "/"}, // of admin, gateway, store and token plain data alone

	"/migrations": {},
	"/schemas":    {},
	"/":           {}, // the embedded openapi.yaml
}

// banned are names that say nothing of what is inside.
var banned = []string{"util", "utils", "common", "helper", "helpers", "model", "models", "type", "types", "misc", "shared"}

type pkg struct {
	ImportPath string
	Name       string
	Imports    []string
}

func TestImportRules(t *testing.T) {
	t.Parallel()
	packages := list(t)
	if len(packages) < 10 {
		t.Fatalf("go list found %d packages", len(packages))
	}
	for _, p := range packages {
		name := short(p.ImportPath)
		if slices.Contains(banned, path.Base(name)) || slices.Contains(banned, p.Name) {
			t.Errorf("%s: a package named %s says nothing of what is inside", p.ImportPath, p.Name)
		}
		if p.Name == "main" || strings.HasPrefix(name, "/bench/") {
			continue // these wire the others, and nothing imports them
		}
		allowed, ok := rules[name]
		if !ok {
			t.Errorf("%s: no rule says what it may import", p.ImportPath)
		}
		for _, imported := range p.Imports {
			if imported != module && !strings.HasPrefix(imported, module+"/") {
				continue
			}
			if !slices.Contains(allowed, short(imported)) {
				t.Errorf("%s may not import %s", p.ImportPath, imported)
			}
		}
	}
}

// short turns an import path into its name in rules: relative to internal/, or from the module's root with a slash.
func short(importPath string) string {
	rest := strings.TrimPrefix(importPath, module)
	if inner, ok := strings.CutPrefix(rest, "/internal/"); ok {
		return inner
	}
	if rest == "" {
		return "/"
	}
	return rest
}

// list returns the packages of the module that hold more than tests.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Imports,GoFiles", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("go list: %s", exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			pkg
			GoFiles []string
		}
		switch err := dec.Decode(&p); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		case len(p.GoFiles) > 0:
			all = append(all, p.pkg)
		}
	}
}

// TestArchitectureIsComplete holds ARCHITECTURE.md against the tree: every package has its row.
func TestArchitectureIsComplete(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		parent, last := path.Split(name)
		named := strings.Contains(string(text), "`"+name+"`") ||
			// A row may name siblings: `internal/store/postgres`, `/sqlite`.
			strings.Contains(string(text), "`"+parent) && strings.Contains(string(text), "`/"+last+"`")
		if !named && p.Name != "main" && name != module && !strings.HasPrefix(name, "bench/") {
			t.Errorf("ARCHITECTURE.md does not name %s", name)
		}
	}
}
