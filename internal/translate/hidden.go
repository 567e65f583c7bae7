package translate

import (
	"slices"
	"strings"

	"aaa-api/internal/dict"
)

// HiddenKeys lists the request keys whose values are secrets, in rule order: those that go into
// hidden attributes, or whose name or whose attribute's says so. Whoever shows or hands on the
// caller's values leaves these out.
func (b *Binding) HiddenKeys() []string {
	var list []string
	for i, r := range b.prog.rules {
		if b.slots[i].mask {
			list = append(list, r.key)
		}
	}
	return list
}

// Hiding is the Binding with the values of more request keys masked in traces and errors: what is a
// secret to one server of a document is none to show of another. It is b itself where that masks them already.
func (b *Binding) Hiding(keys []string) *Binding {
	out := b
	for i, r := range b.prog.rules {
		if b.slots[i].mask || !slices.Contains(keys, r.key) {
			continue
		}
		if out == b {
			out = &Binding{prog: b.prog, set: b.set, slots: slices.Clone(b.slots)}
		}
		out.slots[i].mask = true
	}
	return out
}

// hiddenNumber reports whether a name writes a hidden attribute by number, be it in a form that is
// taken (Attr-26.311.16) or not (26.311.16, one inside of it, a tag): what is dropped for its
// spelling is a password all the same.
func hiddenNumber(set *dict.Set, name string) bool {
	name, _, _ = strings.Cut(name, ":")
	if name != "" && name[0] >= '0' && name[0] <= '9' {
		name = "Attr-" + name
	}
	for name != "" {
		if a, _, ok := set.Lookup(name, true); ok && a.Hidden {
			return true
		}
		name = name[:max(strings.LastIndexByte(name, '.'), 0)]
	}
	return false
}

// SecretKeys lists the request keys whose values may not be kept: HiddenKeys, and those that go into attributes which prove who a
// user is.
func (b *Binding) SecretKeys() []string {
	var list []string
	for i, r := range b.prog.rules {
		if s := b.slots[i]; s.mask || s.attr != nil && s.attr.Credential() {
			list = append(list, r.key)
		}
	}
	return list
}
