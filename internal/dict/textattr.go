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
		if version4Type(typ) {
			p.faultf("version", "the type %s is FreeRADIUS 4 syntax", clip(args[2]))
		} else {
			p.faultf("enum", "the type %s is unknown", clip(args[2]))
		}
		return
	}
	a := &AttrEntry{Name: strings.Clone(args[0]), Type: typ, Internal: p.internal}
	if b := p.block(); b != nil {
		a.VID, a.Parent = b.vid, b.parent
	}
	for _, word := range args[3:] {
		for flag := range strings.SplitSeq(word, ",") {
			if flag != "" && !p.flag(a, flag) {
				return
			}
		}
	}
	number, below := strings.CutPrefix(args[1], ".")
	if below && p.above == "" {
		p.faultf("unknown", "%s is a number below the tlv defined last, and there is none", clip(args[1]))
		return
	}
	if below {
		a.Parent = p.above
	}
	parent, id, rule, message := p.locate(a.VID, a.Parent, number)
	if message != "" {
		p.fault(rule, message)
		return
	}
	a.Parent, a.ID = parent, id
	p.define(a)
	if !below && holds(typ) {
		p.above = a.Name
	}
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
	case flag == "has_tag" || flag == "has_tag=1":
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
		switch {
		case version4Flags[strings.ToLower(key)]:
			p.faultf("version", "the flag %s is FreeRADIUS 4 syntax", clip(flag))
			return false
		case !ok || len(p.blocks) > 0:
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

func (p *textParser) value(args []string) {
	if len(args) > 0 && equalFold(args[0], "Server-Config") {
		return // of no attribute: FreeRADIUS passes it over too
	}
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
	case !ok && strings.ContainsAny(args[2][:1], `"'`):
		p.fault("version", "a value of text is FreeRADIUS 4 syntax")
		return
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
		p.warnf("unknown", "no dictionary visible here defines the attribute %s: its values have no effect", clip(name))
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
