package translate

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
)

// Back maps a reply's attributes to the caller's keys. For each rule in order
// and each value of its attribute in the reply's order, the group of
// attr_value_regexp goes under the rule's key; a second value makes the key an
// array. The value's text is the name of the value where the dictionary has one;
// a rule with string_to_integer takes the decimal form. A rule for an attribute
// without a tag takes all tags, one with a tag (Tunnel-Type:1) that tag alone; :0 is what has no tag.
// A rule whose key answers have for themselves (aaa.ReservedKey) takes nothing, and none takes a
// value that is invalid: nobody could tell it from a real one.
//
// rest holds what no rule took by the name under which it could be sent, but never a
// hidden attribute: those reach the caller only where a rule asks for them. Both maps
// are never nil. tr may be nil.
func (b *Binding) Back(avps []aaa.AVP, tr *Tracer) (keys, rest map[string]any) {
	keys, rest = make(map[string]any), make(map[string]any)
	taken := make([]bool, len(avps))
	for i, r := range b.prog.rules {
		s := &b.slots[i]
		if r.reserved {
			tr.rule(aaa.TraceRule{Direction: "back", Index: i, Key: r.key, Attribute: r.attribute, Note: "reserved key"})
			continue
		}
		found := false
		for j := range avps {
			avp := &avps[j]
			if s.attr == nil || !sameAttribute(s.attr, avp.Attr) || s.tag.Given && s.tag.Number != avp.Tag && !avp.Invalid {
				continue
			}
			found = true
			if avp.Invalid {
				tr.rule(aaa.TraceRule{Direction: "back", Index: i, Key: r.key, Attribute: r.attribute, Note: noteInvalid(s.attr)})
				continue
			}
			text, ok := r.back.match(b.text(r, avp))
			note := "no match"
			if ok {
				taken[j] = true
				add(keys, r.key, text)
				note = "matched"
			}
			if tr != nil {
				tr.rule(aaa.TraceRule{
					Direction: "back", Index: i, Key: r.key, Attribute: r.attribute,
					Value: shown(text, s.mask || avp.Attr.Hidden), Note: note,
				})
			}
		}
		if !found {
			tr.rule(aaa.TraceRule{Direction: "back", Index: i, Key: r.key, Attribute: r.attribute, Note: "attribute absent"})
		}
	}
	for j := range avps {
		if avp := &avps[j]; !taken[j] && avp.Attr != nil && !avp.Attr.Hidden {
			add(rest, b.name(avp), b.set.JSON(avp.Attr, avp.Value))
		}
	}
	return keys, rest
}

// noteInvalid says why a rule does not take an invalid value.
func noteInvalid(a *aaa.Attribute) string {
	if a.Enc != aaa.EncNone {
		return "not decipherable"
	}
	return "malformed value"
}

// name is the dictionary name of a reply's attribute. Where that stands for another attribute, of a
// dictionary further left, it is the numbers.
func (b *Binding) name(avp *aaa.AVP) string {
	a := avp.Attr
	named := b.set.ByName(a.Name)
	if named == nil || sameAttribute(named, a) || a.Number == 0 && a.OfTACACS() { // the last has no number
		return avp.Name()
	}
	numbered := *a
	numbered.Name = dict.NumberName(a.Vendor, a.Parent, a.Number)
	shown := *avp
	shown.Attr = &numbered
	return shown.Name()
}

// text is the form of a reply's value on which the rule's regexp works.
func (b *Binding) text(r *rule, avp *aaa.AVP) string {
	if r.toInteger {
		if text, ok := b.set.IntText(avp.Attr, avp.Value); ok {
			return text
		}
	}
	return b.set.Text(avp.Attr, avp.Value)
}

// add puts a value under a key; several values become an array.
func add(m map[string]any, key string, value any) {
	switch old := m[key].(type) {
	case nil:
		m[key] = value
	case []any:
		m[key] = append(old, value)
	default:
		m[key] = []any{old, value}
	}
}

// sameAttribute reports whether two definitions are of the same place in a
// packet. Two dictionaries of a set may name it differently.
func sameAttribute(a, b *aaa.Attribute) bool {
	for a != b {
		if a == nil || b == nil || a.Number != b.Number {
			return false
		}
		if a.Number == 0 && a.OfTACACS() && a.Name != b.Name { // arguments that no dictionary has
			return false
		}
		if (a.Vendor == nil) != (b.Vendor == nil) || a.Vendor != nil && a.Vendor.Number != b.Vendor.Number {
			return false
		}
		a, b = a.Parent, b.Parent
	}
	return a != nil || b == nil
}
