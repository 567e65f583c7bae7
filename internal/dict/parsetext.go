package dict

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"aaa-api/internal/aaa"
	"aaa-api/internal/charset"
)

// ParseText reads a FreeRADIUS dictionary file as version 3 takes it, with the spellings of
// 3.2's newest files and version 4's ALIAS. Octets that are not UTF-8 may stand in comments. Vendors, parents and attributes of VALUEs that it does not define
// itself are looked up in visible (nil: none are). $INCLUDE is refused. Errors are
// *aaa.Error of KindBadInput with paths like "line 12".
//
// Two things are this service's own, so that every dictionary has a text form: the flag alias, and a VALUE whose
// attribute is given by the numbers that an ATTRIBUTE has in the same place.
func ParseText(_ string, text []byte, visible *Set) ([]Entry, error) {
	p, err := parseText(text, visible, visible, nil)
	if err != nil {
		return nil, err
	}
	return p.entries, nil
}

// parseText is ParseText, with parents looked up in system alone; include, where not nil, judges each $INCLUDE, which
// is then passed over.
func parseText(text []byte, visible, system *Set, include func(file string) error) (*textParser, error) {
	if err := checkLength(text, MaxBytes); err != nil {
		return nil, err
	}
	p := newTextParser(visible, system)
	p.include = include
	if charset.IsUTF16(text) {
		p.line = 1
		p.fault("encoding", "the text is UTF-16: save it as UTF-8")
		return nil, p.faults.err()
	}
	line := 0
	for raw := range strings.SplitSeq(string(trimMark(text)), "\n") {
		line++
		p.line = line
		raw, _, _ = strings.Cut(raw, "#")
		if !utf8.ValidString(raw) {
			p.fault("encoding", "not valid UTF-8, which only a comment need not be")
			continue
		}
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
	p.resolveAliases()
	p.resolveValues()
	p.resolveValueAliases()
	if err := p.faults.err(); err != nil {
		return nil, err
	}
	p.sweep()
	return p, nil
}

func newTextParser(visible, system *Set) *textParser {
	return &textParser{
		visible: visible, system: system,
		attrs:   make(map[string]ref),
		paths:   make(map[string]placed),
		vendors: make(map[string]uint32), vendorNames: make(map[uint32]string),
	}
}

// ref is what an attribute's name stands for.
type ref struct {
	vid, id uint32
	parent  string
	at      int   // index of its entry
	again   []int // of entries that repeat it
}

// placed is what a number stands for in a place.
type placed struct {
	lead int    // index of the entry that a search by number finds
	name string // of several names, the one in which others can lie
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
	visible *Set // where vendors and attributes of VALUEs are found
	system  *Set // where parents are
	include func(file string) error
	line    int
	faults  faults
	// warnings are lines that are taken and may be meant otherwise.
	warnings faults
	entries  []Entry

	attrs   map[string]ref    // by lower-case name
	paths   map[string]placed // by pathKey
	vendors map[string]uint32 // by lower-case name
	// vendorNames are the first names of vendors.
	vendorNames map[uint32]string
	blocks      []block
	internal    bool   // FLAGS internal
	above       string // attribute that numbers like .1 are below: the last one that holds others

	pending      []pendingValue
	aliases      []pendingAlias
	valueAliases []pendingAlias
	swept        bool // entries hold empty ones, which sweep takes out
}

// pendingValue is a VALUE whose attribute may yet be defined below.
type pendingValue struct {
	entry int
	attr  string
	block block // that it stands in
}

func (p *textParser) fault(rule, message string) {
	p.faults.add("line "+strconv.Itoa(p.line), rule, message, nil)
}

func (p *textParser) faultf(rule, format string, args ...any) {
	p.fault(rule, fmt.Sprintf(format, args...))
}

func (p *textParser) warnf(rule, format string, args ...any) {
	p.warnings.add("line "+strconv.Itoa(p.line), rule, fmt.Sprintf(format, args...), nil)
}

func (p *textParser) statement(words []string) {
	args := words[1:]
	switch keyword := strings.ToUpper(words[0]); keyword {
	case "ATTRIBUTE":
		p.attribute(args)
	case "VALUE":
		p.value(args)
	case "ALIAS", "VALUE-ALIAS":
		p.alias(keyword, args)
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
	case "$INCLUDE", "$INCLUDE-", "$-INCLUDE":
		if p.include == nil || len(args) != 1 {
			p.fault("include", "$INCLUDE is not taken: a dictionary is one text")
			return
		}
		if err := p.include(args[0]); err != nil {
			p.fault("include", err.Error())
		}
	default:
		if version4Keywords[keyword] {
			p.faultf("version", "%s: this is FreeRADIUS 4 syntax", keyword)
			return
		}
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
	if p.vendorNames[uint32(number)] == "" {
		p.vendorNames[uint32(number)] = strings.Clone(args[0])
	}
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
	if n, ok := p.visible.VendorNumber(name); ok {
		return n, true
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
	if open := p.block(); open != nil {
		if open.tlv {
			p.faultf("nesting", "BEGIN-VENDOR inside the block of line %d", open.line)
			return
		}
		p.warnf("nesting", "the block of %s, begun in line %d, ends here: no END-VENDOR ends it", clip(open.name), open.line)
		p.blocks = p.blocks[:0]
	}
	p.above = ""
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
	} else if typ != aaa.TypeTLV && typ != aaa.TypeExtended && typ != aaa.TypeLongExtended {
		p.faultf("type", "%s is not of type tlv", clip(args[0]))
	}
	if r, ok := p.attrs[strings.ToLower(args[0])]; ok {
		b.vid = r.vid
	} else if a := p.system.ByName(args[0]); a != nil {
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
	p.above = ""
	switch {
	case b == nil || b.tlv != tlv:
		p.faultf("nesting", "%s without its BEGIN", kind)
	case len(args) > 1:
		p.faultf("arguments", "wanted: %s name", kind)
	case len(args) == 1 && !p.ends(b, args[0]):
		p.faultf("nesting", "%s %s ends the block of %s, begun in line %d", kind, clip(args[0]), clip(b.name), b.line)
		p.blocks = p.blocks[:len(p.blocks)-1]
	default:
		p.blocks = p.blocks[:len(p.blocks)-1]
	}
}

// ends reports whether the name after an END is that of the block, or another one of its vendor.
func (p *textParser) ends(b *block, name string) bool {
	if equalFold(name, b.name) {
		return true
	}
	vid, known := p.findVendor(name)
	return known && !b.tlv && vid == b.vid
}

// close warns of blocks left open: like FreeRADIUS, they end with the text.
func (p *textParser) close() {
	for _, b := range p.blocks {
		p.line = b.line
		p.warnf("nesting", "the block of %s is never ended: it ends with the text", clip(b.name))
	}
}

func (p *textParser) block() *block {
	if len(p.blocks) == 0 {
		return nil
	}
	return &p.blocks[len(p.blocks)-1]
}

// typeOf finds the type of an attribute by name, here or among the system dictionaries.
func (p *textParser) typeOf(name string) (aaa.Type, bool) {
	if r, ok := p.attrs[strings.ToLower(name)]; ok {
		typ, _, _ := TypeOf(p.entries[r.at].Attr.Type)
		return typ, true
	}
	if a := p.system.ByName(name); a != nil {
		return a.Type, true
	}
	return 0, false
}

// proper gives an attribute's name in the case that it was defined in.
func (p *textParser) proper(name string) string {
	if r, ok := p.attrs[strings.ToLower(name)]; ok {
		return p.entries[r.at].Attr.Name
	}
	if a := p.system.ByName(name); a != nil {
		return a.Name
	}
	return strings.Clone(name)
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
