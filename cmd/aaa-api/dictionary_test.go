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
	write(t, dir, "dictionary.sample", sampleText)
	asJSON, stderr, code := output(t, dir, nil, "dictionary", "convert", "dictionary.sample")
	if code != 0 || !strings.Contains(asJSON, `"Sample-Level"`) {
		t.Fatalf("to JSON: code %d: %s%s", code, asJSON, stderr)
	}
	write(t, dir, "sample.json", asJSON)
	text, stderr, code := output(t, dir, nil, "dictionary", "convert", "sample.json")
	if code != 0 {
		t.Fatalf("to text: code %d: %s", code, stderr)
	}
	write(t, dir, "dictionary.again", text)
	again, _, _ := output(t, dir, nil, "dictionary", "convert", "dictionary.again")
	if strings.Replace(again, "dictionary.again", "dictionary.sample", 1) != asJSON {
		t.Errorf("there and back:\n%s\nis not\n%s", again, asJSON)
	}
	stdout, _, code := output(t, dir, nil, "dictionary", "lint", "sample.json")
	if code != 0 || stdout != "sample.json: 5 entries, no faults\n" {
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
	for name, want := range map[string]string{
		"type": "type: line 2: ", "include": "include: line 1: ", "type.json": "type.json: value.0.attr.type: ",
		"deep.json": "deep.json: ", "absent": "no such file",
	} {
		stdout, stderr, code := output(t, dir, nil, "dictionary", "lint", name)
		if code != 1 || !strings.Contains(stderr, want) || stdout != "" {
			t.Errorf("%s: code %d, want %q:\n%s%s", name, code, want, stdout, stderr)
		}
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
