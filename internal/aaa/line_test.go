package aaa

import "testing"

func TestIsLine(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "Acme GmbH & Co. KG", "Zoë", "日本電信", "مثال", "e\u0301", "a\u00a0b", "☎ 24/7", "~"} {
		if !IsLine(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, r := range []rune{
		0, '\t', '\n', '\r', 0x1f, 0x7f, 0x85, 0x9f, 0xad, 0x34f, 0x61c, 0x115f, 0x180e, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f,
		0x2028, 0x2029, 0x202a, 0x202e, 0x2060, 0x2064, 0x2065, 0x2066, 0x2069, 0x206a, 0x3164, 0xfe0f, 0xfeff, 0xffa0, 0xfff9, 0x1d173, 0xe0001, 0xe007f, 0xe0100,
	} {
		if IsLine("a" + string(r) + "b") {
			t.Errorf("U+%04X is taken", r)
		}
	}
	if IsLine("a\xff") {
		t.Error("what is no UTF-8 is taken")
	}
}
