package dict

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// FormatText writes entries as a FreeRADIUS dictionary file, in their order. Vendors come first where an entry precedes its
// vendor's; attributes and then values come behind them where an entry precedes its parent's. ParseText with the same
// visible reads entries back that mean the same. Errors are Compile's, and an *aaa.Error of KindBadInput for a name that text can't hold.
func FormatText(entries []Entry, visible *Set) ([]byte, error) {
	return formatText(entries, visible, visible)
}

func formatText(entries []Entry, visible, system *Set) ([]byte, error) {
	c, err := CompileStored("", entries, system)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Attr != nil && strings.Contains(e.Attr.Name, "#") || e.Val != nil && strings.Contains(e.Val.Attr+e.Val.Name, "#") {
			return nil, aaa.Errorf(aaa.KindBadInput, "the dictionary has no text form, since # begins a comment there and stands in a name: ask for application/json")
		}
	}
	own := NewSet(c)
	writer := func() *textWriter {
		return &textWriter{
			own: own, all: own.Join(visible), system: system,
			reader: newTextParser(visible, system), vendors: make(map[uint32]string),
		}
	}
	draft, w := writer(), writer()
	for _, e := range draft.ordered(entries) {
		if e.Val == nil {
			draft.entry(e)
		}
	}
	w.knowing = draft.reader
	for _, e := range w.ordered(entries) {
		w.entry(e)
	}
	w.open(context{})
	if err := w.reader.faults.err(); err != nil {
		return nil, fmt.Errorf("the dictionary has no text form: %v", err) //nolint:errorlint // who asks for it made no fault
	}
	return w.out.Bytes(), nil
}

// context is the block that an entry stands in: of a vendor, or of a parent.
type context struct {
	vid    uint32
	vendor string // the name of vid, 0 having none
	evs    string // the container given by format=
	tlv    string // the parent, in place of a vendor
}

type textWriter struct {
	out     bytes.Buffer
	own     *Set
	all     *Set // own, then what else is visible
	system  *Set
	now     context
	reader  *textParser       // knows what a reader of the lines so far knows
	knowing *textParser       // knows what one knows who has read all attributes; nil in a draft
	vendors map[uint32]string // remembers vendorName
}

func (w *textWriter) entry(e Entry) {
	switch {
	case e.Vendor != nil:
		w.vendor(e.Vendor)
	case e.Attr != nil:
		w.attribute(e.Attr)
	case e.Val != nil:
		w.value(e.Val)
	}
}

// ordered is entries so that what a reader has to know when it comes to a line stands before it.
func (w *textWriter) ordered(entries []Entry) []Entry {
	var vendorsFirst, parentsFirst bool
	used, seen := make(map[uint32]bool), make(map[string]bool)
	needs := func(vid uint32, parent string) {
		used[vid] = true
		if parent != "" && w.own.ByName(parent) != nil && !seen[strings.ToLower(parent)] {
			parentsFirst = true
		}
	}
	for _, e := range entries {
		switch {
		case e.Vendor != nil:
			vendorsFirst = vendorsFirst || used[e.Vendor.Number]
		case e.Attr != nil:
			needs(e.Attr.VID, e.Attr.Parent)
			seen[strings.ToLower(e.Attr.Name)] = true
		case w.knowing != nil:
			if _, at, ok := w.valueOf(e.Val); ok && at != nil {
				needs(at.vid, at.evs+at.tlv)
			}
		}
	}
	if !vendorsFirst && !parentsFirst {
		return entries
	}
	rank := func(e Entry) int {
		switch {
		case e.Vendor != nil:
			return 0
		case !parentsFirst:
			return 1
		case e.Val != nil:
			return MaxDepth + 2
		}
		depth := 1
		for p := w.own.ByName(e.Attr.Name).Parent; p != nil; p = p.Parent {
			depth++
		}
		return depth
	}
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b Entry) int { return rank(a) - rank(b) })
	return sorted
}

