package aaa

import "testing"

func TestText(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"": "", "bob": "bob", "Grüße\x00\x1b": "Grüße\x00\x1b",
		"Gr\xfc\xdfe": "Grüße", "5 \x80\r\n\t\x93x\x94": "5 €\r\n\t“x”", "\xff": "ÿ",
		"\xff\x00": "0xff00", "\x81": "0x81", "\xe9\x7f": "0xe97f", "\xe9\x1b[2J": "0xe91b5b324a",
	} {
		if got := Text([]byte(value)); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}
