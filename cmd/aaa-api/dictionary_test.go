package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const sampleText = `VENDOR		Sample				32473
BEGIN-VENDOR	Sample
ATTRIBUTE	Sample-Name			1	string
ATTRIBUTE	Sample-Level			2	integer
VALUE	Sample-Level			Low			1
END-VENDOR	Sample
VALUE	Service-Type			Sample-Service		99
`

func TestDictionaryConvertLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, dir, "dictionary.sample", sampleText)
	asJSON, stderr, code := here(t, dir, "", nil, "dictionary", "convert", at("dictionary.sample"))
	if code != 0 || !strings.Contains(asJSON, `"Sample-Level"`) {
		t.Fatalf("to JSON: code %d: %s%s", code, asJSON, stderr)
	}
	write(t, dir, "sample.json", asJSON)
	text, stderr, code := here(t, dir, "", nil, "dictionary", "convert", at("sample.json"))
	if code != 0 {
		t.Fatalf("to text: code %d: %s", code, stderr)
	}
	write(t, dir, "dictionary.again", text)
	again, _, _ := here(t, dir, "", nil, "dictionary", "convert", at("dictionary.again"))
	if strings.Replace(again, "dictionary.again", "dictionary.sample", 1) != asJSON {
		t.Errorf("there and back:\n%s\nis not\n%s", again, asJSON)
	}
	stdout, _, code := here(t, dir, "", nil, "dictionary", "lint", at("sample.json"))
	if code != 0 || stdout != at("sample.json")+": 5 entries, no faults\n" {
		t.Errorf("lint: code %d: %s", code, stdout)
	}
}

func TestDictionaryLintNamesTheFault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "type", "ATTRIBUTE Fine 200 string\nATTRIBUTE Odd 201 colour\n")
	write(t, dir, "include", "$INCLUDE dictionary.other\n")
	write(t, dir, "type.json", `[{"attr":{"id":1,"type":"colour","name":"Odd"}}]`)
	write(t, dir, "deep.json", `{"nothing":1}`)
	write(t, dir, "name.json", `{"name":"bad name!","value":[]}`)
	write(t, dir, "nameless.json", `{"value":[]}`)
	write(t, dir, "bare.json", `[]`)
	write(t, dir, "uses.json", `{"name":"d","uses":["dictionary"],"value":[]}`)
	for name, want := range map[string]string{
		"type": "type: line 2: ", "include": "include: line 1: ", "type.json": "type.json: value.0.attr.type: ",
		"deep.json": "deep.json: ", "name.json": "name.json: name: must be letters", "nameless.json": "nameless.json: name: ",
		"bare.json": "bare.json: name: ", "uses.json": "uses.json: uses: ", "absent": "no such file",
	} {
		stdout, stderr, code := here(t, dir, "", nil, "dictionary", "lint", filepath.Join(dir, name))
		if code != 1 || !strings.Contains(stderr, want) || stdout != "" {
			t.Errorf("%s: code %d, want %q:\n%s%s", name, code, want, stdout, stderr)
		}
	}
}

// TestDictionaryProcess runs what the other tests run without one as a process: the standard streams and the exit code are its own.
func TestDictionaryProcess(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		code           int
		stdout, stderr string
	}{
		`{"name":"d","value":[]}`:    {0, "-: 0 entries, no faults\n", ""},
		"ATTRIBUTE Odd 201 colour\n": {1, "", "aaa-api: -: line 1: "},
	} {
		cmd := command(t.Context(), t, t.TempDir(), nil, "dictionary", "lint", "-")
		var out, errs strings.Builder
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), &out, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the code tells
		if code := cmd.ProcessState.ExitCode(); code != want.code || out.String() != want.stdout || !strings.HasPrefix(errs.String(), want.stderr) {
			t.Errorf("%s: code %d: %s%s", text, code, out.String(), errs.String())
		}
	}
}

// A dictionary as the API shows it is as good as one that it takes.
func TestDictionaryLintTakesWhatWasRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "read.json", `{"id":"0123456789abcdef0123456789abcdef","name":"dictionary_a","owner":"system_config",
		"value":[],"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}`)
	if stdout, stderr, code := here(t, dir, "", nil, "dictionary", "lint", filepath.Join(dir, "read.json")); code != 0 {
		t.Errorf("code %d: %s%s", code, stdout, stderr)
	}
}

// What becomes JSON has a name that an upload takes: of its file, or the one that is given.
func TestDictionaryConvertNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "dictionary.sample", sampleText)
	spaced, good := filepath.Join(dir, "my sample"), filepath.Join(dir, "dictionary.sample")
	write(t, dir, "my sample", sampleText)
	convert := func(stdin string, args ...string) (stdout, stderr string, code int) {
		t.Helper()
		return here(t, dir, stdin, nil, append([]string{"dictionary", "convert"}, args...)...)
	}
	for want, args := range map[string][]string{
		"sample":            {"-", "--name=sample"},
		"other":             {spaced, "--name=other"},
		"dictionary.sample": {good},
	} {
		stdout, stderr, code := convert(sampleText, args...)
		if code != 0 || !strings.HasPrefix(stdout, `{"name":"`+want+`",`) {
			t.Errorf("%v: code %d: %.60s%s", args, code, stdout, stderr)
		}
	}
	for _, args := range [][]string{{"-"}, {spaced}, {good, "--name=a b"}, {good, "--name="}} {
		stdout, stderr, code := convert(sampleText, args...)
		if code != 1 || stdout != "" || !strings.Contains(stderr, "give one with --name") {
			t.Errorf("%v: code %d: %.60s%s", args, code, stdout, stderr)
		}
	}
	// JSON from the standard input has its own name, and a text has none.
	asJSON, _, _ := convert("", good)
	if text, stderr, code := convert(asJSON, "-"); code != 0 || !strings.Contains(text, "Sample-Level") {
		t.Errorf("code %d: %.60s%s", code, text, stderr)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
