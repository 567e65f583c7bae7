package router

import (
	"net/netip"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/crossing"
	"aaa-api/internal/engines"
	"aaa-api/internal/plans"
)

// Why an attribute of a device does not go on to a server.
const (
	leftUnknown   = "not in the server's dictionaries"
	leftMalformed = "malformed value"
	leftRecord    = "encrypted, which a record can't carry"
	leftUnhidden  = "encrypted by the server's dictionaries alone: it can't be read, so it can't be hidden for the server"
)

// asSent appends the AVPs of a device's request as it sent them, or as a server of the other protocol understands them. A strict
// server gets those that its dictionaries have by number, and arguments of TACACS+ that they have by name. The definitions are those by which
// the device's packet was read, so what was hidden on its way here is hidden on its way on. whole is how many places of
// the result's memory hold something.
func (q *question) asSent(dst []aaa.AVP, server *plans.Server) (avps []aaa.AVP, whole int, err error) {
	dev := q.req.Device
	all, crossed := append(dst, dev.AVPs...), false
	if server.Engine != dev.Protocol.String() {
		to := aaa.ClientRADIUS
		if server.Traits.Arguments {
			to = aaa.ClientTACACS
		}
		if all, err = crossing.Request(dst, dev, q.req.Op, to); err != nil {
			return dst, cap(dst), err
		}
		crossed = to == aaa.ClientTACACS
	}
	avps = all[:len(dst)]
	for _, v := range all[len(dst):] {
		if v.Attr == nil || !v.Attr.Wire || !v.Attr.OfTACACS() && crossing.HopByHop(v.Attr) {
			continue
		}
		why := ""
		if !crossed {
			why = left(q.req.Op, server, &v)
		}
		switch {
		case why != "":
			if err := q.leave(&v, why); err != nil {
				return dst, len(all), err
			}
		case v.Attr.Stream():
			avps = appendStream(avps, v)
		default:
			avps = append(avps, v)
		}
	}
	return avps, len(all), nil
}

// left says why an AVP does not go on; it is empty if it does.
func left(op aaa.Op, server *plans.Server, v *aaa.AVP) string {
	custom := server.Mode == aaa.CustomAVP || server.Mode == aaa.AnyName
	switch a := v.Attr; {
	case v.Invalid && (!custom || a.Hidden || v.Value == nil):
		return leftMalformed
	case a.IsArgument():
		if known := server.Dict.ByName(a.Name); !custom && (known == nil || !known.IsArgument()) {
			return leftUnknown
		}
	case a.OfTACACS(), server.Traits.Arguments: // header fields, and what the engine makes some of
	case op == aaa.Accounting && a.Enc != aaa.EncNone: // its authenticator comes last, so nothing can be hidden under it
		return leftRecord
	default:
		switch known := definitionAt(server.Dict, a); {
		case known == nil && !custom:
			return leftUnknown
		case known != nil && known.Enc != aaa.EncNone && a.Enc == aaa.EncNone:
			return leftUnhidden
		}
	}
	return ""
}

// leave notes what does not go on. The error is of KindBadInput where the request would be another one without it.
func (q *question) leave(v *aaa.AVP, why string) error {
	a, op := v.Attr, q.req.Op
	var what string
	switch {
	case a.NamesUser():
		what = "a request is not sent without its user name"
	case op == aaa.Authn && a.Credential():
		what = "a request is not sent without its credential"
	case (op == aaa.Authz || op == aaa.Custom) && a.IsArgument() && !v.Optional:
		what = "without it the request would ask for something else"
	default:
		q.tracer.Left(v.Name(), why)
		return nil
	}
	return aaa.Invalid(aaa.Field{Path: v.Name(), Rule: "strict", Message: why + "; " + what})
}

// layers are a server's dictionaries over those by which devices' packets are read. A device's answer goes back whole, so what the
// server's dictionaries lack has to be read too: it may be encrypted.
type layers struct{ server, system aaa.Dictionary }

func (l *layers) either(find func(aaa.Dictionary) *aaa.Attribute) *aaa.Attribute {
	if a := find(l.server); a != nil {
		return a
	}
	return find(l.system)
}

// ByName implements aaa.Dictionary: names are the server's alone, as in its rules.
func (l *layers) ByName(name string) *aaa.Attribute { return l.server.ByName(name) }

// Standard implements aaa.Dictionary.
func (l *layers) Standard(number uint32) *aaa.Attribute {
	return l.either(func(d aaa.Dictionary) *aaa.Attribute { return d.Standard(number) })
}

