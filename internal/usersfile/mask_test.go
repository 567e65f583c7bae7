package usersfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const stored = `# Users.
#gone:` + weak + `:1:2
bob	Password = "` + weak + `", NAS-Port = 5   # was $5$old$hash
	Session-Timeout = 3600
'ann' Crypt-Password := '$argon2id$v=19$m=4096,t=2,p=2$c29tZXNhbHQ$2azoCwSu9gA2AmSW1hAPee6Tj2eFRBsO56AkmSIllt8'
carl:` + weak + `:19000::
eve:!
fred:!!` + weak + `
# ********
`

const shown = `# Users.
#gone:********
bob	Password = "********", NAS-Port = 5   # was ********
	Session-Timeout = 3600
'ann' Crypt-Password := '********'
carl:********:19000::
eve:!
fred:********
# ********
`

func TestMaskAndMerge(t *testing.T) {
	t.Parallel()
	if _, faults := Parse([]byte(stored)); len(faults) > 0 {
		t.Fatal(faults)
	}
	if diff := cmp.Diff(shown, string(Mask([]byte(stored)))); diff != "" {
		t.Errorf("masked: %s", diff)
	}
	if diff := cmp.Diff(shown, string(Mask([]byte(shown)))); diff != "" {
		t.Errorf("masked twice: %s", diff)
	}
	back, faults := Merge([]byte(shown), []byte(stored))
	if diff := cmp.Diff(stored, string(back)); diff != "" || len(faults) > 0 {
		t.Errorf("sent back: %s%v", diff, faults)
	}
}

// TestMergeEdited sends a file back after some work on it.
func TestMergeEdited(t *testing.T) {
	t.Parallel()
	fresh := "$1$zzzzzzzz$y6iHhJNbuC0xpbk0w9pm80"
	edited := strings.Join([]string{
		"carl Password = ********",                      // from the one form to the other
		"ann Password = ********",                       // a hash with commas, out of its quotes
		`"bob" Password = "********", NAS-Port = 6 # x`, // other items, the name in quotes
		"eve:" + fresh,                                  // a new password
		"fred:********",                                 // stays locked
		"bobby:********",                                // renamed: whose hash?
		"gone:********",                                 // was only in a comment
		"EVE:********",
	}, "\r\n")
	got, faults := Merge([]byte(edited), []byte(stored))
	want := strings.Join([]string{
		"carl Password = " + weak,
		`ann Password = "$argon2id$v=19$m=4096,t=2,p=2$c29tZXNhbHQ$2azoCwSu9gA2AmSW1hAPee6Tj2eFRBsO56AkmSIllt8"`,
		`"bob" Password = "` + weak + `", NAS-Port = 6 # x`,
		"eve:" + fresh,
		"fred:!!" + weak,
		"",
		"",
		"",
	}, "\r\n")
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	var lines []int
	for _, f := range faults {
		if f.Rule != "masked" {
			t.Errorf("fault %+v", f)
		}
		lines = append(lines, f.Line)
	}
	if diff := cmp.Diff([]int{6, 7, 8}, lines); diff != "" {
		t.Errorf("faults: %s", diff)
	}
	// The first file: there is nothing to keep.
	if _, faults := Merge([]byte("bob:********\n"), nil); len(faults) != 1 {
		t.Errorf("nothing stored: %v", faults)
	}
	if _, faults := Merge([]byte(strings.Repeat("#\n", MaxText/2+1)), nil); len(faults) != 1 || faults[0].Rule != "too_long" {
		t.Errorf("too long: %v", faults)
	}
}
