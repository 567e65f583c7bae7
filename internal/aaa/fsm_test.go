package aaa

import (
	"encoding/json"
	"testing"
)

// TestDocumentFSM: either form names the right table for each operation and is written as it was read.
func TestDocumentFSM(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][NumOps]string{
		`{"aaa_mode":"on"}`:              {},
		`{"aaa_mode":"on","fsm":"race"}`: {"race", "race", "race", "race"},
		`{"aaa_mode":"on","fsm":{"authn":"a","authz":"b","accounting":"c","custom":"d"}}`: {"a", "b", "c", "d"},
		`{"aaa_mode":"on","fsm":{"accounting":"replicate"}}`:                              {Accounting: "replicate"},
		`{"aaa_mode":"on","realms":{"home":{"":"s1","*":"accounting","a.example":"s2"}}}`: {},
	} {
		var d Document
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for op := range Op(NumOps) {
			if got := d.Table(op); got != want[op] {
				t.Errorf("%s: table of %s is %q, want %q", text, op, got, want[op])
			}
		}
		again, err := json.Marshal(&d)
		if err != nil {
			t.Fatal(err)
		}
		if string(again) != text {
			t.Errorf("%s became %s", text, again)
		}
	}
	for _, text := range []string{`{"fsm":1}`, `{"fsm":["race"]}`, `{"fsm":{"authn":1}}`, `{"realms":{"r":"s"}}`} {
		if err := json.Unmarshal([]byte(text), new(Document)); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}
