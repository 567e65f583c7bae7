package aaa

import (
	"math/big"
	"testing"
)

func TestWholeNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"5e9": "5000000000", "2.0": "2", "2": "2", "-2.0": "-2", "1.5e1": "15", "150e-1": "15", "0.0": "0", "-0": "0", "-0.0": "0", "0e999": "0",
		"1e19": "10000000000000000000", "18446744073709551615": "18446744073709551615", "1.50E+2": "150", "0.001e3": "1",
	} {
		if got, ok := WholeNumber(text); !ok || got != want {
			t.Errorf("%s: %q %v, want %q", text, got, ok, want)
		}
	}
	for _, text := range []string{"1.5", "15e-1", "1e20", "1e308", "1e-1", "0.1", "", "-", ".5", "x", "1e", "1e99999999999999999999", "123456789012345678901", "2.x"} {
		if got, ok := WholeNumber(text); ok {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// FuzzWholeNumber: what comes out is the number that went in.
func FuzzWholeNumber(f *testing.F) {
	for _, s := range []string{"5e9", "-1.50e2", "0.001e3", "1e-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := WholeNumber(text)
		if !ok || len(text) > 60 {
			return
		}
		if len(got) > maxWhole+1 {
			t.Fatalf("%q: %q", text, got)
		}
		a, fine := new(big.Rat).SetString(text)
		b, _ := new(big.Rat).SetString(got)
		if fine && a.Cmp(b) != 0 {
			t.Fatalf("%q is not %q", text, got)
		}
	})
}
