package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/store/pgtest"
)

// block is a fenced block of a page: a shell script, or what the script before it answers.
type block struct {
	line  int    // of its fence, from 1
	kind  string // sh, json, text, or what is shown to the letter: fsm (a table), mermaid (its drawing); conf: a device's file
	notes string // of the comment before the fence: background, alone, fails; drawing: of no script's; of a conf its name
	text  string
}

// TestDocs runs every shell block of the README and of docs/ as it stands, against real
// nodes, one page in one shell, and holds the answers against the blocks that show
// them. Only addresses, folders and the database's URL are put in place of the printed ones.
func TestDocs(t *testing.T) {
	t.Parallel()
	pagesOf := func(folder string) []string {
		list, err := filepath.Glob("../../" + folder + "/*.md")
		if err != nil || len(list) == 0 {
			t.Fatalf("no pages in %s: %v", folder, err)
		}
		return list
	}
	run := func(t *testing.T, page string, shared *demoNode) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("/metrics")) {
			shared = nil // it shows what its node has counted
		}
		runPage(t, slices.DeleteFunc(readBlocks(t, string(text)), func(b block) bool {
			if b.kind == "conf" && !slices.Contains(shownFiles, b.notes) {
				t.Errorf("line %d: no test runs the file %q", b.line, b.notes)
			}
			return b.kind == "conf"
		}), shared)
	}
	for _, page := range append(pagesOf("docs"), "../../README.md") {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			run(t, page, nil)
		})
	}
	t.Run("fsm", func(t *testing.T) { // each of these pages ends with the demo as it was
		t.Parallel()
		shared := startDemoNode(t)
		for _, page := range pagesOf("docs/fsm") {
			t.Run(filepath.Base(page), func(t *testing.T) { run(t, page, shared) })
		}
		shared.stop()
	})
}

// demoNode is a node with the demo, as make run starts it.
type demoNode struct {
	*process
	dir, port, tacacs, radius string
}

func startDemoNode(t *testing.T) *demoNode {
	t.Helper()
	n := &demoNode{dir: migratedDir(t), port: freePort(t), tacacs: freePort(t), radius: fmt.Sprint(enginetest.UDPPort(t).Port())}
	n.process = start(t, n.dir, nil, "--demo", "--listen=127.0.0.1:"+n.port, "--tacacs=127.0.0.1:"+n.tacacs, "--radius-auth=127.0.0.1:"+n.radius, "--server-networks=")
	return n
}

// readBlocks finds the fenced blocks of a page. A fence without a language holds nothing to run.
func readBlocks(t *testing.T, page string) []block {
	t.Helper()
	var list []block
	var notes string
	open := false
	for i, line := range strings.Split(page, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && open:
			open = false
		case isFence:
			open = true
			if !slices.Contains([]string{"sh", "json", "text", "fsm", "mermaid", "conf"}, fence) {
				t.Fatalf("line %d: a block in %q: sh, json, text, fsm, mermaid and conf are known", i+1, fence)
			}
			list = append(list, block{line: i + 1, kind: fence, notes: notes})
		case open:
			list[len(list)-1].text += line + "\n"
		}
		notes = ""
		if n, ok := strings.CutPrefix(line, "<!-- "); ok && !open {
			notes = strings.TrimSuffix(n, " -->")
		}
	}
	if open {
		t.Fatal("a block is never closed")
	}
	return list
}

// printedDatabase is the database that the pages name.
const printedDatabase = "postgres://aaa@db.example/aaa?sslmode=verify-full&passfile=/etc/aaa-api/pgpass"

