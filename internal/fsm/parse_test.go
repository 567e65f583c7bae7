package fsm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aaa-api/internal/fsm"
)

// exceptLines compares Sources but for where things stood in the text.
var exceptLines = cmp.Options{
	cmpopts.IgnoreFields(fsm.Named{}, "Line"),
	cmpopts.IgnoreFields(fsm.Origin{}, "Line"),
	cmpopts.IgnoreFields(fsm.Handler{}, "Line"),
}

// unharmed fails where a Source does not come back the same from its text and its JSON.
func unharmed(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, s *fsm.Source,
) {
	t.Helper()
	text := s.Text()
	again, faults := fsm.ParseText(text)
	if len(faults) > 0 {
		t.Fatalf("the text of a table is refused: %v\n%s", faults, text)
	}
	if diff := cmp.Diff(s, again, exceptLines); diff != "" {
		t.Fatalf("by way of text:\n%s\n%s", diff, text)
	}
	if second := again.Text(); string(second) != string(text) {
		t.Fatalf("not a fixpoint:\n%s\n%s", text, second)
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	fromJSON, faults := fsm.ParseJSON(data)
	if len(faults) > 0 {
		t.Fatalf("the JSON of a table is refused: %v\n%s", faults, data)
	}
	if diff := cmp.Diff(s, fromJSON, exceptLines); diff != "" {
		t.Fatalf("by way of JSON:\n%s", diff)
	}
}

func TestParseText(t *testing.T) {
	t.Parallel()
	const text = "\uFEFF# Title\r\n" +
		"%fsmid  version\t2 of the great table\r\n" +
		"%OTHER ignored\r\n" +
		"\r\n" +
		"#about the event\r\n" +
		"Event  Went-Wrong\r\n" +
		"#\r\n" +
		"#   indented  \r\n" +
		"Begin:\t\r\n" +
		"# first\r\n" +
		"  *.+authen.Ack  radius   wait\r\n" +
		"\t*.*.ACCT\tLog\tEND\t-3 \"a \\\"b\\\" \\\\ c\\d\"\r\n" +
		"Wait :\r\n" +
		" Begin.RADIUS.ACK REPLY same\r\n" +
		"end:\r\n" +
		"# after\r\n"
	source, faults := fsm.ParseText([]byte(text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	minus3 := int32(-3)
	want := &fsm.Source{
		ID:     "version 2 of the gre",
		Events: []fsm.Named{{Name: "Went-Wrong", Comments: []string{"Title", "about the event"}, Line: 6}},
		States: []fsm.Origin{
			{Name: "Begin", Comments: []string{"", "  indented"}, Line: 9, Lines: []fsm.Handler{
				{State: "*", Action: "+authen", Event: "Ack", Do: "radius", Next: "wait", Comments: []string{"first"}, Line: 11},
				{State: "*", Action: "*", Event: "ACCT", Do: "Log", Next: "END", Xvalue: &minus3, Xstring: `a "b" \ c\d`, Line: 12},
			}},
			{Name: "Wait", Line: 13, Lines: []fsm.Handler{
				{State: "Begin", Action: "RADIUS", Event: "ACK", Do: "REPLY", Next: "same", Line: 14},
			}},
		},
		Comments: []string{"after"},
	}
	if diff := cmp.Diff(want, source); diff != "" {
		t.Error(diff)
	}
	unharmed(t, source)
	const canonical = `%FSMID version 2 of the gre

# Title
# about the event
event Went-Wrong

#
#   indented
Begin:
# first
    *.+authen.Ack     radius  wait
    *.*.ACCT          Log     END   Xvalue=-3 Xstring="a \"b\" \ c\d"

Wait:
    Begin.RADIUS.ACK  REPLY   same

End:
# after
`
	if diff := cmp.Diff(canonical, string(source.Text())); diff != "" {
		t.Error(diff)
	}
}

func TestExtras(t *testing.T) {
	t.Parallel()
	const none = int32(-99)
	for _, c := range []struct {
		text   string
		value  int32
		string string
	}{
		{``, none, ""},
		{`Xvalue=1 Xstring=Some-Text`, 1, "Some-Text"},
		{`XSTRING = "two words" xvalue = "7"`, 7, "two words"},
		{`Xstring=12`, none, "12"},
		{`Xstring="12"`, none, "12"},
		{`Xstring=a=b`, none, "a=b"},
		{`Xstring=EXAMPLE.COM@kdc.example.com:88`, none, "EXAMPLE.COM@kdc.example.com:88"},
		{`5`, 5, ""},
		{`-5 text`, -5, "text"},
		{`text`, none, "text"},
		{`"quoted text"`, none, "quoted text"},
		{`"5"`, none, "5"},
		{`2147483647 ""`, 2147483647, ""},
		{`Session-Timeout = 30, Reply-Message = "Grüße, you"`, 30, "Grüße, you"},
		{`Reply-Message="x"`, none, "x"},
		{`NAS-Port=-2147483648`, -2147483648, ""},
		{`"a\b\\c"`, none, `a\b\c`},
		{`"ends in \\"`, none, `ends in \`},
	} {
		source, faults := fsm.ParseText([]byte("S:\n *.*.AUTHEN LOG End " + c.text + "\nEnd:"))
		if len(faults) > 0 {
			t.Errorf("%s: %v", c.text, faults)
			continue
		}
		h := source.States[0].Lines[0]
		value := none
		if h.Xvalue != nil {
			value = *h.Xvalue
		}
		if value != c.value || h.Xstring != c.string {
			t.Errorf("%s: %d and %q", c.text, value, h.Xstring)
		}
		unharmed(t, source)
	}
}

// TestBounds passes each bound by one, and stays within it.
func TestBounds(t *testing.T) {
	t.Parallel()
	line := " *.*.AUTHEN LOG End\n"
	table := func(head, lines string) string { return head + "S:\n" + lines + "End:\n" }
	states := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString("S" + strings.Repeat("x", i%3) + "-" + string(rune('a'+i%26)) + ":\n")
		}
		return b.String() + "End:\n"
	}
	for name, c := range map[string]struct {
		fits, over string
		rule       string
	}{
		"text":    {table("#"+strings.Repeat("x", fsm.MaxText-10)+"\n", "")[:fsm.MaxText-10] + "\nS:\nEnd:\n", strings.Repeat("#\n", fsm.MaxText/2) + "#", "too_long"},
		"states":  {states(fsm.MaxStates), states(fsm.MaxStates + 1), "too_many"},
		"lines":   {table("", strings.Repeat(" *.*.DUP A B\n", fsm.MaxLines)), table("", strings.Repeat(" *.*.DUP A B\n", fsm.MaxLines+1)), "too_many"},
		"events":  {table(strings.Repeat("event A\n", fsm.MaxEvents), line), table(strings.Repeat("event A\n", fsm.MaxEvents+1), line), "too_many"},
		"event":   {table("event "+strings.Repeat("e", fsm.MaxName)+"\n", line), table("event "+strings.Repeat("e", fsm.MaxName+1)+"\n", line), "too_long"},
		"state":   {strings.Repeat("s", fsm.MaxName) + ":\nEnd:", strings.Repeat("s", fsm.MaxName+1) + ":\nEnd:", "too_long"},
		"action":  {table("", " *.*.DUP "+strings.Repeat("a", fsm.MaxActionName)+" End\n"), table("", " *.*.DUP "+strings.Repeat("a", fsm.MaxActionName+1)+" End\n"), "too_long"},
		"by":      {table("", " *."+strings.Repeat("a", fsm.MaxActionName)+".DUP LOG End\n"), table("", " *."+strings.Repeat("a", fsm.MaxActionName+1)+".DUP LOG End\n"), "too_long"},
		"next":    {table("", " *.*.DUP LOG "+strings.Repeat("n", fsm.MaxName)+"\n"), table("", " *.*.DUP LOG "+strings.Repeat("n", fsm.MaxName+1)+"\n"), "too_long"},
		"xstring": {table("", " *.*.DUP LOG End "+strings.Repeat("x", fsm.MaxXstring)+"\n"), table("", " *.*.DUP LOG End "+strings.Repeat("x", fsm.MaxXstring+1)+"\n"), "too_long"},
		"xvalue":  {table("", " *.*.DUP LOG End 2147483647\n"), table("", " *.*.DUP LOG End 2147483648\n"), "syntax"},
	} {
		if source, faults := fsm.ParseText([]byte(c.fits)); len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
		} else {
			written := source.Text()
			if again, _ := fsm.ParseText(written); string(again.Text()) != string(written) {
				t.Errorf("%s: the text does not come back", name)
			}
		}
		_, faults := fsm.ParseText([]byte(c.over))
		if len(faults) != 1 || faults[0].Rule != c.rule {
			t.Errorf("%s: over the bound: %v", name, faults)
		}
	}
}

// TestManyFaults: an answer is bounded, and says how many faults it leaves out.
func TestManyFaults(t *testing.T) {
	t.Parallel()
	text := "S:\n *.*.AUTHEN LOG End\n" + strings.Repeat(" *.*.DUP NOPE Nowhere\n", 500) + "End:\n"
	table, errors, warnings := fsm.Check([]byte(text), specs())
	if table != nil || len(errors) != fsm.MaxFaults || len(warnings) != fsm.MaxFaults {
		t.Fatalf("%d errors, %d warnings", len(errors), len(warnings))
	}
	if last := errors[fsm.MaxFaults-1]; last.Rule != "more" || !strings.HasSuffix(last.Message, ": 801") {
		t.Errorf("the last is %v", last)
	}
}

// TestTightText: a table that can't be written in columns within MaxText is written without, and no
// longer than it was.
func TestTightText(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("S:\n")
	b.WriteString("#" + strings.Repeat("c", fsm.MaxText-110000) + "\n")
	for range 5000 {
		b.WriteString("#c\n *.*.DUP L E 1 x\\\n")
	}
	b.WriteString(" " + strings.Repeat("s", 64) + ".*.DUP L E \"a \\ b \\\\\"\nEnd:")
	if b.Len() > fsm.MaxText {
		t.Fatal("the text is too long for the test")
	}
	source, faults := fsm.ParseText([]byte(b.String()))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if got := source.Text(); string(got) != b.String() {
		t.Errorf("%d octets became %d", b.Len(), len(got))
	}
}
