package radius

import "aaa-api/internal/aaa"

// proof is what of a request proves who the user is: the last line of defence against an
// Access-Request whose credential was lost on the way.
type proof struct {
	brought *aaa.Attribute // a credential of the caller's
	carried bool           // the packet has one, or the State of a login under way
}

// note adds an AVP; framed reports whether it is in the packet.
func (p *proof) note(a *aaa.Attribute, framed bool) {
	switch {
	case standard(a) == attrState:
		p.carried = p.carried || framed
	case a.Proves():
		p.brought = a
		p.carried = p.carried || framed
	}
}

// check refuses an authentication that brought a credential and whose packet has none.
func (p *proof) check(op aaa.Op) error {
	if op != aaa.Authn || p.brought == nil || p.carried {
		return nil
	}
	return aaa.Invalid(aaa.Field{
		Path: p.brought.Name, Rule: "credential",
		Message: "an Access-Request has no place for it, and none is sent without a credential",
	})
}
