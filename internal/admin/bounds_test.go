package admin

import (
	"slices"
	"testing"

	"aaa-api/internal/schema"
	"aaa-api/internal/store"
)

// What accounts above set is refused, or read so that it is the same when it is shown and sent back.
func FuzzBounds(f *testing.F) {
	for _, s := range []string{
		`{"limits":{"tokens":7,"tables":null,"sessions":0}}`, `{"limits":{"tokens":1e3}}`, `{"limits":{"tokens":9223372036854775808}}`,
		`{"server_networks":["127.0.0.0/8","10.1.2.3","fd00::/8","::1"]}`, `{"server_networks":["::ffff:1.2.3.4","10.0.0.1/8","fe80::1%x"]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := schema.Parse([]byte(text), schema.MaxDepth)
		sent, isObject := v.(map[string]any)
		if err != nil || !isObject {
			return
		}
		sent["name"] = "a"
		var a, b store.Account
		if applyAccount(&a, sent) != nil {
			return
		}
		if err := applyAccount(&b, settable(a)); err != nil || !equal(a.Limits, b.Limits) || !slices.Equal(a.ServerNetworks, b.ServerNetworks) {
			t.Errorf("%s: %+v is read back as %+v: %v", text, a, b, err)
		}
		for _, p := range a.ServerNetworks {
			if p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "" {
				t.Errorf("%s: %v", text, p)
			}
		}
	})
}
