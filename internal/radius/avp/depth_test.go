package avp

import (
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
)

// nest makes a dictionary of TLVs in one another, T0 around T1 and so on, with the string Leaf in the last.
func nest(t *testing.T, parents int) (*dict.Set, error) {
	t.Helper()
	entries := []dict.Entry{{Vendor: &dict.VendorEntry{Name: "F", Number: 99}}}
	parent := ""
	for range parents {
		name := "T" + strings.Repeat("x", len(entries))
		entries = append(entries, dict.Entry{Attr: &dict.AttrEntry{VID: 99, ID: 1, Type: "tlv", Name: name, Parent: parent}})
		parent = name
	}
	entries = append(entries, dict.Entry{Attr: &dict.AttrEntry{VID: 99, ID: 2, Type: "string", Name: "Leaf", Parent: parent}})
	c, err := dict.Compile("nest", entries, nil)
	return dict.NewSet(c), err
}

// TestDeepest: what a dictionary takes fits into a packet and comes back.
func TestDeepest(t *testing.T) {
	t.Parallel()
	if maxDepth != dict.MaxDepth+1 {
		t.Errorf("a path has %d attributes at most, a dictionary's %d", maxDepth, dict.MaxDepth+1)
	}
	if _, err := nest(t, dict.MaxDepth+1); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("one parent more: %v", err)
	}
	d, err := nest(t, dict.MaxDepth)
	if err != nil {
		t.Fatal(err)
	}
	byNumber, _, ok := d.Lookup("Attr-26.99"+strings.Repeat(".1", dict.MaxDepth)+".2", true)
	if !ok {
		t.Fatal("not found by number")
	}
	for _, a := range []*aaa.Attribute{d.ByName("Leaf"), byNumber} {
		p, err := encoded(d, aaa.AVP{Attr: a, Value: []byte("x")})
		if err != nil {
			t.Fatal(err)
		}
		if got := decoded(d, p)[0]; got.Attr.Name != "Leaf" || string(got.Value) != "x" {
			t.Errorf("came back as %s %q", got.Attr.Name, got.Value)
		}
	}
}
