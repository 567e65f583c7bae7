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
	if message := checkName(args[0]); message != "" {
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
	if !p.number(a, args[1]) {
		return
	}
	p.define(a)
}

// number reads an attribute's number, or the numbers of its parents and it.
func (p *textParser) number(a *AttrEntry, text string) bool {
	numbers := strings.Split(text, ".")
	if len(numbers) > MaxDepth+1 {
		p.fault("maximum", "too many numbers in one another")
		return false
	}
	path := ""
	for i, word := range numbers {
		n, ok := parseNumber(word)
		if !ok || n > math.MaxUint32 {
			p.faultf("range", "%s is not an attribute's number", clip(word))
			return false
		}
		if i == len(numbers)-1 {
			a.ID = uint32(n)
			return true
		}
		path += strconv.FormatUint(n, 10)
		parent, ok := p.at(a.VID, a.Parent, uint32(n))
		if !ok {
			p.faultf("unknown", "no dictionary visible here defines the parent %s", path)
			return false
		}
		a.Parent = parent
		path += "."
	}
	return false
}

// at finds the name of the attribute of a number below a parent, here or among the others visible.
func (p *textParser) at(vid uint32, parent string, id uint32) (string, bool) {
	if name, ok := p.paths[pathKey(vid, parent, id)]; ok {
		return name, true
	}
	var above *aaa.Attribute
	if parent != "" {
		if _, own := p.attrs[strings.ToLower(parent)]; own {
			return "", false // its children are known here or nowhere
		}
		if above = p.visible.ByName(parent); above == nil {
			return "", false
		}
	}
	a := p.visible.at(above, vid, id)
	if a == nil {
		return "", false
	}
	if _, shadowed := p.attrs[strings.ToLower(a.Name)]; shadowed || !sameAttr(p.visible.ByName(a.Name), a) {
		return "", false
	}
	return a.Name, true
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
	first, taken := p.paths[key]
	a.Alias = taken
	if !taken || holds(a.Type) && !holds(p.entries[p.attrs[strings.ToLower(first)].at].Attr.Type) {
		p.paths[key] = a.Name // of several names, the one in which others can lie
	}
	if _, ok := p.attrs[lower]; !ok {
		p.attrs[lower] = ref{vid: a.VID, id: a.ID, parent: a.Parent, at: len(p.entries)}
	}
	p.entries = append(p.entries, Entry{Attr: a, Line: p.line})
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
		w.vid = b.vid
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
		v := p.entries[w.entry].Val
		if r, ok := p.attrs[strings.ToLower(w.attr)]; ok {
			v.VID, v.ID, v.Parent = r.vid, r.id, r.parent
			continue
		}
		a := p.visible.ByName(w.attr)
		if a == nil {
			a = p.visible.byNumber(w.attr)
			if a != nil && a.Parent != nil && p.visible.ByName(a.Parent.Name) == nil {
				a = nil
			}
		}
		if a == nil && w.vid != 0 && checkName(w.attr) == "" {
			v.VID, v.Attr = w.vid, strings.Clone(w.attr)
			continue
		}
		if a == nil {
			p.faultf("unknown", "no dictionary visible here defines the attribute %s", clip(w.attr))
			continue
		}
		v.VID, v.ID = vendorNumber(a), a.Number
		if a.Parent != nil {
			v.Parent = a.Parent.Name
		}
	}
}
