package translate

import (
	"context"
	"errors"
	"time"

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
// rest holds what no rule took, in the reply's order, but never a hidden attribute: those reach the caller only where a
// rule asks for them. The error is ctx's, or an *aaa.Error of KindBusy where the rules cost more than the budget has
// left, or where too much of the account waits for the processor. budget and tr may be nil.
func (b *Binding) Back(ctx context.Context, avps []aaa.AVP, budget *Budget, tr *Tracer) (keys aaa.Values, rest aaa.AVPs, err error) {
	s := spender{ctx: ctx, budget: budget}
	defer s.end()
	keys = make(aaa.Values)
	taken, left := make([]bool, len(avps)), len(avps)
	for i, r := range b.prog.rules {
		slot := &b.slots[i]
		if err := s.spend(1 + int64(len(avps))/8); err != nil {
			return nil, nil, b.prog.unread(i, budget, err)
		}
		if r.reserved {
			tr.rule(aaa.TraceRule{Direction: "back", Index: i, Key: r.key, Attribute: r.attribute, Note: "reserved key"})
			continue
		}
		found := false
		for j := range avps {
			avp := &avps[j]
			if slot.attr == nil || !sameAttribute(slot.attr, avp.Attr) || slot.tag.Given && slot.tag.Number != avp.Tag && !avp.Invalid {
				continue
			}
			found = true
			if avp.Invalid {
				tr.rule(aaa.TraceRule{Direction: "back", Index: i, Key: r.key, Attribute: r.attribute, Note: noteInvalid(slot.attr)})
				continue
			}
			part, err := s.match(r.back, b.text(r, avp))
			if err != nil {
				return nil, nil, b.prog.unread(i, budget, err)
			}
			text, note := part.part, "no match"
			if part.ok {
				if !taken[j] {
					taken[j] = true
					left--
				}
				add(keys, r.key, text)
				note = "matched"
			}
			if tr != nil {
				tr.rule(aaa.TraceRule{
					Direction: "back", Index: i, Key: r.key, Attribute: r.attribute,
					Value: shown(text, slot.mask || avp.Attr.Hidden), Note: note,
				})
			}
		}
		if !found {
			tr.rule(aaa.TraceRule{Direction: "back", Index: i, Key: r.key, Attribute: r.attribute, Note: "attribute absent"})
		}
	}
	if left == 0 {
		return keys, nil, nil
	}
	rest = make(aaa.AVPs, 0, left)
	for j := range avps {
		if avp := &avps[j]; !taken[j] && avp.Attr != nil && !avp.Attr.Hidden {
			rest = append(rest, b.Named(avp))
		}
	}
	return keys, rest, nil
}

// Named is an AVP with the words that the server's dictionaries have for it.
func (b *Binding) Named(avp *aaa.AVP) aaa.NamedAVP {
	return aaa.NamedAVP{AVP: *avp, As: b.name(avp), Word: b.set.Word(avp.Attr, avp.Value)}
}

// unread turns errSpent into the error of a reply that rule i can't be applied to. Other errors stay as they are.
func (p *Program) unread(i int, b *Budget, err error) error {
	if !errors.Is(err, errSpent) {
		return err
	}
	return &aaa.Error{Kind: aaa.KindBusy, Message: "the server's reply can't be translated: " + p.overspent(i, b), RetryAfter: time.Second}
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

// add puts a text under a key; several become a list.
func add(keys aaa.Values, key, text string) {
	switch old := keys[key].(type) {
	case nil:
		keys[key] = text
	case []any:
		keys[key] = append(old, text)
	default:
		keys[key] = []any{old, text}
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
