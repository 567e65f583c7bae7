package usersfile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const weak = `$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80`

func TestParse(t *testing.T) {
	t.Parallel()
	argon := vectors[3].hash
	f, faults := Parse([]byte(strings.Join([]string{
		"# Users of the night shift.",
		"bob\tPassword = \"" + weak + "\", NAS-Port-Type == Virtual, Tunnel-Type:1 = 'VLAN'   # on call",
		"\tSession-Timeout = 3600, Idle-Timeout = 60,",
		"  # between two items",
		"",
		`	Reply-Message = "Good \"evening\",\nbob",`,
		`	Reply-Message += 'it\'s # late',`,
		"\tSession-Timeout := 60",
		`"Ann B"  Crypt-Password := '` + argon + `'`,
		`Bob User-Password == ` + weak,
		"00:11:22:33:44:55 Password = \"" + weak + "\"\r",
		"carl:" + weak,
		"dora:" + weak + ":19000:0:99999:7:::",
		"eve:!:19000::::::",
		"fred:*",
		"gus:!!" + weak,
		"hal:*LK*:::",
		"Zoë:" + weak + "  ",
	}, "\n")))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	want := []Entry{
		{
			Name:  "bob",
			Check: []Item{{"NAS-Port-Type", "Virtual"}, {"Tunnel-Type:1", "VLAN"}},
			Reply: []Item{
				{"Idle-Timeout", "60"},
				{"Reply-Message", "Good \"evening\",\nbob"},
				{"Reply-Message", "it's # late"},
				{"Session-Timeout", "60"},
			},
		},
		{Name: "Ann B"},
		{Name: "Bob"},
		{Name: "00:11:22:33:44:55"},
		{Name: "carl"},
		{Name: "dora"},
		{Name: "eve"},
		{Name: "fred"},
		{Name: "gus"},
		{Name: "hal"},
		{Name: "Zoë"},
	}
	got := make([]Entry, len(f.entries))
	var lockedNames []string
	for i, u := range f.entries {
		got[i] = u.Entry
		if u.digest == nil {
			lockedNames = append(lockedNames, u.Name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if want := []string{"eve", "fred", "gus", "hal"}; !slices.Equal(lockedNames, want) {
		t.Errorf("locked: %v, want %v", lockedNames, want)
	}
}

// TestFaults has all faults of a file told at once, and none of them shows what is in it.
func TestFaults(t *testing.T) {
	t.Parallel()
	lines := []struct{ text, rule string }{
		{"\tSession-Timeout = 5", "orphan"},
		{"bob:" + weak, ""},
		{"bob Password = \"" + weak + "\"", "duplicate"},
		{"DEFAULT Password = \"" + weak + "\"", "default"},
		{"\tSession-Timeout = 3600", ""},
		{"DEFAULT Auth-Type = System", "default"},
		{"DEFAULT", "default"},
		{"carl Password = \"" + weak, "syntax"},
		{"carl Password = \"" + weak + "\" Session-Timeout = 5", "syntax"},
		{"dora NAS-Port = 5", "required"},
		{"dirk Cleartext-Password := \"hunter2\"", "clear_text"},
		{"dora Password = \"" + weak + "\", Password = \"" + weak + "\"", "duplicate"},
		{"dora Password != \"" + weak + "\"", "operator"},
		{"dora Password = \"" + weak + "\", NAS-Port > 5", "operator"},
		{"dave Password = hunter2", "clear_text"},
		{"gina Password = \"" + weak + "\"", ""},
		{"\tSession-Timeout > 5", "operator"},
		{"\tReply-Message = `hunter2`", "syntax"},
		{"\tReply-Message =", "syntax"},
		{"Reply-Message = hunter2", "orphan"},
		{"\thunter2", "syntax"},
		{weak, "required"},
		{"hunter2 " + weak, "syntax"},
		{":" + weak, "required"},
		{"\"a\\nb\" Password = \"" + weak + "\"", "syntax"},
		{strings.Repeat("n", 254) + ":" + weak, "too_long"},
		{"eve Password = \"" + weak + "\", Filter-Id = " + strings.Repeat("v", 1025), "too_long"},
		{"hunter2\x00:" + weak, "syntax"},
		{"hunter2\xff:" + weak, "syntax"},
		{strings.Repeat(" ", 8192) + "#", "too_long"},
		{"$INCLUDE /etc/shadow", "syntax"},
		{"frank:" + weak, ""},
		{"\tFall-Through = Yes", "fall_through"},
		{"\tSession-Timeout = 5, fall-through = 1", "fall_through"},
		{"gus Password = \"" + weak + "\", Fall-Through = Yes", "fall_through"},
	}
	var text strings.Builder
	var want []string
	for i, l := range lines {
		text.WriteString(l.text + "\n")
		if l.rule != "" {
			want = append(want, fmt.Sprintf("%d %s", i+1, l.rule))
		}
	}
	f, faults := Parse([]byte(text.String()))
	var got []string
	for _, fault := range faults {
		got = append(got, fmt.Sprintf("%d %s", fault.Line, fault.Rule))
		if shown := fmt.Sprintf("%+v", fault); strings.Contains(shown, "hunter") || strings.Contains(shown, "abcdefgh") || strings.Contains(shown, "y6iH") {
			t.Errorf("%s shows a password", shown)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// What has no fault works all the same.
	for name, verdict := range map[string]Verdict{"bob": Accepted, "gina": Accepted, "dora": Refused, "frank": Accepted, "carl": Refused, "DEFAULT": Refused} {
		if _, got, err := f.Verify(name, password, atOnce); got != verdict || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	entries := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "u%d:%s\n", i, weak)
		}
		return b.String()
	}
	items := func(n int) string {
		return "bob:" + weak + "\n" + strings.Repeat("\tReply-Message = x\n", n)
	}
	checks := func(n int) string {
		return "bob Password = '" + weak + "'" + strings.Repeat(", NAS-Port = 1", n) + "\n"
	}
	comments := func(n int) string { return strings.Repeat("#\n", n/2) }
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"entries":             {entries(MaxEntries), 0},
		"too many entries":    {entries(MaxEntries + 1), MaxEntries + 1},
		"items":               {items(MaxReplies), 0},
		"too many items":      {items(MaxReplies + 1), MaxReplies + 2},
		"checks":              {checks(MaxChecks), 0},
		"too many checks":     {checks(MaxChecks + 1), 1},
		"octets":              {comments(MaxText), 0},
		"too many octets":     {comments(MaxText + 2), -1},
		"more faults than":    {strings.Repeat("x\n", MaxFaults+5), MaxFaults},
		"an empty file":       {"", 0},
		"no end of last line": {"bob:" + weak, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, faults := Parse([]byte(c.text))
			switch {
			case c.line == 0 && len(faults) > 0:
				t.Errorf("faults %v", faults)
			case c.line != 0 && len(faults) == 0:
				t.Error("no fault")
			case c.line > 0 && faults[len(faults)-1].Line != c.line:
				t.Errorf("last fault %+v, want line %d", faults[len(faults)-1], c.line)
			}
		})
	}
}

// TestNothingPrintsHashes formats a File in every way that fmt has.
func TestNothingPrintsHashes(t *testing.T) {
	t.Parallel()
	f, _ := Parse([]byte("bob:" + weak + "\n"))
	holder := struct {
		Users  *File
		hidden *File
	}{f, f}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, v := range []any{f, holder, []*File{f}, map[string]*File{"users": f}} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, "abcdefgh") || strings.Contains(out, "y6iH") || strings.Contains(out, "6162636465") {
				t.Errorf("%s shows %s", verb, out)
			}
		}
	}
	if got := fmt.Sprint(f); got != "users file of 1 entries" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("bob Password = \"" + weak + "\", NAS-Port = 5\n\tReply-Message = \"a\\\"b\", X := 'y'\n# c " + weak + "\n")
	f.Add("ann:" + vectors[3].hash + ":1:2\r\neve:!\n\"a b\" Crypt-Password := ********\n")
	for _, v := range vectors {
		f.Add("ann:" + v.hash)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, faults := Parse([]byte(text))
		if file == nil {
			t.Fatal("no file")
		}
		for _, fault := range faults {
			if fault.Message == "" || fault.Rule == "" || fault.Line < 0 || fault.Line > strings.Count(text, "\n")+1 {
				t.Errorf("fault %+v", fault)
			}
		}
		if len(faults) > 0 {
			return
		}
		masked := Mask([]byte(text))
		merged, faults := Merge(masked, []byte(text))
		if len(faults) > 0 || string(merged) != text {
			t.Errorf("%q masked is %q and comes back as %q with %v", text, masked, merged, faults)
		}
		for _, u := range file.entries {
			if u.digest != nil && strings.Contains(string(masked), string(u.digest.Key())) && len(u.digest.Key()) > 20 {
				t.Errorf("%q shows the hash of %q", masked, u.Name)
			}
		}
	})
}