// runPage runs a page's scripts in one shell and checks what they say. They find the demo's node, of the page alone unless one is shared,
// or start one.
func runPage(t *testing.T, blocks []block, shared *demoNode) {
	t.Helper()
	scripts := 0
	for _, b := range blocks {
		if b.kind == "sh" {
			scripts++
		}
	}
	if scripts == 0 {
		t.Fatal("no shell block")
	}
	dir := t.TempDir()
	ports := []string{freePort(t), freePort(t), freePort(t), freePort(t)}
	if shared != nil {
		ports[0], ports[2], ports[3] = shared.port, shared.tacacs, shared.radius
		if err := os.Symlink(filepath.Join(shared.dir, "data"), filepath.Join(dir, "data")); err != nil {
			t.Fatal(err)
		}
	} else if !strings.Contains(blocks[0].text+blocks[0].notes, "background") && !slices.ContainsFunc(blocks, func(b block) bool { return b.notes == "background" }) {
		n := startDemoNode(t)
		defer n.stop()
		dir, ports[0], ports[2], ports[3] = n.dir, n.port, n.tacacs, n.radius
	}
	var database string
	if slices.ContainsFunc(blocks, func(b block) bool { return strings.Contains(b.text, printedDatabase) }) {
		database = pgtest.Open(t)
	}
	var script strings.Builder
	script.WriteString(shellPrelude)
	for i, b := range blocks {
		if b.kind == "sh" {
			script.WriteString(wrap(b, i))
		}
	}
	replace := strings.NewReplacer(
		"127.0.0.1:8000", "127.0.0.1:"+ports[0], "127.0.0.1:8001", "127.0.0.1:"+ports[1],
		"127.0.0.1:10049", "127.0.0.1:"+ports[2], "127.0.0.1:11812", "127.0.0.1:"+ports[3],
		"127.0.0.1:8443", "127.0.0.1:"+freePort(t), "127.0.0.1:9000", "127.0.0.1:"+freePort(t),
		"/var/lib/aaa-api", dir+"/var/lib/aaa-api", "/etc/aaa-api/secret.key", dir+"/etc/aaa-api/secret.key",
		printedDatabase, database,
	)
	env := append(pageEnv(t, dir, ports[0]), tacacsEnv(t, blocks, dir)...)
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", replace.Replace(script.String()))
	cmd.Dir = dir
	cmd.Env = env
	cmd.WaitDelay = patience
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	for i, b := range blocks {
		if b.kind == "sh" || b.notes == "drawing" {
			continue
		}
		out, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("out.%d", lastScript(blocks, i))))
		if err != nil {
			t.Errorf("line %d: its script did not run: %v", b.line, err)
			continue
		}
		if err := b.check(string(out)); err != nil {
			t.Errorf("line %d: %v", b.line, err)
		}
	}
	if t.Failed() {
		logs, _ := filepath.Glob(filepath.Join(dir, "out.*"))
		for _, name := range logs {
			out, _ := os.ReadFile(name)
			t.Logf("%s (block at line %d):\n%.3000s", filepath.Base(name), blocks[number(name)].line, out)
		}
	}
}

// shellPrelude ends with the shell whatever a page has started. A background block
// is a job of its own (set -m), so that all of its processes get the signal.
const shellPrelude = `set -e -u -m
jobs_running=
stop_all() {
	for pid in $jobs_running; do kill -- -$pid; done
	for pid in $jobs_running; do wait $pid || true; done
	jobs_running=
}
trap stop_all EXIT
serving() {
	for i in $(seq 600); do
		if grep -q '"msg":"serving"' $1; then return 0; fi
		if ! kill -0 $2 2>/dev/null; then break; fi
		sleep 0.1
	done
	echo "it does not serve: $1"; cat $1; return 1
}
`

// wrap makes a block a part of the page's shell, with its output in a file of its own.
func wrap(b block, i int) string {
	out := fmt.Sprintf("out.%d", i)
	body := "{\n" + b.text + "} >" + out + " </dev/null"
	switch {
	case strings.HasPrefix(b.notes, "background"):
		stop := ""
		if strings.HasSuffix(b.notes, "alone") {
			stop = "stop_all\n"
		}
		return stop + body + " 2>&1 &\njobs_running=\"$jobs_running $!\"\nserving " + out + " $!\n"
	case b.notes == "fails":
		return fmt.Sprintf("set +e\n%s\ncode=$?\nset -e\nif [ $code -eq 0 ]; then echo 'line %d: it should fail'; exit 1; fi\n", body, b.line)
	default:
		return fmt.Sprintf("echo 'in the block at line %d'\n%s\n", b.line, body)
	}
}

