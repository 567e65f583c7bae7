package aaa

import (
	"strconv"
	"strings"
)

// maxWhole is the most digits of a whole number: those of 64 bits.
const maxWhole = 20

// WholeNumber is the decimal of a JSON number that is whole, however it is written: 5e9 is 5000000000,
// 2.0 is 2. ok is false for a fraction, for a number of more than 20 digits and for what is no number.
func WholeNumber(text string) (decimal string, ok bool) {
	rest, negative := strings.CutPrefix(text, "-")
	mantissa, exponent, scaled := rest, 0, false
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		n, err := strconv.Atoi(rest[i+1:])
		if err != nil {
			return "", false
		}
		mantissa, exponent, scaled = rest[:i], n, true
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole == "" || !decimals(whole) || !decimals(fraction) {
		return "", false
	}
	if !scaled && fraction == "" && !strings.Contains(mantissa, ".") && (len(whole) == 1 || whole[0] != '0') && text != "-0" {
		return text, len(whole) <= maxWhole
	}
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0", true
	}
	short := strings.TrimRight(digits, "0")
	zeros := len(digits) - len(short) - len(fraction) + exponent // behind the digits that count
	if zeros < 0 || zeros > maxWhole || len(short)+zeros > maxWhole {
		return "", false
	}
	decimal = short + strings.Repeat("0", zeros)
	if negative {
		decimal = "-" + decimal
	}
	return decimal, true
}

func decimals(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
