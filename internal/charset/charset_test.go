package charset

import (
	"bytes"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"UTF-8", "# ü\nbob:x\n", "# ü\nbob:x\n"},
		{"a byte order mark", "\ufeffbob:x\n", "bob:x\n"},
		{"a comment", "# M\xfcller\nbob:x", "# Müller\nbob:x"},
		{"a comment behind something", "ATTRIBUTE A 1 string # \xe9\t\xdf\r\nx", "ATTRIBUTE A 1 string # é\tß\r\nx"},
		{"UTF-8 and not, line by line", "# ü\n# \xfc\n", "# ü\n# ü\n"},
		{"a name", "m\xfcller:x\n# \xfc\n", "m\xfcller:x\n# ü\n"},
		{"a name before a comment", "m\xfcller:x # \xfc\n", "m\xfcller:x # \xfc\n"},
		{"a value in quotes", "\tReply-Message = \"a # \xfc\"\n", "\tReply-Message = \"a # \xfc\"\n"},
		{"a # within a word", "a#\xfc\n", "a#\xfc\n"},
	} {
		if got := string(Clean([]byte(tc.text))); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	if got := string(FromLatin1([]byte("M\xfcller \xa7"))); got != "Müller §" {
		t.Errorf("ISO 8859-1 is %q", got)
	}
}

// FuzzClean: lines stay lines, what is UTF-8 stays as it is, and nothing is left to clean.
func FuzzClean(f *testing.F) {
	f.Add([]byte("# \xfc\n\"# \xfc\" #\xfc\r\nx"))
	f.Add([]byte("\ufeff\ufeff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got := Clean(text)
		if bytes.Count(got, []byte("\n")) != bytes.Count(text, []byte("\n")) {
			t.Errorf("%q became %q", text, got)
		}
		if utf8.Valid(text) && !bytes.Equal(got, bytes.TrimPrefix(text, []byte("\ufeff"))) {
			t.Errorf("%q became %q", text, got)
		}
		if !utf8.Valid(FromLatin1(text)) {
			t.Errorf("%q is not UTF-8", FromLatin1(text))
		}
	})
}
