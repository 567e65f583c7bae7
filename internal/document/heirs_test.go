package document

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Heirs see what their requests run by, and nothing that the owner keeps for itself.
func TestForHeirs(t *testing.T) {
	t.Parallel()
	got, err := ForHeirs([]byte(`{"aaa_mode":"on","workers":5,"x-note":"n","authz_apps":["jonny5"],"authz_username":"u","authz_password":"********",
		"authz_providers":{"jonny5":{"url":"https://j.example/?key=hush","secret":"********"}},
		"servers":[{"name":"one","address":"192.0.2.1","x-rack":{"row":7},"tls":{"server_name":"s","x-b":[1]},
			"health_check":{"type":"user","username":"probe","password":"********","x-c":null}}],
		"authn_avp_translation":[{"request_key":"k","attribute":"User-Name","x-why":"w"}],
		"fsm":{"authn":"table","x-d":1},"realms":{"x-rule":{"x-ray.example":"one","":"authentication"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"aaa_mode":"on","authn_avp_translation":[{"attribute":"User-Name","request_key":"k"}],"authz_apps":["jonny5"],"authz_password":"********",` +
		`"fsm":{"authn":"table"},"realms":{"x-rule":{"":"authentication","x-ray.example":"one"}},` +
		`"servers":[{"address":"192.0.2.1","health_check":{"password":"********","type":"user"},"name":"one","tls":{"server_name":"s"}}],"workers":5}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if got, err := ForHeirs([]byte(`{"servers":[7,{"health_check":null}],"x-a":1}`)); err != nil || string(got) != `{"servers":[7,{"health_check":null}]}` {
		t.Errorf("%s %v", got, err)
	}
	if _, err := ForHeirs([]byte(`[]`)); err == nil {
		t.Error("what is no document has heirs")
	}
}
