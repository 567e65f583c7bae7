package dict

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

// TestOwnArguments: an account's dictionary may define arguments of TACACS+, by the names that devices send.
func TestOwnArguments(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"shell:roles": true, "inacl#1": true, "%": true, "cisco-av-pair": true, "26.9": true,
		"a=b": false, "a*": false, "a b": false, "a\nb": false, "é": false, "": false,
	} {
		text, _ := json.Marshal(name)
		entries, err := ParseJSON([]byte(`[{"attr":{"name":` + string(text) + `,"vid":16777215,"id":1000,"type":"string"}}]`))
		var c *Compiled
		if err == nil {
			c, err = Compile("d", entries, nil)
		}
		if (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if !ok {
			continue
		}
		if a := NewSet(c).ByName(name); a == nil || !a.IsArgument() || a.Name != name || a.Type != aaa.TypeString {
			t.Errorf("%q: %+v", name, a)
		}
		// Text holds the name as well, or says that it can't.
		text, err = FormatText(entries, nil)
		if strings.Contains(name, "#") {
			if aaa.KindOf(err) != aaa.KindBadInput {
				t.Errorf("%q as text: %q, %v", name, text, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q as text: %v", name, err)
			continue
		}
		if back, err := ParseText("d", text, nil); err != nil || !slices.ContainsFunc(back, func(e Entry) bool { return e.Attr != nil && e.Attr.Name == name }) {
			t.Errorf("%q as text: %q read back as %+v, %v", name, text, back, err)
		}
	}
}