// pageEnv is the environment of a page's shell: aaa-api is this test binary, make works in the
// project's folder, and curl fails where the API answers with an error.
func pageEnv(t *testing.T, dir, port string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "bin")
	for _, d := range []string{bin, filepath.Join(dir, "etc", "aaa-api"), filepath.Join(dir, "var", "lib")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"aaa-api": "exec env " + runAsCommand + "=1 " + shellQuote(self) + ` "$@"`,
		// make test is what runs this: here it only has to be there. DEBUG=, QUICK= and CGO=1 let the build take what the tests compiled.
		"make": `[ "$1" != test ] || set -- -n "$@"` + "\nexec " + tool(t, "make") + " -s -C " + shellQuote(root) + ` DEBUG= QUICK= CGO=1 "$@"`,
		"curl": "exec " + tool(t, "curl") + ` -sS --fail-with-body "$@"`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"AAA_API_LISTEN=127.0.0.1:" + port, "AAA_API_DATA_DIR=" + filepath.Join(dir, "data")}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AAA_API_") && !strings.HasPrefix(v, "MAKE") && !strings.HasPrefix(v, "MFLAGS") && !strings.HasPrefix(v, "PATH=") {
			env = append(env, v)
		}
	}
	return append(env, "PATH="+bin+":"+os.Getenv("PATH"))
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// freePort is a port that nothing listens on just now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// lastScript is the index of the shell block before block i.
func lastScript(blocks []block, i int) int {
	for i--; i >= 0 && blocks[i].kind != "sh"; i-- {
	}
	return i
}

func number(name string) int {
	var i int
	_, _ = fmt.Sscanf(filepath.Base(name), "out.%d", &i)
	return i
}

// check holds a script's output against the block that shows it. Each line of a text must
// be somewhere in the output, a table or a drawing is all of it. JSON is compared with the last
// answer, or with its data: what is shown must be there and equal, members that are left out don't matter.
func (b block) check(out string) error {
	switch b.kind {
	case "fsm", "mermaid":
		if out != b.text {
			return fmt.Errorf("the output is another: %s", out)
		}
		return nil
	case "text":
		for line := range strings.Lines(b.text) {
			if line = strings.TrimSpace(line); !strings.Contains(out, line) {
				return fmt.Errorf("%q is not in the output: %s", line, out)
			}
		}
		return nil
	}
	var want any
	if err := json.Unmarshal([]byte(b.text), &want); err != nil {
		return fmt.Errorf("the block itself: %w", err)
	}
	got, err := lastJSON(out)
	if err != nil {
		return fmt.Errorf("%w in the output: %s", err, out)
	}
	envelope, _ := got.(map[string]any)
	members, _ := want.(map[string]any)
	if data, ok := envelope["data"]; ok && members["data"] == nil && members["error"] == nil {
		got = data
	}
	if path := differs(want, got, ""); path != "" {
		return fmt.Errorf("not as shown at %s: %s", path, out)
	}
	return nil
}

func lastJSON(out string) (any, error) {
	dec := json.NewDecoder(bytes.NewReader([]byte(out)))
	var last any
	for {
		var v any
		switch err := dec.Decode(&v); {
		case errors.Is(err, io.EOF) && last != nil:
			return last, nil
		case err != nil:
			return nil, fmt.Errorf("no JSON (%w)", err)
		}
		last = v
	}
}

// differs returns the path of the first thing of want that got has not, empty where it has all.
func differs(want, got any, path string) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return path + "/"
		}
		for _, k := range slices.Sorted(maps.Keys(w)) {
			if p := differs(w[k], g[k], path+"/"+k); p != "" {
				return p
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return path + "/"
		}
		for i := range w {
			if p := differs(w[i], g[i], fmt.Sprintf("%s/%d", path, i)); p != "" {
				return p
			}
		}
		return ""
	default: // a number is no text that looks like it
		if want == got {
			return ""
		}
	}
	return path + "/"
}

// TestBlocksCompareTypes: an answer whose value is shown with another type is not as shown.
func TestBlocksCompareTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shown, out string
		equal      bool
	}{
		{`{"timeout":3600}`, `{"data":{"timeout":3600}}`, true},
		{`{"timeout":3600}`, `{"data":{"timeout":"3600"}}`, false},
		{`{"timeout":"3600"}`, `{"data":{"timeout":3600}}`, false},
		{`{"on":[true]}`, `{"data":{"on":["true"]}}`, false},
		{`{"next":null}`, `{"data":{"next":"<nil>"}}`, false},
	} {
		if err := (block{kind: "json", text: c.shown}).check(c.out); (err == nil) != c.equal {
			t.Errorf("%s for %s: %v", c.out, c.shown, err)
		}
	}
}