// OfVendor implements aaa.Dictionary.
func (l *layers) OfVendor(vendor, number uint32) *aaa.Attribute {
	return l.either(func(d aaa.Dictionary) *aaa.Attribute { return d.OfVendor(vendor, number) })
}

// Child implements aaa.Dictionary.
func (l *layers) Child(parent *aaa.Attribute, number uint32) *aaa.Attribute {
	return l.either(func(d aaa.Dictionary) *aaa.Attribute { return d.Child(parent, number) })
}

// ChildOfVendor finds a vendor's attribute inside an evs container.
func (l *layers) ChildOfVendor(container *aaa.Attribute, vendor, number uint32) *aaa.Attribute {
	return l.either(func(d aaa.Dictionary) *aaa.Attribute {
		if b, ok := d.(byPlace); ok {
			return b.ChildOfVendor(container, vendor, number)
		}
		return nil
	})
}

// Vendor implements aaa.Dictionary.
func (l *layers) Vendor(number uint32) *aaa.Vendor {
	if v := l.server.Vendor(number); v != nil {
		return v
	}
	return l.system.Vendor(number)
}

// Unknown implements aaa.Dictionary.
func (l *layers) Unknown(vendor *aaa.Vendor, parent *aaa.Attribute, number uint32) *aaa.Attribute {
	return l.server.Unknown(vendor, parent, number)
}

// byPlace is a dictionary that finds the attributes of several vendors in one container.
type byPlace interface {
	ChildOfVendor(container *aaa.Attribute, vendor, number uint32) *aaa.Attribute
}

// maxContainers bounds the containers of an attribute.
const maxContainers = 9

// definitionAt finds what a dictionary has at an attribute's place in a packet; nil if it has nothing.
func definitionAt(d aaa.Dictionary, a *aaa.Attribute) *aaa.Attribute {
	return definedAt(d, a, maxContainers)
}

func definedAt(d aaa.Dictionary, a *aaa.Attribute, depth int) *aaa.Attribute {
	if depth == 0 {
		return nil
	}
	if a.Parent == nil || a.Parent.Type == aaa.TypeVSA {
		if a.Vendor == nil {
			return d.Standard(a.Number)
		}
		return d.OfVendor(a.Vendor.Number, a.Number)
	}
	container := definedAt(d, a.Parent, depth-1)
	if container == nil {
		return nil
	}
	if container.Type == aaa.TypeEVS && a.Vendor != nil {
		if b, ok := d.(byPlace); ok {
			return b.ChildOfVendor(container, a.Vendor.Number, a.Number)
		}
	}
	return d.Child(container, a.Number)
}

// appendStream puts a text of a stream behind those that are there.
func appendStream(avps []aaa.AVP, v aaa.AVP) []aaa.AVP {
	for i := range avps {
		if stream := &avps[i]; stream.Attr.Stream() {
			stream.Value = append(append(slices.Clip(stream.Value), 0), v.Value...) // the device's own stays as it is
			return avps
		}
	}
	return append(avps, v)
}

// hiddenKeys are the keys of a request that are not for external authorisers. Of a device's request those are secrets by
// their attributes too.
func hiddenKeys(level *plans.CompiledDocument, req *aaa.Request) []string {
	if req.Device == nil {
		return level.HiddenKeys
	}
	keys := slices.Clone(level.HiddenKeys)
	for i := range req.Device.AVPs {
		if a := req.Device.AVPs[i].Attr; a != nil && (a.Hidden || a.Credential()) {
			keys = append(keys, a.Name, req.Device.AVPs[i].Name())
		}
	}
	return keys
}

// Numbers of the attributes that name a NAS (RFC 2865 §5.4, §5.32; RFC 3162 §2.1).
const (
	nasIPAddress   = 4
	nasIdentifier  = 32
	nasIPv6Address = 95
)

// nasOf is the address of a device that does not say who it is. The document's is for callers of the API, who are no NAS.
func nasOf(dev *aaa.Device) netip.Addr {
	if brings(dev.AVPs, func(a *aaa.Attribute) bool {
		return a != nil && (isStandard(a, nasIPAddress) || isStandard(a, nasIdentifier) || isStandard(a, nasIPv6Address))
	}) {
		return netip.Addr{}
	}
	return dev.From
}

// deviceReply is a server's answer for the device.
func deviceReply(server *plans.Server, reply *engines.Reply) *aaa.DeviceReply {
	return &aaa.DeviceReply{Engine: server.Engine, AVPs: reply.AVPs}
}
