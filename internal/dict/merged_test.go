package dict

import (
	"flag"
	"os"
	"reflect"
	"testing"
)

var update = flag.Bool("update", false, "write merged.txt anew")

// TestMergedIsWhatIsShipped: the merged list that a start reads has every entry of the dictionaries that it stands for, and no other, in the same order.
func TestMergedIsWhatIsShipped(t *testing.T) {
	t.Parallel()
	c := systemCatalog(t)
	want := c.merge()
	if *update {
		if err := os.WriteFile("merged.txt", []byte(formatMerged(want)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := parseMerged(mergedText)
	if err != nil {
		t.Fatal(err)
	}
	const hint = "merged.txt is old: go test ./internal/dict -run TestMergedIsWhatIsShipped -update writes it anew"
	if len(got) != len(want) {
		t.Errorf("%d entries instead of %d: %s", len(got), len(want), hint)
	}
	for i := range min(len(got), len(want)) {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("line %d: %s", i+1, hint)
		}
	}
}

// TestMergedKeepsEveryMember: no member of an entry is lost in a merged list, one that a shipped entry never has included.
func TestMergedKeepsEveryMember(t *testing.T) {
	t.Parallel()
	list := []Entry{{Vendor: &VendorEntry{}}, {Attr: &AttrEntry{}}, {Val: &ValEntry{}}}
	for _, of := range list[:3:3] {
		for i := range reflect.ValueOf(pointed(of)).Elem().NumField() {
			e := Entry{}
			switch {
			case of.Vendor != nil:
				e.Vendor = &VendorEntry{}
			case of.Attr != nil:
				e.Attr = &AttrEntry{}
			default:
				e.Val = &ValEntry{}
			}
			switch f := reflect.ValueOf(pointed(e)).Elem().Field(i); f.Kind() {
			case reflect.String:
				f.SetString("a b")
			case reflect.Bool:
				f.SetBool(true)
			case reflect.Uint32:
				f.SetUint(1<<32 - 1)
			case reflect.Int64:
				f.SetInt(-1 << 31)
			default:
				t.Fatalf("a member of kind %v", f.Kind())
			}
			list = append(list, e)
		}
	}
	got, err := parseMerged(formatMerged(list))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, list) {
		t.Errorf("%s instead of %s", formatMerged(got), formatMerged(list))
	}
}

func pointed(e Entry) any {
	switch {
	case e.Vendor != nil:
		return e.Vendor
	case e.Attr != nil:
		return e.Attr
	}
	return e.Val
}

func TestMergedRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"\n", "word\n", "vendor\ta\t1\n", "vendor\ta\t1\t\t\n", "vendor\ta\t-1\t\n", "attr\t0\tx\tstring\tA\t\t\t0\n",
		"attr\t0\t1\tstring\tA\t\t\t0\t0\n", "val\t0\t1\t\t\tx\tA\n", "val\tx\t1\t\t\t1\tA\n",
	} {
		if list, err := parseMerged(text); err == nil {
			t.Errorf("%q gives %v", text, list)
		}
	}
}
