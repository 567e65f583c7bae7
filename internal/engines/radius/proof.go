package radius

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp"
)

// proof collects the credentials of a request. It is the last line of defence against an Access-Request that lost its
// credential on the way, or has two, of which the server checks one.
type proof struct {
	brought *aaa.Attribute // a credential of the caller's
	carried bool           // the packet has one, or the State of a login under way
	first   *aaa.Attribute // the first credential of the packet
	other   *aaa.Attribute // one of another kind
}

// note adds an AVP; framed reports whether it is in the packet.
func (p *proof) note(a *aaa.Attribute, framed bool) {
	switch {
	case avp.Standard(a) == radius.AttrState:
		p.carried = p.carried || framed
	case a.Proves():
		p.brought = a
		switch p.carried = p.carried || framed; {
		case !framed:
		case p.first == nil:
			p.first = a
		case avp.Standard(a) != avp.Standard(p.first): // all of Microsoft's are one kind
			p.other = a
		}
	}
}

// check refuses an authentication whose credential is not in the packet, or whose packet has credentials of two kinds
// (RFC 2865 §4.1, RFC 3579 §3.3).
func (p *proof) check(op aaa.Op) error {
	switch {
	case op != aaa.Authn || p.brought == nil || p.carried && p.other == nil:
		return nil
	case p.other != nil:
		return aaa.Invalid(aaa.Field{
			Path: p.other.Name, Rule: "credential",
			Message: "an Access-Request has room for one credential, and " + p.first.Name + " is one",
		})
	}
	return aaa.Invalid(aaa.Field{
		Path: p.brought.Name, Rule: "credential",
		Message: "an Access-Request has no place for it, and none is sent without a credential",
	})
}
