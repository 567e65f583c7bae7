package dict

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

func (p *textParser) attribute(args []string) {
	if len(args) < 3 {
		p.fault("arguments", "wanted: ATTRIBUTE name number type [flags]")
		return
	}
	vid := uint32(0)
	if b := p.block(); b != nil {
		vid = b.vid
	}
	if message := nameFault(args[0], vid, aaa.FirstArgument); message != "" { // its number is checked when it is compiled
		p.fault("pattern", message)
		return
	}
	typ := strings.ToLower(args[2])
	if _, _, ok := TypeOf(typ); !ok {
		p.faultf("enum", "the type %s is unknown", clip(args[2]))
		return
	}
	a := &AttrEntry{Name: strings.Clone(args[0]), Type: typ, Internal: p.internal}
	if b := p.block(); b != nil {
		a.VID, a.Parent = b.vid, b.parent
	}
	for _, word := range args[3:] {
		for flag := range strings.SplitSeq(word, ",") {
			if !p.flag(a, flag) {
				return
			}
		}
	}
	parent, id, rule, message := p.locate(a.VID, a.Parent, args[1])
	if message != "" {
		p.fault(rule, message)
		return
	}
	a.Parent, a.ID = parent, id
	p.define(a)
}

// locate reads an attribute's number, or the numbers of its parents and it, within a parent: "" for the vendor's own
// space. in is the name of the parent that the attribute lies in.
func (p *textParser) locate(vid uint32, parent, text string) (in string, id uint32, rule, message string) {
	numbers := strings.Split(text, ".")
	if len(numbers) > MaxDepth+1 {
		return "", 0, "maximum", "too many numbers in one another"
	}
	path := ""
	for i, word := range numbers {
		n, ok := parseNumber(word)
		if !ok || n > math.MaxUint32 {
			return "", 0, "range", clip(word) + " is not an attribute's number"
		}
		id = uint32(n)
		if i == len(numbers)-1 {
			break
		}
		path += strconv.FormatUint(n, 10)
		if parent, ok = p.at(vid, parent, id); !ok {
			return "", 0, "unknown", "no dictionary visible here defines the parent " + path
		}
		path += "."
	}
	return parent, id, "", ""
}

// at finds the name of the attribute of a number below a parent, here or among the system dictionaries.
func (p *textParser) at(vid uint32, parent string, id uint32) (string, bool) {
	if own, ok := p.paths[pathKey(vid, parent, id)]; ok {
		return own.name, true
	}
	var above *aaa.Attribute
	if parent != "" {
		if _, own := p.attrs[strings.ToLower(parent)]; own {
			return "", false // its children are known here or nowhere
		}
		if above = p.system.ByName(parent); above == nil {
			return "", false
		}
	}
	a := p.system.at(above, vid, id)
	if a == nil || !p.means(a.Name, a) {
		return "", false
	}
	return a.Name, true
}

// means says whether a name stands for an attribute, here or else among the system dictionaries.
func (p *textParser) means(name string, a *aaa.Attribute) bool {
	r, own := p.attrs[strings.ToLower(name)]
	switch {
	case !own:
		return sameAttr(p.system.ByName(name), a)
	case r.id != a.Number || r.vid != vendorNumber(a) || (r.parent == "") != (a.Parent == nil):
		return false
	}
	return a.Parent == nil || p.means(r.parent, a.Parent)
}

func pathKey(vid uint32, parent string, id uint32) string {
	return fmt.Sprintf("%d|%s|%d", vid, strings.ToLower(parent), id)
}

// flag reads one flag of an ATTRIBUTE line; the name of a vendor is FreeRADIUS's oldest one.
func (p *textParser) flag(a *AttrEntry, flag string) bool {
	key, val, _ := strings.Cut(flag, "=")
	switch {
	case flag == "has_tag":
		a.HasTag = true
	case flag == "array":
		a.Array = true
	case flag == "concat":
		a.Concat = true
	case flag == "virtual":
		a.Virtual = true
	case flag == "internal":
		a.Internal = true
	case flag == "alias":
		a.Alias = true
	case flag == "secret" || flag == "secret=yes":
		a.Secret = true
	case key == "encrypt":
		enc, ok := textEnc[strings.ToLower(val)]
		if !ok {
			p.faultf("enum", "encrypt=%s is unknown", clip(val))
			return false
		}
		a.Enc = enc
	default:
		vid, ok := p.findVendor(flag)
		if !ok || len(p.blocks) > 0 {
			p.faultf("unknown", "unknown flag %s", clip(flag))
			return false
		}
		a.VID = vid
	}
	return true
}

// textEnc are FreeRADIUS's names of encryptions: by number in version 3, by word since.
var textEnc = map[string]string{
	"0": "", "none": "", "1": "scramble", "2": "salt_crypt", "3": "ascend",
	"user-password": "scramble", "tunnel-password": "salt_crypt", "ascend-secret": "ascend",
}

