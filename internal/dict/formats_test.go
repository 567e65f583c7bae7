package dict

import (
	"strings"
	"testing"
)

// compileJSON compiles dictionaries as they are stored for an account, each for itself against system.
func compileJSON(t testing.TB, system *Set, values ...string) []*Compiled {
	t.Helper()
	var list []*Compiled
	for _, value := range values {
		entries, err := ParseJSON([]byte(value))
		if err != nil {
			t.Fatal(err)
		}
		c, err := CompileStored("d", entries, system)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// TestFormatInForce: the first entry gives a vendor's name, the first that states a format the format. A dictionary that has
// attributes of a vendor and no entry says nothing.
func TestFormatInForce(t *testing.T) {
	t.Parallel()
	system := mustSet(t, "VENDOR USR 429 format=4,0\n")
	list := compileJSON(
		t, system,
		`[{"vendor":{"Zed":77777,"format":"2,2"}},{"attr":{"vid":77777,"id":1,"type":"string","name":"Z-One"}}]`,
		`[{"attr":{"vid":77777,"id":300,"type":"string","name":"Z-Two"}}]`,
		`[{"vendor":{"Zett":77777}},{"attr":{"vid":77777,"id":300,"type":"string","name":"Z-Three"}}]`,
		`[{"vendor":{"Zack":77777,"format":"1,1"}}]`,
		`[{"vendor":{"USR":429}}]`,
		`[{"attr":{"vid":429,"id":9,"type":"string","name":"U"}}]`,
		`[{"vendor":{"Robotics":429,"format":"2,1"}}]`,
	)
	zed, bare, named, plain, usr, borrows, robotics := list[0], list[1], list[2], list[3], list[4], list[5], list[6]
	const none = "none"
	for _, tc := range []struct {
		what         string
		set          *Set
		number       uint32
		name, format string
	}{
		{"the only one", NewSet(zed), 77777, "Zed", "2,2"},
		{"behind one without an entry", NewSet(bare, zed), 77777, "Zed", "2,2"},
		{"before one without an entry", NewSet(zed, bare), 77777, "Zed", "2,2"},
		{"no entry at all", NewSet(bare), 77777, none, ""},
		{"behind an entry without a format", NewSet(bare, named, zed), 77777, "Zett", "2,2"},
		{"nobody states one", NewSet(named, bare), 77777, "Zett", ""},
		{"the first that states one", NewSet(named, plain, zed), 77777, "Zett", ""},
		{"the first that states one", NewSet(named, zed, plain), 77777, "Zett", "2,2"},
		{"the same by Join", NewSet(named).Join(NewSet(zed), NewSet(plain)), 77777, "Zett", "2,2"},
		{"an entry left of the system's", NewSet(usr).Join(system), 429, "USR", "4,0"},
		{"an entry alone", NewSet(usr), 429, "USR", ""},
		{"an entry beside one who knows the system's", NewSet(borrows, usr), 429, "USR", ""},
		{"known from the system's", NewSet(borrows), 429, "USR", "4,0"},
		{"known from the system's, and stated", NewSet(borrows, robotics), 429, "Robotics", "2,1"},
	} {
		v := tc.set.Vendor(tc.number)
		if tc.name == none {
			if v != nil {
				t.Errorf("%s: found %+v", tc.what, v)
			}
			continue
		}
		if v == nil || v.Name != tc.name || formatOf(v) != tc.format {
			t.Errorf("%s: found %+v, want %s %q", tc.what, v, tc.name, tc.format)
		}
	}
	// How long a value can be, and which numbers there are, follows.
	for _, tc := range []struct {
		set   *Set
		most  int
		known bool
	}{{NewSet(bare, zed), 255 - 6 - 4, true}, {NewSet(bare), 255 - 6 - 2, false}} {
		a := tc.set.ByName("Z-Two")
		if _, err := tc.set.Encode(a, strings.Repeat("x", tc.most)); err != nil {
			t.Error(err)
		}
		if _, err := tc.set.Encode(a, strings.Repeat("x", tc.most+1)); err == nil {
			t.Errorf("%d octets fit", tc.most+1)
		}
		if _, _, ok := tc.set.Lookup("Attr-26.77777.301", true); ok != tc.known {
			t.Errorf("Attr-26.77777.301 is found: %v", ok)
		}
	}
}

// TestFormatAtUpload: what depends on a vendor's format is judged by what the account sees, without what the upload replaces.
func TestFormatAtUpload(t *testing.T) {
	t.Parallel()
	system := mustSet(t, "VENDOR USR 429 format=4,0\n")
	compile := func(name, value string) *Compiled {
		entries, err := ParseJSON([]byte(value))
		if err != nil {
			t.Fatal(err)
		}
		c, err := CompileStored(name, entries, system)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	zed := compile("zed", `[{"vendor":{"Zed":77777,"format":"2,2"}},{"attr":{"vid":77777,"id":1,"type":"tlv","name":"Z"}}]`)
	all := NewSet(zed).Join(system)
	const (
		far   = `[{"attr":{"vid":77777,"id":300,"type":"string","name":"A"}}]`
		long  = `[{"attr":{"vid":77777,"id":30,"type":"octets[247]","name":"A"}}]`
		usr   = `[{"attr":{"vid":429,"id":70000,"type":"string","name":"A"}}]`
		other = `[{"vendor":{"USR":429}},{"attr":{"vid":429,"id":70000,"type":"string","name":"A"}}]`
		own   = `[{"vendor":{"USR":429,"format":"1,1"}},{"attr":{"vid":429,"id":256,"type":"string","name":"A"}}]`
	)
	for _, tc := range []struct {
		what, name, old, value string
		visible                *Set
		path                   string
	}{
		{"stated by a visible one", "d", "", far, all, ""},
		{"stated by nobody", "d", "", far, system, "value.0.attr.id"},
		{"stated by the one replaced", "zed", "zed", far, all, "value.0.attr.id"},
		{"stated by the one renamed", "d", "zed", far, all, "value.0.attr.id"},
		{"stated by the one hidden", "zed", "", far, all, "value.0.attr.id"},
		{"too long for the format", "d", "", long, all, "value.0.attr.type"},
		{"not too long for 1,1", "d", "", long, system, ""},
		{"stated by the system", "d", "", usr, all, ""},
		{"stated by the system, for a dictionary of its name", "a", "", usr, all, ""},
		{"an entry that says nothing", "d", "", other, all, ""},
		{"an entry that says 1,1", "d", "", own, all, "value.1.attr.id"},
	} {
		entries, err := ParseJSON([]byte(tc.value))
		if err != nil {
			t.Fatal(err)
		}
		_, err = CompileUpload(tc.name, tc.old, entries, tc.visible, system)
		if path, _ := firstFault(t, err); path != tc.path {
			t.Errorf("%s: fault at %q, want %q (%v)", tc.what, path, tc.path, err)
		}
		// Once stored, it stays in use.
		if _, err := CompileStored("d", entries, system); err != nil {
			t.Errorf("%s: %v", tc.what, err)
		}
	}
}
