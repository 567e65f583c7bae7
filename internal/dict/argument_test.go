package dict

import (
	"encoding/json"
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
	}
}