// define takes an attribute in, under a further name if its number has one already.
func (p *textParser) define(a *AttrEntry) {
	key := pathKey(a.VID, a.Parent, a.ID)
	lower := strings.ToLower(a.Name)
	if old, ok := p.attrs[lower]; ok {
		if pathKey(old.vid, old.parent, old.id) != key {
			p.faultf("unique", "attribute %s is already defined with another number", a.Name)
			return
		}
		first := *p.entries[old.at].Attr
		first.Alias, first.Name = true, a.Name
		again := *a
		again.Alias = true
		if !(Entry{Attr: &first}).Equal(Entry{Attr: &again}) {
			p.faultf("unique", "attribute %s is already defined otherwise in line %d", a.Name, p.entries[old.at].Line)
			return
		}
	}
	if first := p.first(a.VID, a.Parent, a.ID); first != nil && !a.Alias {
		if !retyped(first, a) {
			p.faultf("unique", "%s already has this number and is of type %s: a further name of type %s has to have the flag alias", first.Name, first.Type, a.Type)
			return
		}
		a.Alias = true
	}
	if was, taken := p.paths[key]; !taken {
		p.paths[key] = placed{first: len(p.entries), name: a.Name}
	} else if holds(a.Type) && !holds(p.entries[p.attrs[strings.ToLower(was.name)].at].Attr.Type) {
		p.paths[key] = placed{first: was.first, name: a.Name}
	}
	if _, ok := p.attrs[lower]; !ok {
		p.attrs[lower] = ref{vid: a.VID, id: a.ID, parent: a.Parent, at: len(p.entries)}
	}
	p.entries = append(p.entries, Entry{Attr: a, Line: p.line})
}

// first is the entry by which a number in a place was defined first, nil if none was.
func (p *textParser) first(vid uint32, parent string, id uint32) *AttrEntry {
	if at, ok := p.paths[pathKey(vid, parent, id)]; ok {
		return p.entries[at.first].Attr
	}
	return nil
}

// retyped says whether a second name may be of its type without a word more: the first one's, or string or
// octets, which see the plain value. FreeRADIUS's files do the latter (Ruckus-WSG-User).
func retyped(first, second *AttrEntry) bool {
	x, length, _ := TypeOf(first.Type)
	y, again, _ := TypeOf(second.Type)
	return x == y && length == again || y == aaa.TypeString || y == aaa.TypeOctets
}

// holds says whether a spelling is of a type that holds attributes.
func holds(typ string) bool {
	t, _, _ := TypeOf(typ)
	return container(t)
}

func (p *textParser) value(args []string) {
	if len(args) != 3 {
		p.fault("arguments", "wanted: VALUE attribute name number")
		return
	}
	if message := checkValueName(args[1]); message != "" {
		p.fault("pattern", message)
		return
	}
	digits, negative := strings.CutPrefix(args[2], "-")
	n, ok := parseNumber(digits)
	switch {
	case !ok:
		p.faultf("range", "%s is not a number", clip(args[2]))
		return
	case n > math.MaxInt64 || negative && n > -math.MinInt32:
		p.faultf("range", "the number %s is too big", clip(args[2]))
		return
	}
	v := &ValEntry{Name: strings.Clone(args[1]), Val: int64(n)}
	if negative {
		v.Val = -v.Val
	}
	w := pendingValue{entry: len(p.entries), attr: args[0]}
	if b := p.block(); b != nil {
		w.block = *b
	}
	p.pending = append(p.pending, w)
	p.entries = append(p.entries, Entry{Val: v, Line: p.line})
}

// resolveValues finds the attributes of the VALUEs, once all attributes are known.
func (p *textParser) resolveValues() {
	for _, w := range p.pending {
		if p.faults.full() {
			return
		}
		p.line = p.entries[w.entry].Line
		if rule, message := p.resolveValue(p.entries[w.entry].Val, w); message != "" {
			p.fault(rule, message)
		}
	}
}

func (p *textParser) resolveValue(v *ValEntry, w pendingValue) (rule, message string) {
	if strings.Trim(w.attr, "0123456789.") == "" {
		v.VID = w.block.vid
		v.Parent, v.ID, rule, message = p.locate(v.VID, w.block.parent, w.attr)
		return rule, message
	}
	return p.resolveNamed(v, w.block.vid, w.attr)
}

// resolveNamed finds the attribute of a value by its name; vid is the vendor in whose block the value stands.
func (p *textParser) resolveNamed(v *ValEntry, vid uint32, name string) (rule, message string) {
	if r, ok := p.attrs[strings.ToLower(name)]; ok {
		v.VID, v.ID, v.Parent = r.vid, r.id, r.parent
		return "", ""
	}
	a := p.visible.ByName(name)
	if a == nil {
		a = p.visible.byNumber(name)
		if a != nil && a.Parent != nil && p.visible.ByName(a.Parent.Name) == nil {
			a = nil
		}
	}
	switch {
	case a == nil && vid != 0 && checkName(name) == "":
		v.VID, v.Attr = vid, strings.Clone(name)
	case a == nil:
		return "unknown", "no dictionary visible here defines the attribute " + clip(name)
	case a.Parent != nil && !p.within(a.Parent) && p.means(a.Name, a):
		v.VID, v.Attr = vendorNumber(a), a.Name // the parent's name stands for something else here
	default:
		v.VID, v.ID = vendorNumber(a), a.Number
		if a.Parent != nil {
			v.Parent = a.Parent.Name
		}
	}
	return "", ""
}

// within says whether the name of a parent leads to it, as something that holds attributes.
func (p *textParser) within(parent *aaa.Attribute) bool {
	typ, _ := p.typeOf(parent.Name)
	return container(typ) && typ != aaa.TypeVSA && p.means(parent.Name, parent)
}
