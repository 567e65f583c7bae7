package dict

import (
	"reflect"
	"testing"
)

// TestUploadIsWhatIsStored: an upload may stand for the stored dictionary, since both compile to the same.
func TestUploadIsWhatIsStored(t *testing.T) {
	t.Parallel()
	system, err := LoadSystem("")
	if err != nil {
		t.Fatal(err)
	}
	all := system.Default()
	taken := 0
	for _, name := range system.Names() {
		entries, _ := system.Entries(name)
		entries = ResolveUpload(entries, all, all)
		upload, err := CompileUpload(name, "", entries, all, all)
		if err != nil {
			continue // a shipped one that no account could upload
		}
		taken++
		text, err := FormatEntries(entries)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := CompileStored(name, again, all)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(upload, stored) {
			t.Errorf("%s: the upload differs from what is stored", name)
		}
	}
	if taken < 100 {
		t.Errorf("%d of %d shipped dictionaries can be uploaded", taken, len(system.Names()))
	}
}
