package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
)

func load(t testing.TB, stored json.RawMessage) *Draft {
	t.Helper()
	d, err := Load(account, stored)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDraftIsTheWayOverTexts: the parsed form comes to what masking, merging and preparing texts come to.
func TestDraftIsTheWayOverTexts(t *testing.T) {
	t.Parallel()
	p := newPreparer(t)
	stored := prepare(t, longDocument(t), nil).Body
	shown, err := Mask(stored)
	if err != nil {
		t.Fatal(err)
	}
	for name, patch := range map[string]string{
		"nothing":       `{}`,
		"members":       `{"workers":7.0,"session_timeout":2e3,"x-notes":{"owner":null,"new":[1.50,-0]}}`,
		"authz user":    `{"authz_username":"u","authz_password":"a <new> secret"}`,
		"new servers":   "{" + servers(`{"name":"server1","secret":"********"}`, `{"name":"server2","secret":"näw"}`, `{"name":"server3","secret":"c"}`) + `}`,
		"fewer members": `{"authn_avp_translation":null,"x-notes":null}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value := parse(t, []byte(patch))
			text, err := aaa.PlainJSON(MergePatch(parse(t, shown), value))
			if err != nil {
				t.Fatal(err)
			}
			want, err := p.Prepare(t.Context(), account, text, stored)
			if err != nil {
				t.Fatal(err)
			}
			d := load(t, stored)
			d.Patch(value)
			if n, err := d.Size(); n != len(text) || err != nil {
				t.Errorf("size %d, %v; the text has %d octets", n, err, len(text))
			}
			got, err := d.Prepare(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-texts +draft):\n%s", diff)
			}
			masked, err := d.Masked()
			if err != nil {
				t.Fatal(err)
			}
			answer, err := Mask(got.Body)
			if err != nil || string(masked) != string(answer) {
				t.Errorf("masked: %v\n%s\n%s", err, masked, answer)
			}
			is, err := StancesIn(got.Body)
			if err != nil || !reflect.DeepEqual(is, d.After()) {
				t.Errorf("after: %+v, %v, want %+v", d.After(), err, is)
			}
			if was, err := StancesIn(stored); err != nil || !reflect.DeepEqual(was, d.Before()) {
				t.Errorf("before: %+v, %v, want %+v", d.Before(), err, was)
			}
		})
	}
}

// TestDraftLeavesWhatItIsGiven: a writer that loses a race applies the same patch again, whose secrets must still be in the clear.
func TestDraftLeavesWhatItIsGiven(t *testing.T) {
	t.Parallel()
	p := newPreparer(t)
	stored := prepare(t, longDocument(t), nil).Body
	patch := parse(t, []byte("{"+servers(`{"name":"b","secret":"new"}`)+`,"authentication":["b"],"accounting":["b"],"custom":["b"]}`))
	want := copied(patch)
	var bodies []string
	for range 2 {
		d := load(t, stored)
		d.Patch(patch)
		for range 2 { // Prepare leaves the draft as it is
			got, err := d.Prepare(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, string(got.Body))
		}
		if diff := cmp.Diff(want, patch); diff != "" {
			t.Fatalf("the patch changes:\n%s", diff)
		}
	}
	for _, b := range bodies[1:] {
		if b != bodies[0] {
			t.Errorf("prepared again it differs:\n%s\n%s", bodies[0], b)
		}
	}
	d := load(t, nil)
	d.Replace(patch)
	if _, err := d.Masked(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, patch); diff != "" {
		t.Errorf("the replacement changes:\n%s", diff)
	}
}

func TestDraftOfWhatIsNoDocument(t *testing.T) {
	t.Parallel()
	p := newPreparer(t)
	for _, text := range []string{`7`, `"text"`, `[]`, `null`, `{}`, `{"servers":[{"name":"a","secret":{"a":[1]}}],"authz_password":7}`} {
		d := load(t, nil)
		d.Replace(parse(t, []byte(text)))
		if n, err := d.Size(); n != len(text) || err != nil {
			t.Errorf("%s: size %d, %v", text, n, err)
		}
		var e *aaa.Error
		if _, err := d.Prepare(t.Context(), p); !errors.As(err, &e) || e.Kind != aaa.KindBadInput {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := Load(account, json.RawMessage(`["sesame"]`)); err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("a damaged document: %v", err)
	}
}

func TestDraftPrintsNoSecret(t *testing.T) {
	t.Parallel()
	d := load(t, nil)
	d.Replace(map[string]any{"authz_password": "sesame"})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, d); strings.Contains(text, "sesame") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

// TestTypedIsDecoded: the typed form made of values is that made of their text.
func TestTypedIsDecoded(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]json.RawMessage{
		"on": example(t, "example_on"), "inherit": example(t, "example_inherit"), "put": example(t, "example_put"),
		"secrets": everySecret(t), "long": longDocument(t),
		"empty":  json.RawMessage(`{"servers":[],"realms":{},"fsm":"race","nas_port":"7"}`),
		"bans":   json.RawMessage(`{"servers":[],"bans":{"by":["a"],"points":{"reject":0}}}`),
		"timers": json.RawMessage(`{"servers":[{"name":"a"},{"retries":0,"timeout":1},{"dicts":[],"tls":{"server_name":"x"}}],"fsm":{"authn":"a"},"nas_port":9}`),
	} {
		want, err := decode(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := typedOf(parse(t, text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\n%+v\n%+v", name, err, got, want)
		}
	}
}

// TestPatchParsesOnce counts allocations: a second parse of the document exceeds the bound, and so does a third writing.
func TestPatchParsesOnce(t *testing.T) { //nolint:paralleltest // testing.AllocsPerRun
	p := newPreparer(t)
	stored := prepare(t, longDocument(t), nil).Body
	patch := parse(t, []byte(`{"workers":7}`))
	value := parse(t, stored)
	held := held(t, stored)
	of := func(f func()) float64 { return testing.AllocsPerRun(5, f) }
	parsed := of(func() { _, _ = schema.Parse(stored, schema.MaxDepth) })
	written := of(func() { _, _ = aaa.PlainJSON(value) })
	rest := of(func() { // what else a draft does
		schema.Validate(schema.AAA, value)
		doc, _ := typedOf(value)
		c := check{ctx: t.Context(), account: account, doc: doc, prepare: p}
		_ = c.run()
		_, _ = c.warnings()
	})
	all := of(func() {
		d := load(t, stored)
		d.Patch(patch)
		if _, err := d.Size(); err != nil {
			t.Error(err)
		}
		if _, err := d.Prepare(t.Context(), p); err != nil {
			t.Error(err)
		}
		if _, err := d.Masked(); err != nil || *d.Before() != *d.After() {
			t.Error(err)
		}
	})
	if all > rest+1.1*parsed+2.5*written {
		t.Errorf("%.0f allocations; one parse has %.0f, one writing %.0f, checks %.0f", all, parsed, written, rest)
	}
	runtime.KeepAlive(held)
	t.Logf("%.0f allocations; one parse has %.0f, one writing %.0f, checks %.0f", all, parsed, written, rest)
}
