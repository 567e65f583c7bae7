package usersfile_test

import (
	"strings"
	"testing"

	"aaa-api/internal/usersfile"
)

const locksmith = `$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80`

func rights(t *testing.T, items string) *usersfile.Rights {
	t.Helper()
	f, faults := usersfile.Parse([]byte("bob:" + locksmith + "\n" + items + "\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	e, ok := f.Find("bob")
	if !ok {
		t.Fatal("no bob")
	}
	return e.Rights
}

// TestCommands: the first rule that matches the whole command decides, and without one the answer is no.
func TestCommands(t *testing.T) {
	t.Parallel()
	reader := ` Command-Deny = "show running-config.*"
 command-permit = "show .*", Command-Permit += "ping [0-9.]+", Reply-Message = "Good evening"
 Command-Deny = "ping.*"
 Priv-Lvl = 7`
	for _, c := range []struct {
		items string
		cmd   string
		words []string
		want  bool
	}{
		{reader, "show", []string{"version", "<cr>"}, true},
		{reader, "show", []string{"running-config", "<cr>"}, false},
		{reader, "show", []string{" running-config"}, false},
		{reader, "show", []string{"", "running-config"}, false},
		{reader, "show running-config", nil, false},
		{reader, "show", nil, false},
		{reader, "ping", []string{"192.0.2.1"}, true},
		{reader, "ping", []string{"192.0.2.1", "repeat", "9"}, false},
		{reader, "reload", nil, false},
		{reader, "no show", []string{"x"}, false},
		{reader, "show", []string{"version\nreload"}, false}, // two commands to a device
		{reader, "show\treload", nil, false},
		{reader, "show", []string{"\u00a0running-config"}, false},
		{reader, "show", []string{"version\x00"}, false},
		{reader, "show", []string{strings.Repeat("x", usersfile.MaxCommand)}, false},
		{` Command-Permit = "a|b"`, "b", nil, true},
		{` Command-Permit = "a|b"`, "bx", nil, false},
		{` Command-Permit = "(?i)RELOAD"`, "reload", nil, true},
		{` Priv-Lvl = 15`, "show", nil, false},
		{` Command-Permit = ".*"`, "write", []string{"erase"}, true},
	} {
		if got := rights(t, c.items).Permit(usersfile.Command(c.cmd, c.words)); got != c.want {
			t.Errorf("%q %q by %s: %t", c.cmd, c.words, c.items, got)
		}
	}
	if r := rights(t, reader); r.Level != 7 {
		t.Errorf("level %d", r.Level)
	}
	if r := rights(t, ` Command-Permit = ".*"`); r.Level != 1 {
		t.Errorf("level %d", r.Level)
	}
	if r := rights(t, ` Session-Timeout = 5`); r != nil || r.Permit("show") {
		t.Errorf("%+v", r)
	}
}

// TestCommandsAreNoAttributes: the rules are not for the answer to a login, the level is.
func TestCommandsAreNoAttributes(t *testing.T) {
	t.Parallel()
	f, faults := usersfile.Parse([]byte("bob:" + locksmith + "\n Priv-Lvl = 15, Command-Permit = \".*\", Reply-Message = hi\n"))
	e, ok := f.Find("bob")
	if len(faults) > 0 || !ok || len(e.Reply) != 2 || e.Reply[0] != (usersfile.Item{Name: "Priv-Lvl", Value: "15"}) {
		t.Errorf("%v, %+v", faults, e)
	}
}

// TestFind: a locked user is nobody; the password * belongs to one who logs in elsewhere.
func TestFind(t *testing.T) {
	t.Parallel()
	f, faults := usersfile.Parse([]byte("bob:" + locksmith + "\neve:!\nmax:!" + locksmith + "\nstar:*" + locksmith + "\nann:*\n Command-Permit = show\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for name, want := range map[string]bool{"bob": true, "eve": false, "max": false, "star": false, "ann": true, "nobody": false, "Bob": false} {
		if _, ok := f.Find(name); ok != want {
			t.Errorf("%s: %t", name, ok)
		}
	}
	if _, v, err := f.Verify("ann", "*", func(work func()) error { work(); return nil }); v != usersfile.Refused || err != nil {
		t.Errorf("ann logs in: %v, %v", v, err)
	}
}

// TestBadCommands: each fault is told by its line, and what stands below it holds no more.
func TestBadCommands(t *testing.T) {
	t.Parallel()
	for item, rule := range map[string]string{
		`Priv-Lvl = 16`:                                                  "level",
		`Priv-Lvl = -1`:                                                  "level",
		`Priv-Lvl = root`:                                                "level",
		`Command-Deny = "show ("`:                                        "regexp",
		`Command-Deny = "show (?=x)"`:                                    "regexp",
		`Command-Deny = "(a)\\1"`:                                        "regexp",
		`Command-Deny = "a)|(?:b"`:                                       "regexp",
		`Command-Deny := "show"`:                                         "operator",
		`Command-Deny = "((a{50}){50}){50}"`:                             "regexp",
		`Command-Deny = "a{900}b{900}c{900}"`:                            "regexp_cost",
		`Command-Deny = "(x{1000}){1000}"`:                               "regexp",
		`Command-Deny = "` + strings.Repeat("x", 257) + `"`:              "too_long",
		`Command-Deny = "a{900}b", Command-Deny = "c{900}d{900}"`:        "regexp_cost",
		`Command-Permit = "a{900}b", Command-Deny = "(\\pL{2}){2}x{99}"`: "regexp_cost",
	} {
		f, faults := usersfile.Parse([]byte("bob:" + locksmith + "\n " + item + "\n Command-Permit = \".*\"\n"))
		if len(faults) != 1 || faults[0].Line != 2 || faults[0].Rule != rule {
			t.Errorf("%s: %v", item, faults)
		}
		if e, _ := f.Find("bob"); e.Rights.Permit("show") {
			t.Errorf("%s: what a fault may have denied is permitted", item)
		}
	}
	var b strings.Builder
	b.WriteString("bob:" + locksmith + "\n")
	for range usersfile.MaxReplies + 1 {
		b.WriteString(" Command-Permit += a\n")
	}
	if _, faults := usersfile.Parse([]byte(b.String())); len(faults) != 1 || faults[0].Rule != "too_many" {
		t.Errorf("%v", faults)
	}
	b.Reset()
	for i := range 60 { // each entry within its bound
		b.WriteString("u" + strings.Repeat("x", i) + ":" + locksmith + "\n Command-Permit = \"a{900}b{900}" + strings.Repeat("x", i) + "\"\n")
	}
	if _, faults := usersfile.Parse([]byte(b.String())); len(faults) == 0 || faults[0].Rule != "regexp_cost" {
		t.Errorf("%v", faults)
	}
	b.Reset()
	for i := range 60 { // equal ones are one
		b.WriteString("u" + strings.Repeat("x", i) + ":" + locksmith + "\n Command-Permit = \"a{900}b{900}\"\n")
	}
	if _, faults := usersfile.Parse([]byte(b.String())); len(faults) > 0 {
		t.Errorf("%v", faults)
	}
}

// TestMaskKeepsCommands: a file with commands is read and written back as any.
func TestMaskKeepsCommands(t *testing.T) {
	t.Parallel()
	text := "bob:" + locksmith + "\n Priv-Lvl = 15, Command-Permit = \"show .*\"\n"
	masked := usersfile.Mask([]byte(text))
	if strings.Contains(string(masked), locksmith) || !strings.Contains(string(masked), `"show .*"`) {
		t.Errorf("%s", masked)
	}
	back, faults := usersfile.Merge(masked, []byte(text))
	if string(back) != text || len(faults) > 0 {
		t.Errorf("%s, %v", back, faults)
	}
}
