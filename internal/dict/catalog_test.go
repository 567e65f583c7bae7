package dict

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

func systemCatalog(t testing.TB) *Catalog {
	t.Helper()
	c, err := LoadSystem("")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSystemDictionaries compiles every shipped dictionary, and all of them together.
func TestSystemDictionaries(t *testing.T) {
	t.Parallel()
	c := systemCatalog(t)
	if n := len(c.Names()); n < 230 {
		t.Fatalf("%d system dictionaries", n)
	}
	for _, name := range c.Names() {
		s := c.sources[name]
		if _, err := s.compile(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, want := range []string{"dictionary", "dictionary_3gpp", "dictionary_rfc2865", "dictionary_alcatel-lucent_aaa"} {
		if _, ok := c.Get(want); !ok {
			t.Errorf("no %s", want)
		}
	}
	if _, ok := c.Get("dictionary_no_such"); ok {
		t.Error("a dictionary that does not exist was found")
	}
	all := c.Default()
	for _, name := range c.Names() {
		entries, _ := c.Entries(name)
		text, err := FormatText(entries, all)
		if err != nil {
			t.Fatalf("%s as text: %v", name, err)
		}
		back, err := ParseText(name, text, all)
		if err != nil {
			t.Fatalf("%s as text: %v", name, err)
		}
		sameEntries(t, name+" through text", back, entries)
	}
	for _, list := range c.order {
		d, _ := c.Get(list)
		for i := range d.attrs {
			a := &d.attrs[i]
			// A name that FreeRADIUS also uses internally means the RFC's attribute.
			if got := all.ByName(a.Name); !sameAttr(got, a) && (a.Wire || got == nil || !got.Wire) {
				t.Errorf("%s: the default set finds %+v for %s", list, got, a.Name)
			}
		}
	}
}

// BenchmarkLoadSystem is the cost of a start with all system dictionaries compiled,
// each and together; live-KiB is the memory that it holds afterwards.
func BenchmarkLoadSystem(b *testing.B) {
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var c *Catalog
	for b.Loop() {
		var err error
		if c, err = loadShipped(); err != nil {
			b.Fatal(err)
		}
		c.Default()
		for _, name := range c.Names() {
			c.Get(name)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/1024, "live-KiB")
	runtime.KeepAlive(c)
}

// TestOperatorDirectory has files of both forms that refer to each other and to
// what is shipped, and one in place of a shipped one.
func TestOperatorDirectory(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, map[string]string{
		"dictionary":         "# what FreeRADIUS would start from\n$INCLUDE dictionary.late\n$INCLUDE dictionary.acme\n",
		"dictionary.acme":    "VENDOR Acme-Local 64000\nBEGIN-VENDOR Acme-Local\nATTRIBUTE Acme-Mode 1 integer\nEND-VENDOR Acme-Local\nVALUE Service-Type Acme-Login 77\n",
		"dictionary.late":    "VALUE Acme-Mode Fast 1\nVALUE Own-Kind Slow 2\n",
		"own.json":           `{"name":"own","value":[{"attr":{"vid":64001,"id":1,"type":"byte","name":"Own-Kind"}}]}`,
		"dictionary.juniper": "VENDOR Juniper 2636\nBEGIN-VENDOR Juniper\nATTRIBUTE Juniper-Only 1 string\nEND-VENDOR Juniper\n",
		".hidden":            "nonsense",
	})
	c, err := LoadSystem(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := c.Get("dictionary"); !ok || len(got.attrs) < 200 {
		t.Error("a file that only includes others took the place of the standard dictionary")
	}
	late, ok := c.Get("dictionary_late")
	if !ok {
		t.Fatal("no dictionary_late")
	}
	all := c.Default()
	if n, ok := NewSet(late).ValueNumber(all.ByName("Own-Kind"), "Slow"); !ok || n != 2 {
		t.Error("a value of an attribute in a later file is lost")
	}
	if _, ok := all.ValueNumber(all.ByName("Service-Type"), "Acme-Login"); !ok {
		t.Error("the default set lacks the operator's dictionaries")
	}
	if all.ByName("Juniper-Only") == nil || all.ByName("Juniper-Local-User-Name") != nil {
		t.Error("the operator's dictionary_juniper is not in place of the shipped one")
	}
	if entries, ok := c.Entries("own"); !ok || len(entries) != 1 || entries[0].Attr.Name != "Own-Kind" {
		t.Errorf("own is %v", entries)
	}
}

// TestFreeRADIUSAsOperatorDirectory: FreeRADIUS's own folder serves as one.
func TestFreeRADIUSAsOperatorDirectory(t *testing.T) {
	t.Parallel()
	files := freeradiusFiles(t)
	c, err := LoadSystem(freeradiusDir)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.extra) < len(files)-1 { // all but the one that includes the others
		t.Errorf("%d of %d files loaded", len(c.extra), len(files))
	}
	if c.Default().ByName("User-Name") == nil || c.Default().OfVendor(10415, 1) == nil {
		t.Error("the default set is empty")
	}
}

func TestBadOperatorDirectory(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"faulty line", map[string]string{"dictionary.x": "\nATTRIBUTE A 1 strnig\n"}, "dictionary.x: line 2: "},
		{"faulty JSON", map[string]string{"x.json": `{"name":"x","value":[{"attr":{}}]}`}, "x.json: value.0.attr.id: "},
		{"another name", map[string]string{"x.json": `{"name":"y","value":[]}`}, "the name in it is y"},
		{"one name twice", map[string]string{"dictionary.x": "", "dictionary_x.json": "[]"}, "same name"},
		{"no dictionary", map[string]string{"notes.txt": ""}, "notes.txt: "},
		{"include elsewhere", map[string]string{"dictionary": "$INCLUDE /etc/passwd\n"}, "dictionary: line 1: "},
		{"each needs the other", map[string]string{
			"dictionary.a": "VALUE Of-B X 1\nATTRIBUTE Of-A 200 integer\n",
			"dictionary.b": "VALUE Of-A X 1\nATTRIBUTE Of-B 201 integer\n",
		}, "dictionary.a: line 1: "},
	} {
		_, err := LoadSystem(writeFiles(t, tc.files))
		if err == nil || !strings.Contains(err.Error(), tc.want) || aaa.KindOf(err) != aaa.KindBadInput {
			t.Errorf("%s: %v, want an error with %q", tc.name, err, tc.want)
		}
	}
	if _, err := LoadSystem(filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a missing directory was taken")
	}
}

func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
