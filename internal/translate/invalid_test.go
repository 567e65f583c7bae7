package translate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/translate"
)

// TestBackInvalid: no rule hands on what is no value of its attribute. Of a secret nothing is shown, anything
// else stands under avps, by number since it is not what the name promises.
func TestBackInvalid(t *testing.T) {
	t.Parallel()
	set := testSet(t)
	secret := func(a *aaa.Attribute) *aaa.Attribute { // as an engine makes it of a dictionary's own
		octets := *set.Unknown(a.Vendor, a.Parent, a.Number)
		octets.Hidden = true
		return &octets
	}
	b := compile(t,
		rule("Key", "Tunnel-Password", `^(.*)$`), rule("Tagged", "Tunnel-Password:1", `^(.*)$`), rule("Send", "MS-MPPE-Send-Key", `^(.*)$`),
		rule("Address", "NAS-IP-Address", `^(.*)$`), rule("Chap", "CHAP-Password", `^(.*)$`),
	).Bind(set, aaa.Strict)
	trace := new(aaa.Tracing)
	keys, rest, _ := b.Back(t.Context(), []aaa.AVP{
		{Attr: secret(set.ByName("Tunnel-Password")), Invalid: true},
		{Attr: secret(set.ByName("MS-MPPE-Send-Key")), Invalid: true},
		{Attr: set.ByName("MS-MPPE-Send-Key"), Value: []byte{1, 2}},
		{Attr: set.Unknown(nil, nil, 4), Value: []byte{192, 0, 2}, Invalid: true},
		{Attr: secret(set.ByName("CHAP-Password")), Invalid: true},
	}, nil, &translate.Tracer{Trace: trace})
	if d := cmp.Diff(aaa.Values{"Send": "0x0102"}, keys); d != "" {
		t.Errorf("keys: %s", d)
	}
	if d := cmp.Diff(aaa.Values{"Attr-4": "0xc00002"}, rest.Values()); d != "" {
		t.Errorf("avps: %s", d)
	}
	var notes []string
	for _, r := range trace.Rules {
		notes = append(notes, r.Key+" "+r.Value+" "+r.Note)
	}
	if d := cmp.Diff([]string{
		"Key  not decipherable", "Tagged  not decipherable", "Send  not decipherable", "Send " + aaa.Mask + " matched",
		"Address  malformed value", "Chap  malformed value",
	}, notes); d != "" {
		t.Errorf("trace: %s", d)
	}
}
