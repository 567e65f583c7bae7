package document

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/translate"
)

// longDocument is a valid document of about 64 KiB: servers, rules, realms and members of its owner's.
func longDocument(t testing.TB) json.RawMessage {
	t.Helper()
	list := make([]any, 32)
	for i := range list {
		list[i] = map[string]any{
			"enabled": true, "name": fmt.Sprintf("server%d", i+1), "address": fmt.Sprintf("192.0.2.%d", i+1), "port": json.Number("1812"),
			"secret": fmt.Sprintf("secret number %d", i), "aaa_engine": "radius", "dicts": []any{"dictionary", "dictionary_3gpp"},
			"retries": json.Number("2"), "timeout": json.Number("1500"), "x-rack": fmt.Sprintf("room %d, rack %d", i/8, i%8),
		}
	}
	names := []any{"server1", "server2", "server3"}
	var rules []any
	for i := range 200 {
		rules = append(rules, map[string]any{
			"request_key": fmt.Sprintf("Key-%d", i), "attribute": "User-Name",
			"request_value_regexp": fmt.Sprintf("^customer-%d-([a-z0-9]+)$", i), "attr_value_regexp": "^(.*)$",
		})
	}
	patch := map[string]any{
		"servers": list, "authentication": names, "authorization": names, "accounting": names, "custom": names,
		"authn_avp_translation": rules, "authz_avp_translation": rules[:100], "x-notes": map[string]any{"owner": "operations", "numbers": []any{json.Number("1"), json.Number("2.5")}},
	}
	text, err := aaa.PlainJSON(MergePatch(parse(t, example(t, "example_put")), patch))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// held compiles the rules of a document, for the caller to hold as the plans of an account in use do: equal ones are shared.
func held(t testing.TB, stored json.RawMessage) (programs [aaa.NumOps]*translate.Program) {
	t.Helper()
	d, err := decode(stored)
	if err != nil {
		t.Fatal(err)
	}
	for op, section := range sections {
		if programs[op], err = translate.Compile(section, d.Rules(aaa.Op(op))); err != nil {
			t.Fatal(err)
		}
	}
	return programs
}

// BenchmarkPatch is what a PATCH of a document of 64 KiB costs in this package.
func BenchmarkPatch(b *testing.B) {
	p := newPreparer(b)
	stored := prepare(b, longDocument(b), nil).Body
	patch := parse(b, []byte(`{"workers":7,"x-notes":{"owner":"support"}}`))
	held := held(b, stored)
	b.SetBytes(int64(len(stored)))
	b.ReportAllocs()
	for b.Loop() {
		d := load(b, stored)
		d.Patch(patch)
		if _, err := d.Size(); err != nil {
			b.Fatal(err)
		}
		if _, err := d.Prepare(b.Context(), p); err != nil {
			b.Fatal(err)
		}
		if _, err := d.Masked(); err != nil || *d.Before() != *d.After() {
			b.Fatal(err)
		}
	}
	runtime.KeepAlive(held)
}
