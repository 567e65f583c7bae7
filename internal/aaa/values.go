package aaa

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Value is one of a closed set, which CheckValue tells: a string, a bool, a number (json.Number as callers write it, int,
// int64 or uint64 where this service made it), a []any or []string of these, or Values.
type Value any

// Values are the keys of a request, or what rules mapped back to keys. The underlying type is that of decoded JSON, so that a
// request's body becomes Values without a copy. Their JSON keeps numbers as they were written.
type Values map[string]any

// maxDepth bounds lists in lists and values in values. Requests have a list of scalars at most.
const maxDepth = 3

var errDepth = fmt.Errorf("values are nested deeper than %d", maxDepth)

// CheckValue refuses what does not belong to the closed set, and what nests too deeply. Its error holds no value.
func CheckValue(v Value) error { return checkValue(v, maxDepth) }

// CheckValues is CheckValue for each value.
func CheckValues(v Values) error { return checkValue(v, maxDepth) }

func checkValue(v any, depth int) error {
	switch v := v.(type) {
	case string, bool, int, int64, uint64, []string:
		return nil
	case json.Number:
		return checkNumber(v)
	case []any:
		if depth == 0 {
			return errDepth
		}
		for _, e := range v {
			if err := checkValue(e, depth-1); err != nil {
				return err
			}
		}
		return nil
	case Values:
		return checkMap(v, depth)
	case map[string]any:
		return checkMap(v, depth)
	}
	return fmt.Errorf("%T is no type of a value", v)
}

func checkMap(m map[string]any, depth int) error {
	if depth == 0 {
		return errDepth
	}
	for _, e := range m {
		if err := checkValue(e, depth-1); err != nil {
			return err
		}
	}
	return nil
}

// checkNumber refuses a json.Number that would be no JSON.
func checkNumber(n json.Number) error {
	if isNatural(string(n)) { // nearly all
		return nil
	}
	if c := n.String(); c == "" || c[0] != '-' && (c[0] < '0' || c[0] > '9') || !json.Valid([]byte(c)) {
		return errors.New("a number is no JSON number")
	}
	return nil
}

// isNatural reports whether a text is decimal digits without a leading zero.
func isNatural(s string) bool {
	if s == "" || s[0] == '0' && len(s) > 1 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// MarshalJSON implements json.Marshaler. It refuses what CheckValues refuses.
func (v Values) MarshalJSON() ([]byte, error) {
	if err := CheckValues(v); err != nil {
		return nil, err
	}
	return PlainJSON(map[string]any(v))
}

// UnmarshalJSON implements json.Unmarshaler. It refuses what CheckValues refuses, so null as a value too.
func (v *Values) UnmarshalJSON(text []byte) error {
	var m map[string]any
	if err := DecodeJSON(text, &m); err != nil {
		return err
	}
	if err := CheckValues(m); err != nil {
		return err
	}
	*v = m
	return nil
}
