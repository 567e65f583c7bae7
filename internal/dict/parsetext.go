package dict

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// ParseText reads a FreeRADIUS dictionary file, of version 3 with the spellings of
// 3.2's newest files. Vendors, parents and attributes of VALUEs that it does not define
// itself are looked up in visible (nil: none are). $INCLUDE is refused. Errors are
// *aaa.Error of KindBadInput with paths like "line 12".
func ParseText(_ string, text []byte, visible *Set) ([]Entry, error) {
	p, err := parseText(text, visible, nil)
	if err != nil {
		return nil, err
	}
	return p.entries, nil
}

// parseText is ParseText; include, where not nil, judges each $INCLUDE, which is then passed over.
func parseText(text []byte, visible *Set, include func(file string) error) (*textParser, error) {
	if err := checkSource(text, MaxBytes); err != nil {
		return nil, err
	}
	p := &textParser{
		visible: visible, include: include,
		attrs:   make(map[string]ref),
		paths:   make(map[string]string),
		vendors: make(map[string]uint32),
	}
	line := 0
	for raw := range strings.SplitSeq(string(text), "\n") {
		line++
		p.line = line
		raw, _, _ = strings.Cut(raw, "#")
		words := strings.Fields(raw)
		if len(words) == 0 {
			continue
		}
		p.statement(words)
		if p.faults.full() || len(p.entries) > MaxEntries {
			break
		}
	}
	if len(p.entries) > MaxEntries {
		p.fault("maxItems", "a dictionary has at most 65536 entries")
	}
	p.close()
	p.resolveValues()
	if err := p.faults.err(); err != nil {
		return nil, err
	}
	return p, nil
}

// ref is what an attribute's name stands for.
type ref struct {
	vid, id uint32
	parent  string
	at      int // index of its entry
}

// block is an open BEGIN-VENDOR or BEGIN-TLV.
type block struct {
	tlv    bool
	name   string // as written, for the END
	line   int
	vid    uint32
	parent string // name of the attribute in which the block's attributes lie
}

type textParser struct {
	visible *Set
	include func(file string) error
	line    int
	faults  faults
	entries []Entry

	attrs    map[string]ref    // by lower-case name
	paths    map[string]string // attribute name by pathKey
	vendors  map[string]uint32 // by lower-case name
	blocks   []block
	internal bool // FLAGS internal

	pending []pendingValue
}

// pendingValue is a VALUE whose attribute may yet be defined below.
type pendingValue struct {
	entry int
	attr  string
	vid   uint32 // of the block it stands in
}

func (p *textParser) fault(rule, message string) {
	p.faults.add("line "+strconv.Itoa(p.line), rule, message, nil)
}

func (p *textParser) faultf(rule, format string, args ...any) {
	p.fault(rule, fmt.Sprintf(format, args...))
}

func (p *textParser) statement(words []string) {
	args := words[1:]
	switch keyword := strings.ToUpper(words[0]); keyword {
	case "ATTRIBUTE":
		p.attribute(args)
	case "VALUE":
		p.value(args)
	case "VENDOR":
		p.vendor(args)
	case "BEGIN-VENDOR":
		p.beginVendor(args)
	case "BEGIN-TLV":
		p.beginTLV(args)
	case "END-VENDOR", "END-TLV":
		p.end(keyword == "END-TLV", args)
	case "FLAGS":
		if len(args) != 1 || args[0] != "internal" && args[0] != "!internal" {
			p.fault("enum", "FLAGS is followed by internal or !internal")
			return
		}
		p.internal = args[0] == "internal"
	case "$INCLUDE", "$INCLUDE-":
		if p.include == nil || len(args) != 1 {
			p.fault("include", "$INCLUDE is not taken: a dictionary is one text")
			return
		}
		if err := p.include(args[0]); err != nil {
			p.fault("include", err.Error())
		}
	default:
		p.faultf("keyword", "unknown keyword %s", clip(words[0]))
	}
}

func (p *textParser) vendor(args []string) {
	if len(args) < 2 || len(args) > 3 {
		p.fault("arguments", "wanted: VENDOR name number [format=T,L[,c]]")
		return
	}
	number, ok := parseNumber(args[1])
	if message := checkName(args[0]); message != "" || equalFold(args[0], "format") {
		p.fault("pattern", orElse(message, "a vendor can't be called format"))
		return
	}
	if !ok || number == 0 || number >= 1<<24 {
		p.fault("range", "a vendor's number is in 1..16777215")
		return
	}
	format := ""
	if len(args) == 3 {
		f, found := strings.CutPrefix(args[2], "format=")
		if _, _, _, ok := parseFormat(f); !found || !ok {
			p.fault("enum", "a format is format=T,L or format=1,1,c: T is 1, 2 or 4, L is 0, 1 or 2")
			return
		}
		format = f
	}
	key := strings.ToLower(args[0])
	if old, ok := p.vendors[key]; ok && old != uint32(number) {
		p.faultf("unique", "vendor %s is already defined as %d", args[0], old)
		return
	}
	p.vendors[key] = uint32(number)
	p.entries = append(p.entries, Entry{
		Vendor: &VendorEntry{Name: strings.Clone(args[0]), Number: uint32(number), Format: format}, Line: p.line,
	})
}

