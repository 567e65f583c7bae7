package translate

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

// TestMatchAgreesWithRegexp holds every form of matcher against the regexp
// itself: the shortcuts must change nothing but the cost.
func TestMatchAgreesWithRegexp(t *testing.T) {
	t.Parallel()
	patterns := map[string]form{
		`^(.*)$`:                     formAny,
		`^(.+)$`:                     formSome,
		`(.*)`:                       formSpan,
		`^([^@]*)`:                   formSpan,
		`\b([0-9]+)\b`:               formSpan,
		`(?s)^(.*)$`:                 formSpan,
		`(?-s)^(.*)$`:                formSpan,
		`a|(.*)`:                     formGroup,
		`(?m)^(.*)$`:                 formSpan,
		`^(?P<value>a|b.*)$`:         formSpan,
		`^(?:(x+))?`:                 formGroup,
		`^[^@]*@(.*)$`:               formGroup,
		`^(a)|b$`:                    formGroup,
		`^(a)(b*)$`:                  formGroup,
		`^sip:(?P<value>[^@]+)@(.*)`: formGroup,
		`(x)?(?P<value>y)?`:          formGroup,
		`((a)b)`:                     formSpan,
	}
	texts := []string{
		"", "a", "b", "bcd", "x", "y", "xy", "ab", "abbb", "bob@example.com", "sip:bob@example.com",
		"one\ntwo", "\n", "a\n", "12 34", "café \xff", "@",
	}
	for pattern, want := range patterns {
		m, err := compileMatcher(pattern)
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		if m.form != want {
			t.Errorf("%s: form %d, want %d", pattern, m.form, want)
		}
		re := regexp.MustCompile("(?s)" + pattern)
		group := 1
		if i := re.SubexpIndex("value"); i > 0 {
			group = i
		}
		for _, text := range texts {
			var wantText string
			at := re.FindStringSubmatchIndex(text)
			wantOK := at != nil && at[2*group] >= 0
			if wantOK {
				wantText = text[at[2*group]:at[2*group+1]]
			}
			f := m.find(text)
			got, ok := f.part, f.ok
			if ok != wantOK || ok && got != wantText {
				t.Errorf("%s on %q: %q %v, want %q %v", pattern, text, got, ok, wantText, wantOK)
			}
		}
	}
}

// TestDotMatchesLineBreaks: what ^(.*)$ says is the whole text.
func TestDotMatchesLineBreaks(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		`^(.*)$`: "one\ntwo\n", `^(.+)$`: "one\ntwo\n", `(.*)`: "one\ntwo\n", `^o(.*)$`: "ne\ntwo\n", `^x|(.*)$`: "one\ntwo\n",
		`(?-s)(.*)`: "one", `(?m)^(\w*)$`: "one", `^([^\n]*)`: "one",
	} {
		m, err := newMatcher(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if f := m.find("one\ntwo\n"); !f.ok || f.part != want {
			t.Errorf("%s: %+v, want %q", pattern, f, want)
		}
	}
	if m, _ := newMatcher(`(?-s)^(.*)$`); m != nil {
		if f := m.find("one\n"); f.ok {
			t.Errorf("without the flag a dot matches a line break: %q", f.part)
		}
	}
}

func TestMatcherRefuses(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		`^.*$`:                                   "no group",
		`^(?:.*)$`:                               "no group",
		``:                                       "no group",
		`(`:                                      "does not compile",
		`(a)\1`:                                  "does not compile", // RE2 has no back references
		`(?=a)(b)`:                               "does not compile", // nor look-ahead
		`(x{1001})`:                              "does not compile",
		`((x{30}){30}(y{30}){30}z{999})`:         "too large",
		`(` + strings.Repeat(`\pL{50}`, 5) + `)`: "too large",
		`(` + strings.Repeat("a", MaxRegexpLength-1) + `)`: "longer than 1024",
	} {
		_, err := compileMatcher(pattern)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %q", pattern, err, want)
		}
	}
	if _, err := compileMatcher(`(` + strings.Repeat("a", MaxRegexpLength-2) + `)`); err != nil {
		t.Errorf("a regexp of exactly %d octets: %v", MaxRegexpLength, err)
	}
	if _, err := compileMatcher(`.*`); !errors.Is(err, errNoGroup) {
		t.Errorf("got %v, want errNoGroup", err)
	}
}

// FuzzMatcher compiles hostile regexps: no panic, no oversized program, and the shortcuts agree with the regexp.
func FuzzMatcher(f *testing.F) {
	for _, s := range []string{`^(.*)$`, `^([^@]*)`, `((x{9}){9}){9}(y)`, `(?i)(?P<value>ſ)`, `(\b|a)(b)`, `(|a)*`, `(?U)(a+?)`, `\Q(\E(x)`} {
		f.Add(s, "ab\nc@d")
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		m, err := newMatcher(pattern)
		if err != nil || len(pattern) > MaxRegexpLength || len(text) > 4096 {
			return
		}
		f := m.find(text)
		got, ok := f.part, f.ok
		at := m.regexp().FindStringSubmatchIndex(text)
		if want := at != nil && at[2*m.group] >= 0; ok != want || ok && got != text[at[2*m.group]:at[2*m.group+1]] {
			t.Fatalf("%q on %q: %q %v, the regexp says %v", pattern, text, got, ok, at)
		}
	})
}