// line writes a statement.
func (w *textWriter) line(words ...string) {
	w.out.WriteString(strings.Join(words, "\t"))
	w.out.WriteByte('\n')
	w.reader.statement(words)
}

func (w *textWriter) open(want context) {
	if w.now == want {
		return
	}
	switch {
	case w.now.tlv != "":
		w.line("END-TLV", w.now.tlv)
	case w.now.vendor != "":
		w.line("END-VENDOR", w.now.vendor)
	}
	if w.now != (context{}) {
		w.out.WriteByte('\n')
	}
	if want != (context{}) {
		w.out.WriteByte('\n')
	}
	switch {
	case want.tlv != "":
		w.line("BEGIN-TLV", want.tlv)
	case want.evs != "":
		w.line("BEGIN-VENDOR", want.vendor, "format="+want.evs)
	case want.vendor != "":
		w.line("BEGIN-VENDOR", want.vendor)
	}
	w.now = want
}

func (w *textWriter) vendor(v *VendorEntry) {
	w.open(context{})
	words := []string{"VENDOR", v.Name, strconv.FormatUint(uint64(v.Number), 10)}
	if v.Format != "" {
		words = append(words, "format="+v.Format)
	}
	w.line(words...)
}

// vendorName is a name by which a reader of the text finds the number.
func (w *textWriter) vendorName(number uint32) string {
	if name, ok := w.vendors[number]; ok {
		return name
	}
	name := "Vendor-" + strconv.FormatUint(uint64(number), 10)
	for _, c := range w.all.list {
		v := c.vendor(number)
		if v == nil {
			continue
		}
		if n, ok := w.all.VendorNumber(v.Name); ok && n == number {
			name = v.Name
			break
		}
	}
	w.vendors[number] = name
	return name
}

// space is the context of a vendor's own space, or of the standard one.
func (w *textWriter) space(vid uint32) context {
	if vid == 0 {
		return context{}
	}
	return context{vid: vid, vendor: w.vendorName(vid)}
}

func (w *textWriter) attribute(e *AttrEntry) {
	at, parent, number := w.place(e)
	w.open(at)
	words := []string{"ATTRIBUTE", e.Name, number, strings.ToLower(e.Type)}
	flags := flagsOf(e)
	if lead := w.reader.lead(e.VID, parent, e.ID); e.Alias && (lead == nil || lead.Alias || !sameType(lead, e)) {
		flags = append(flags, "alias")
	}
	if len(flags) > 0 {
		words = append(words, strings.Join(flags, ","))
	}
	w.line(words...)
}

// place finds the block and the number by which a reader comes to an attribute, and the name that its parent then has: by the
// numbers of its parents as FreeRADIUS's files have it, or in a block of the parent where numbers lead elsewhere.
func (w *textWriter) place(e *AttrEntry) (at context, parent, number string) {
	number = strconv.FormatUint(uint64(e.ID), 10)
	at = w.space(e.VID)
	above := w.own.ByName(e.Name).Parent
	if above == nil {
		return at, "", number
	}
	path := number
	for p := above; p != nil; p = p.Parent {
		if p.Type == aaa.TypeEVS {
			at.evs = p.Name
			break
		}
		path = strconv.FormatUint(uint64(p.Number), 10) + "." + path
	}
	if in, _, _, message := w.reader.locate(e.VID, at.evs, path); message == "" && w.leads(in, above) {
		return at, in, path
	}
	return context{tlv: e.Parent}, w.reader.proper(e.Parent), number
}

// find is the attribute that a name in an entry leads to.
func (w *textWriter) find(name string) *aaa.Attribute {
	if a := w.own.ByName(name); a != nil {
		return a
	}
	return w.system.ByName(name)
}

