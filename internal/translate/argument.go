package translate

import (
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
)

// argument finds an argument of TACACS+ that a rule names otherwise than by its plain
// dictionary name: with a star behind it, which makes it optional (RFC 8907 §6.1), or, in
// aaa.AnyName mode, one that no dictionary has.
func argument(set *dict.Set, name string, mode aaa.AVPMode) (a *aaa.Attribute, optional, ok bool) {
	name, optional = strings.CutSuffix(name, "*")
	if a = set.ByName(name); a != nil {
		return a, optional, optional && a.IsArgument()
	}
	if mode != aaa.AnyName || !argumentName(name) {
		return nil, false, false
	}
	return aaa.NewArgument(name), optional, true
}

// argumentName reports whether a text can be the name of an argument: printable
// US-ASCII without what separates it from its value, and short enough to leave room for that.
func argumentName(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == '=' || s[i] == '*' {
			return false
		}
	}
	return s != "" && len(s) < 255
}
