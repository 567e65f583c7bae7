package dict

import (
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// Text prints a value: by its name if it has one, else as aaa.Attribute.Text has it.
func (s *Set) Text(a *aaa.Attribute, value []byte) string {
	if n := a.Type.Size(); a.Packs() && len(value) > n && len(value)%n == 0 {
		parts := make([]string, 0, len(value)/n)
		for i := 0; i < len(value); i += n {
			parts = append(parts, s.text(a, value[i:i+n]))
		}
		return strings.Join(parts, ",")
	}
	return s.text(a, value)
}

func (s *Set) text(a *aaa.Attribute, value []byte) string {
	if name := s.word(a, value); name != "" {
		return name
	}
	return a.Text(value)
}

// Word is the text of a value that has a name, or of an array one of whose values may have one; empty for any other.
func (s *Set) Word(a *aaa.Attribute, value []byte) string {
	if a.Packs() && len(value) > a.Type.Size() && a.Type.IsInteger() {
		return s.Text(a, value)
	}
	return s.word(a, value)
}

func (s *Set) word(a *aaa.Attribute, value []byte) string {
	if n, ok := a.Integer(value); ok {
		if name, ok := s.ValueName(a, n); ok {
			return name
		}
	}
	return ""
}

// JSON is a value as answers show it: by its name if it has one, else as aaa.Attribute.JSON has it.
func (s *Set) JSON(a *aaa.Attribute, value []byte) aaa.Value {
	if word := s.Word(a, value); word != "" {
		return word
	}
	return a.JSON(value)
}

// IntText is the decimal of a value of an integer type, or the seconds of a date;
// ok=false for other types and for octets that are no such value.
func (s *Set) IntText(a *aaa.Attribute, value []byte) (text string, ok bool) {
	if n, ok := a.Integer(value); ok && a.Type != aaa.TypeBool {
		return strconv.FormatInt(n, 10), true
	} else if n, large := a.Large(value); large {
		return strconv.FormatUint(n, 10), true
	}
	return "", false
}