// leads says whether a parent's name leads to an attribute, defined alike in what matters to those that lie in it.
func (w *textWriter) leads(name string, a *aaa.Attribute) bool {
	found := w.find(name)
	for ; found != nil && a != nil; found, a = found.Parent, a.Parent {
		if found == a {
			return true
		}
		if found.Number != a.Number || vendorNumber(found) != vendorNumber(a) || found.Type != a.Type || found.Wire != a.Wire {
			return false
		}
	}
	return found == a
}

func flagsOf(e *AttrEntry) []string {
	var flags []string
	for _, f := range []struct {
		on   bool
		name string
	}{
		{e.HasTag, "has_tag"},
		{e.Concat, "concat"},
		{e.Array, "array"},
		{e.Virtual, "virtual"},
		{e.Internal, "internal"},
		{e.Secret, "secret"},
	} {
		if f.on {
			flags = append(flags, f.name)
		}
	}
	if enc, _ := EncOf(e.Enc); enc != aaa.EncNone {
		flags = append(flags, "encrypt="+strconv.Itoa(int(enc)))
	}
	return flags
}

func (w *textWriter) value(v *ValEntry) {
	name, at, ok := w.valueOf(v)
	if !ok {
		return // no text says it: it has no effect, and the text would
	}
	if at != nil {
		w.open(*at)
	}
	w.line("VALUE", name, v.Name, strconv.FormatInt(v.Val, 10))
}

// valueOf finds a name, or a number and the block for it (at, nil where any will do), by which a reader takes a value to be of
// the same attribute.
func (w *textWriter) valueOf(v *ValEntry) (name string, at *context, ok bool) {
	a := w.attrOf(v)
	if a == nil { // of nobody's attribute
		at := w.space(v.VID)
		return v.Attr, &at, w.reads(v.Attr, at, nil)
	}
	if v.Attr != "" && w.reads(v.Attr, context{}, a) {
		return v.Attr, nil, true
	}
	for _, c := range w.all.list {
		if named := c.at(a.Parent, vendorNumber(a), a.Number); named != nil && w.reads(named.Name, context{}, a) {
			return named.Name, nil, true
		}
	}
	in := w.space(vendorNumber(a))
	if p := a.Parent; p != nil {
		parent := orElse(v.Parent, p.Name)
		if p.Type == aaa.TypeEVS {
			in.evs = parent
		} else {
			in = context{tlv: parent}
		}
	}
	name = strconv.FormatUint(uint64(a.Number), 10)
	return name, &in, w.reads(name, in, a)
}

// attrOf is the attribute that a value is of, as Compile finds it; nil for that of nobody.
func (w *textWriter) attrOf(v *ValEntry) *aaa.Attribute {
	if v.Attr != "" {
		return w.find(v.Attr)
	}
	var parent *aaa.Attribute
	if v.Parent != "" {
		parent = w.find(v.Parent)
	}
	if a := w.own.at(parent, v.VID, v.ID); a != nil {
		return a
	}
	if a := w.system.at(parent, v.VID, v.ID); a != nil {
		return a
	}
	return standIn(parent, v.VID, v.ID)
}

// reads says whether a reader takes a VALUE to be of an attribute, or of nobody's.
func (w *textWriter) reads(name string, at context, a *aaa.Attribute) bool {
	word := pendingValue{attr: name, block: block{vid: at.vid, parent: at.evs + at.tlv}}
	if at.tlv != "" {
		parent := w.find(at.tlv)
		if parent == nil {
			return false
		}
		word.block.vid = vendorNumber(parent)
	}
	var v ValEntry
	if _, message := w.knowing.resolveValue(&v, word); message != "" {
		return false
	}
	if v.Parent != "" {
		p := w.find(v.Parent)
		if p == nil {
			return false
		}
		if _, _, message := checkPlace(standIn(p, v.VID, v.ID)); message != "" {
			return false
		}
	}
	got := w.attrOf(&v)
	if got == nil || a == nil {
		return got == a && v.VID != 0
	}
	return sameAttr(got, a)
}