// findVendor finds a vendor's number by name, here or among the others visible;
// Vendor-N stands for one that nobody named.
func (p *textParser) findVendor(name string) (uint32, bool) {
	if n, ok := p.vendors[strings.ToLower(name)]; ok {
		return n, true
	}
	if v := p.visible.VendorByName(name); v != nil {
		return v.Number, true
	}
	if rest, ok := cutPrefixFold(name, "vendor-"); ok {
		if n, ok := parseNumber(rest); ok && n > 0 && n < 1<<24 {
			return uint32(n), true
		}
	}
	return 0, false
}

func (p *textParser) beginVendor(args []string) {
	if len(args) < 1 || len(args) > 2 {
		p.fault("arguments", "wanted: BEGIN-VENDOR name [format=attribute]")
		return
	}
	if len(p.blocks) > 0 {
		p.faultf("nesting", "BEGIN-VENDOR inside the block of line %d", p.blocks[len(p.blocks)-1].line)
		return
	}
	b := block{name: args[0], line: p.line}
	vid, ok := p.findVendor(args[0])
	if !ok {
		p.faultf("unknown", "no dictionary visible here defines vendor %s", clip(args[0]))
	}
	b.vid = vid
	if len(args) == 2 {
		container, found := strings.CutPrefix(args[1], "format=")
		if !found {
			container, found = strings.CutPrefix(args[1], "parent=")
		}
		typ, known := p.typeOf(container)
		if !found || !known || typ != aaa.TypeEVS {
			p.fault("enum", "wanted: format= and the name of an attribute of type evs")
		}
		b.parent = p.proper(container)
	}
	p.blocks = append(p.blocks, b)
}

func (p *textParser) beginTLV(args []string) {
	if len(args) != 1 {
		p.fault("arguments", "wanted: BEGIN-TLV attribute")
		return
	}
	if len(p.blocks) > MaxDepth {
		p.fault("nesting", "too many blocks inside each other")
		return
	}
	b := block{tlv: true, name: args[0], line: p.line, parent: p.proper(args[0])}
	typ, known := p.typeOf(args[0])
	if !known {
		p.faultf("unknown", "no dictionary visible here defines the attribute %s", clip(args[0]))
	} else if typ != aaa.TypeTLV {
		p.faultf("type", "%s is not of type tlv", clip(args[0]))
	}
	if r, ok := p.attrs[strings.ToLower(args[0])]; ok {
		b.vid = r.vid
	} else if a := p.visible.ByName(args[0]); a != nil {
		b.vid = vendorNumber(a)
	}
	p.blocks = append(p.blocks, b)
}

func (p *textParser) end(tlv bool, args []string) {
	kind := "END-VENDOR"
	if tlv {
		kind = "END-TLV"
	}
	b := p.block()
	switch {
	case b == nil || b.tlv != tlv:
		p.faultf("nesting", "%s without its BEGIN", kind)
	case len(args) > 1:
		p.faultf("arguments", "wanted: %s name", kind)
	case len(args) == 1 && !equalFold(args[0], b.name):
		p.faultf("nesting", "%s %s ends the block of %s, begun in line %d", kind, clip(args[0]), clip(b.name), b.line)
		p.blocks = p.blocks[:len(p.blocks)-1]
	default:
		p.blocks = p.blocks[:len(p.blocks)-1]
	}
}

// close complains of blocks left open.
func (p *textParser) close() {
	for _, b := range p.blocks {
		p.line = b.line
		p.faultf("nesting", "the block of %s is never ended", clip(b.name))
	}
}

func (p *textParser) block() *block {
	if len(p.blocks) == 0 {
		return nil
	}
	return &p.blocks[len(p.blocks)-1]
}

// typeOf finds the type of an attribute by name, here or among the others visible.
func (p *textParser) typeOf(name string) (aaa.Type, bool) {
	if r, ok := p.attrs[strings.ToLower(name)]; ok {
		typ, _, _ := TypeOf(p.entries[r.at].Attr.Type)
		return typ, true
	}
	if a := p.visible.ByName(name); a != nil {
		return a.Type, true
	}
	return 0, false
}

// proper gives an attribute's name in the case that it was defined in.
func (p *textParser) proper(name string) string {
	if r, ok := p.attrs[strings.ToLower(name)]; ok {
		return p.entries[r.at].Attr.Name
	}
	if a := p.visible.ByName(name); a != nil {
		return a.Name
	}
	return strings.Clone(name)
}

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

// parseNumber reads a decimal or 0x number.
func parseNumber(s string) (uint64, bool) {
	base := uint64(10)
	if rest, ok := cutHex(s); ok {
		s, base = rest, 16
	}
	n, ok, _ := parseDigits(s, base)
	return n, ok
}
