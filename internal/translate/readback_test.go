package translate_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
)

// digits names values by digits, as a few of FreeRADIUS's dictionaries do (USR-Speed-Of-Connection).
const digits = `
ATTRIBUTE	Speed	200	integer
VALUE	Speed	56	1
VALUE	Speed	57	56
VALUE	Speed	-1	2
ATTRIBUTE	Long	201	integer64
VALUE	Long	18446744073709551615	7
ATTRIBUTE	Small	202	byte
VALUE	Small	5	7
ATTRIBUTE	Below	203	signed
VALUE	Below	-5	5
ATTRIBUTE	Yes	204	bool
VALUE	Yes	true	0
ATTRIBUTE	Since	205	date
VALUE	Since	5	7
ATTRIBUTE	List	206	short	array
VALUE	List	1	2
`

func digitSet(t *testing.T) *dict.Set {
	t.Helper()
	entries, err := dict.ParseText("digits", []byte(digits), nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := dict.Compile("digits", entries, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dict.NewSet(c)
}

// TestReadBack: what answers show under avps is taken back as the same value, be it a number or a name of digits.
func TestReadBack(t *testing.T) {
	t.Parallel()
	set := digitSet(t)
	var rules []aaa.Rule
	for _, name := range []string{"Speed", "Long", "Small", "Below", "Yes", "Since", "List"} {
		rules = append(rules, rule(name, name, `^(.*)$`))
	}
	b, none := compile(t, rules...).Bind(set, aaa.Strict), compile(t).Bind(set, aaa.Strict)
	for _, tc := range []struct{ name, wire, shown string }{
		{"Speed", "00000001", `"56"`},
		{"Speed", "00000038", `"57"`},
		{"Speed", "00000039", `57`},
		{"Speed", "00000002", `"-1"`},
		{"Long", "0000000000000007", `"18446744073709551615"`},
		{"Long", "ffffffffffffffff", `18446744073709551615`},
		{"Small", "05", `5`},
		{"Small", "07", `"5"`},
		{"Below", "fffffffb", `-5`},
		{"Below", "00000005", `"-5"`},
		{"Yes", "00", `"true"`},
		{"Yes", "01", `true`},
		{"Since", "00000007", `"5"`},
		{"Since", "00000005", `"1970-01-01T00:00:05Z"`},
		{"List", "0002", `"1"`},
		{"List", "0001", `1`},
	} {
		wire, err := hex.DecodeString(tc.wire)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := none.Back(t.Context(), []aaa.AVP{{Attr: set.ByName(tc.name), Value: wire}}, nil, nil)
		if got := compact(t, rest.Value(tc.name)); got != tc.shown {
			t.Errorf("%s 0x%s is shown as %s, want %s", tc.name, tc.wire, got, tc.shown)
		}
		for _, values := range []map[string]any{decode(t, compact(t, rest)), {tc.name: []any{decode(t, compact(t, rest))[tc.name]}}} {
			avps, err := b.Out(t.Context(), nil, values, nil, nil)
			if err != nil || len(avps) != 1 || !bytes.Equal(avps[0].Value, wire) {
				t.Errorf("%v went out as %v (%v), want 0x%s", values, avps, err, tc.wire)
			}
		}
	}
}

// TestNumbersStayNumbers: a number that a rule takes whole, or casts, names no value; a part of one is text.
func TestNumbersStayNumbers(t *testing.T) {
	t.Parallel()
	set := digitSet(t)
	cast := rule("cast", "Speed", `^x?(.*)$`)
	cast.Cast = aaa.StringToInteger
	b := compile(t, rule("whole", "Speed", `^0*([0-9]+)$`), rule("part", "Speed", `^1([0-9]+)$`), cast).Bind(set, aaa.Strict)
	for _, tc := range []struct {
		key   string
		value any
		want  byte
	}{
		{"whole", json.Number("56"), 56},
		{"whole", "56", 1},
		{"whole", "056", 1},
		{"part", json.Number("156"), 1},
		{"part", json.Number("158"), 58},
		{"cast", "x56", 56},
		{"cast", json.Number("56"), 56},
	} {
		avps, err := b.Out(t.Context(), nil, map[string]any{tc.key: tc.value}, nil, nil)
		if err != nil || len(avps) != 1 || avps[0].Value[3] != tc.want {
			t.Errorf("%s %T %v: %v, %v, want %d", tc.key, tc.value, tc.value, avps, err, tc.want)
		}
	}
}
