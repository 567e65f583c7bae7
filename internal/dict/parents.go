package dict

import (
	"fmt"
	"math"

	"aaa-api/internal/aaa"
)

func (b *compiler) resolveParents() {
	b.state = make([]uint8, len(b.c.attrs))
	for at := range b.c.attrs {
		b.resolve(at)
		if b.faults.full() {
			return
		}
	}
}

const (
	parentUnknown = iota
	parentInWork
	parentKnown
	parentBad
)

// resolve finds the parents of an attribute up to the top, iteratively: a chain
// can be as long as the dictionary.
func (b *compiler) resolve(at int) {
	c := b.c
	var chain []int
	for b.state[at] == parentUnknown {
		b.state[at] = parentInWork
		chain = append(chain, at)
		name := b.entries[b.from[at]].Attr.Parent
		if name == "" {
			break
		}
		next := c.attrNamed(name)
		if next < 0 {
			break
		}
		if b.state[next] == parentInWork {
			b.fault(b.from[at], "parent", "cycle", "the parents loop", name)
			for _, i := range chain {
				b.state[i] = parentBad
			}
			return
		}
		at = next
	}
	for i := len(chain) - 1; i >= 0; i-- {
		b.attach(chain[i])
	}
}

// attach links one attribute to its parent, which is known, and checks its place.
func (b *compiler) attach(at int) {
	c, a, in := b.c, &b.c.attrs[at], b.entries[b.from[at]].Attr
	fault := func(member, rule, message string, value any) {
		b.fault(b.from[at], member, rule, message, value)
		b.state[at] = parentBad
	}
	b.state[at] = parentKnown
	if in.Parent != "" {
		if i := c.attrNamed(in.Parent); i >= 0 {
			if b.state[i] == parentBad {
				b.state[at] = parentBad
				return
			}
			a.Parent = &c.attrs[i]
		} else if a.Parent = b.visible.ByName(in.Parent); a.Parent == nil {
			fault("parent", "unknown", "no dictionary visible here defines the parent", in.Parent)
			return
		}
		depth := 0
		for p := a.Parent; p != nil; p = p.Parent {
			depth++
		}
		if depth > MaxDepth {
			fault("parent", "maximum", "too many parents above", nil)
			return
		}
	}
	if member, rule, message := checkPlace(a); message != "" {
		fault(member, rule, message, in.ID)
		return
	}
	a.Wire = !in.Virtual && !in.Internal && (a.Parent == nil || a.Parent.Wire) && (a.Vendor != nil || a.Number <= 255)
	protect(a)
	a.Hidden = a.Hidden || in.Secret
}

// checkPlace checks an attribute's number and type against the space it lies in, as far as no vendor's format bounds it.
func checkPlace(a *aaa.Attribute) (member, rule, message string) {
	p := a.Parent
	limit, lowest := uint32(255), uint32(1)
	switch {
	case p == nil && a.Vendor == nil:
		limit = math.MaxUint16 // over 255: FreeRADIUS's internal attributes
	case p == nil:
		limit, lowest = math.MaxUint32, 0
	case p.Type == aaa.TypeEVS:
		lowest = 0
		if a.Vendor == nil {
			return "vid", "required", "an attribute inside an evs has a vendor"
		}
	case p.Type == aaa.TypeExtended || p.Type == aaa.TypeLongExtended || p.Type == aaa.TypeTLV:
		if vendorNumber(a) != vendorNumber(p) {
			return "vid", "enum", "the attribute and its parent are not of one vendor"
		}
		if p.Type == aaa.TypeTLV {
			lowest = 0
		}
	default:
		return "parent", "type", fmt.Sprintf("the parent is of type %s, which holds no attributes", TypeName(p.Type))
	}
	if a.Number < lowest || a.Number > limit {
		return "id", "range", fmt.Sprintf("the number is not in %d..%d", lowest, limit)
	}
	switch a.Type {
	case aaa.TypeExtended, aaa.TypeLongExtended, aaa.TypeVSA:
		if p != nil || a.Vendor != nil || a.Number > 255 {
			return "type", "enum", "only an attribute of the standard space can be of this type"
		}
	case aaa.TypeEVS:
		if p == nil || p.Type != aaa.TypeExtended && p.Type != aaa.TypeLongExtended {
			return "type", "enum", "an evs lies inside an extended attribute"
		}
	}
	return "", "", ""
}

// standIn stands for an attribute that may have no definition.
func standIn(parent *aaa.Attribute, vid, id uint32) *aaa.Attribute {
	a := &aaa.Attribute{Parent: parent, Number: id, Type: aaa.TypeOctets}
	if vid != 0 {
		a.Vendor = &aaa.Vendor{Number: vid}
	}
	return a
}
