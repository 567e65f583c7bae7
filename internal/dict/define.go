package dict

import (
	"fmt"
	"strings"
)

// define takes an attribute in. Where a line defines a name or a number again, FreeRADIUS lets the later line hold:
//
//   - the same name with another type or other flags replaces the earlier line;
//   - another name of another type takes the number over, and the earlier name stays for its own type;
//   - another name of the same type, or one with the flag alias, is a further name.
func (p *textParser) define(a *AttrEntry) {
	lower := strings.ToLower(a.Name)
	old, named := p.attrs[lower]
	if named && pathKey(old.vid, old.parent, old.id) != pathKey(a.VID, a.Parent, a.ID) {
		p.faultf("unique", "attribute %s is already defined in line %d, as %s", a.Name, p.entries[old.at].Line, old.number())
		return
	}
	at := len(p.entries)
	switch {
	case named && !repeats(p.entries[old.at].Attr, a):
		at = old.at
		p.redefine(old, a)
		old.again = nil
		p.attrs[lower] = old
	case named:
		a.Alias = true
		old.again = append(old.again, at)
		p.attrs[lower] = old
		p.entries = append(p.entries, Entry{Attr: a, Line: p.line})
		return
	default:
		p.attrs[lower] = ref{vid: a.VID, id: a.ID, parent: a.Parent, at: at}
		p.entries = append(p.entries, Entry{Attr: a, Line: p.line})
	}
	p.place(a, at)
}

// number writes what a name stands for: Attr-26.9.1, or a number within a parent.
func (r ref) number() string {
	switch {
	case r.parent != "":
		return fmt.Sprintf("number %d of %s", r.id, r.parent)
	case r.vid != 0:
		return fmt.Sprintf("Attr-26.%d.%d", r.vid, r.id)
	}
	return fmt.Sprintf("Attr-%d", r.id)
}

// repeats reports whether a line says of a name what an earlier one says.
func repeats(old, again *AttrEntry) bool {
	x, y := *old, *again
	x.Alias, y.Alias, x.Name, y.Name = false, false, "", ""
	return Entry{Attr: &x}.Equal(Entry{Attr: &y})
}

// redefine puts a line in the place of the one that defined its name, and drops the lines that repeat the old one.
func (p *textParser) redefine(old ref, a *AttrEntry) {
	was := p.entries[old.at]
	p.warnf("redefined", "this line holds for %s, which line %d defines as %s", a.Name, was.Line, was.Attr.Type)
	for _, i := range old.again {
		p.entries[i] = Entry{}
		p.swept = true
	}
	if sameType(was.Attr, a) {
		a.Alias = a.Alias || was.Attr.Alias
	}
	p.entries[old.at] = Entry{Attr: a, Line: p.line}
}

// place gives an attribute its number, which it may share with others.
func (p *textParser) place(a *AttrEntry, at int) {
	key := pathKey(a.VID, a.Parent, a.ID)
	was, taken := p.paths[key]
	if !taken {
		p.paths[key] = placed{lead: at, name: a.Name}
		return
	}
	if lead := p.entries[was.lead].Attr; was.lead != at && !a.Alias {
		switch {
		case lead.Alias:
			was.lead = at
		case sameType(lead, a):
			a.Alias = true
		default:
			p.warnf("redefined", "this line holds for the number of %s, which is of type %s; the flag alias makes it a further name", lead.Name, lead.Type)
			lead.Alias = true
			was.lead = at
		}
	}
	if holds(a.Type) && !holds(p.entries[p.attrs[strings.ToLower(was.name)].at].Attr.Type) {
		was.name = a.Name
	}
	p.paths[key] = was
}

// lead is the entry that a search by number finds in a place, nil if there is none.
func (p *textParser) lead(vid uint32, parent string, id uint32) *AttrEntry {
	if at, ok := p.paths[pathKey(vid, parent, id)]; ok {
		return p.entries[at.lead].Attr
	}
	return nil
}

// sameType reports whether two attributes are of one type and, of octets[n], one length.
func sameType(first, second *AttrEntry) bool {
	x, length, _ := TypeOf(first.Type)
	y, again, _ := TypeOf(second.Type)
	return x == y && length == again
}

// holds says whether a spelling is of a type that holds attributes.
func holds(typ string) bool {
	t, _, _ := TypeOf(typ)
	return container(t)
}

// sweep takes the entries out that redefine dropped.
func (p *textParser) sweep() {
	if !p.swept {
		return
	}
	kept := p.entries[:0]
	for _, e := range p.entries {
		if e.Attr != nil || e.Val != nil || e.Vendor != nil {
			kept = append(kept, e)
		}
	}
	p.entries = kept
}
