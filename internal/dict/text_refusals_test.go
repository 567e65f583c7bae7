package dict

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

// TestTextRefusals holds the words of refusals: a line of a text is refused by its number, and the message says what is
// wrong with it or what is wanted.
func TestTextRefusals(t *testing.T) {
	t.Parallel()
	const vendor = "VENDOR Acme 9\nBEGIN-VENDOR Acme\nATTRIBUTE Level 1 integer\n" // three lines
	for _, tc := range []struct{ text, says string }{
		{"ATTRIBUTE A 1\n", "line 1: wanted: ATTRIBUTE name number type [flags]"},
		{"ATTRIBUTE A 1 colour\n", "line 1: the type colour is unknown"},
		{"ATTRIBUTE A 1 time_delta\n", "line 1: the type time_delta is FreeRADIUS 4 syntax"},
		{"ATTRIBUTE A 1 string clone=B\n", "line 1: the flag clone=B is FreeRADIUS 4 syntax"},
		{"ATTRIBUTE A 1 string frob\n", "line 1: unknown flag frob"},
		{"ATTRIBUTE A 1 string encrypt=4\n", "line 1: encrypt=4 is unknown"},
		{"ATTRIBUTE A 1.2 string\n", "line 1: no dictionary visible here defines the parent 1"},
		{"ATTRIBUTE A .2 string\n", "line 1: .2 is a number below the tlv defined last, and there is none"},
		{"ATTRIBUTE A x string\n", "line 1: x is not an attribute's number"},
		{"ATTRIBUTE A+ 1 string\n", "line 1: a name has only letters, digits and - _ . /"},
		{"ATTRIBUTE A 65536 string\n", "line 1: the number is not in 1..65535"},
		{vendor + "ATTRIBUTE B 256 string\n", "line 4: the number is not in 0..255: the format of vendor 9 is 1,1"},
		{vendor + "ATTRIBUTE Level 2 integer\n", "line 4: attribute Level is already defined in line 3, as Attr-26.9.1"},
		{vendor + "END-VENDOR Acme\nVENDOR B 8\nBEGIN-VENDOR B\nATTRIBUTE Level 1 integer\n", "line 7: attribute Level is already defined in line 3, as Attr-26.9.1"},
		{vendor + "VALUE Level one\n", "line 4: wanted: VALUE attribute name number"},
		{vendor + "VALUE Level one 1.5\n", "line 4: 1.5 is not a number"},
		{vendor + "VALUE Level one \"x\"\n", "line 4: a value of text is FreeRADIUS 4 syntax"},
		{vendor + "VALUE Level one 4294967296\n", "line 4: Level is of type integer: the value does not fit"},
		{vendor + "VALUE Level one 9223372036854775808\n", "line 4: the number 9223372036854775808 is too big"},
		{vendor + "VALUE Level one 1\nVALUE Level One 2\n", "line 5: value name One of Level is already defined as 1"},
		{"VALUE Nope one 1\n", "line 1: no dictionary visible here defines the attribute Nope"},
		{"VALUE-ALIAS Nope Neither\n", "line 1: no dictionary visible here defines the attribute Nope"},
		{"VALUE-ALIAS A\n", "line 1: wanted: VALUE-ALIAS name attribute"},
		{"ALIAS A Vendor-Specific.Acme.B\n", "line 1: no dictionary visible here defines the attribute Vendor-Specific.Acme.B"},
		{"VENDOR A\n", "line 1: wanted: VENDOR name number [format=T,L[,c]]"},
		{"VENDOR A 16777216\n", "line 1: a vendor's number is in 1..16777215"},
		{"VENDOR A 9 format=3,1\n", "line 1: a format is format=T,L or format=1,1,c"},
		{"VENDOR A 9\nVENDOR A 8\n", "line 2: vendor A is already defined as 9"},
		{"BEGIN-VENDOR Acme\n", "line 1: no dictionary visible here defines vendor Acme"},
		{"VENDOR A 9\nBEGIN-VENDOR A blah\n", "line 2: wanted: format= and the name of an attribute of type evs"},
		{"END-VENDOR Acme\n", "line 1: END-VENDOR without its BEGIN"},
		{vendor + "END-VENDOR Cisco\n", "line 4: END-VENDOR Cisco ends the block of Acme, begun in line 2"},
		{vendor + "BEGIN-TLV Level\n", "line 4: Level is not of type tlv"},
		{vendor + "BEGIN-TLV Nope\n", "line 4: no dictionary visible here defines the attribute Nope"},
		{vendor + "ATTRIBUTE T 2 tlv\nBEGIN-TLV T\nBEGIN-VENDOR Acme\n", "line 6: BEGIN-VENDOR inside the block of line 5"},
		{"FLAGS x\n", "line 1: FLAGS is followed by internal or !internal"},
		{"$INCLUDE other\n", "line 1: $INCLUDE is not taken: a dictionary is one text"},
		{"PROTOCOL RADIUS 1\n", "line 1: PROTOCOL: this is FreeRADIUS 4 syntax"},
		{"ATRIBUTE A 1 string\n", "line 1: unknown keyword ATRIBUTE"},
		{"\x1a\n", `line 1: unknown keyword \x1a`},
		{"ATTRIBUTE A 1 str\x00ing\n", `line 1: the type str\x00ing is unknown`},
		{"ATTRIBUTE M\xfcller 1 string\n", "line 1: not valid UTF-8, which only a comment need not be"},
		{"\xff\xfeA\x00T\x00", "line 1: the text is UTF-16: save it as UTF-8"},
		{"\xfe\xff\x00A\x00T", "line 1: the text is UTF-16: save it as UTF-8"},
	} {
		_, err := Lint("d", []byte(tc.text), nil)
		var e *aaa.Error
		if !errors.As(err, &e) || len(e.Fields) == 0 {
			t.Errorf("%q is taken, or refused without a line: %v", tc.text, err)
			continue
		}
		if got := fmt.Sprintf("%s: %s", e.Fields[0].Path, e.Fields[0].Message); !strings.HasPrefix(got, tc.says) {
			t.Errorf("%q is refused with %q, want %q", tc.text, got, tc.says)
		}
	}
}
