package dict

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// FormatText writes entries as a FreeRADIUS dictionary file, in their order; vendors come
// first where an entry precedes its vendor's. ParseText with the same visible reads
// equal entries back. Errors are Compile's.
func FormatText(entries []Entry, visible *Set) ([]byte, error) {
	c, err := Compile("", entries, visible)
	if err != nil {
		return nil, err
	}
	w := &textWriter{own: NewSet(c), all: NewSet(c).Join(visible), visible: visible, vendors: make(map[uint32]string)}
	entries = vendorsFirst(entries)
	for i, e := range entries {
		switch {
		case e.Vendor != nil:
			w.vendor(e.Vendor)
		case e.Attr != nil:
			w.attribute(e.Attr)
		case e.Val != nil:
			if err := w.value(e.Val); err != nil {
				return nil, aaa.Invalid(aaa.Field{Path: e.path(i, "id"), Rule: "unknown", Message: err.Error()})
			}
		}
	}
	w.open(context{})
	return w.out.Bytes(), nil
}

// vendorsFirst moves the vendors to the front where an attribute stands before its vendor.
func vendorsFirst(entries []Entry) []Entry {
	later := make(map[uint32]bool)
	for _, e := range entries {
		switch {
		case e.Vendor != nil && later[e.Vendor.Number]:
			var vendors, others []Entry
			for _, e := range entries {
				if e.Vendor != nil {
					vendors = append(vendors, e)
				} else {
					others = append(others, e)
				}
			}
			return append(vendors, others...)
		case e.Attr != nil:
			later[e.Attr.VID] = true
		}
	}
	return entries
}

// context is the BEGIN-VENDOR block that an attribute stands in.
type context struct {
	vendor string
	evs    string // the container given by format=
}

type textWriter struct {
	out     bytes.Buffer
	own     *Set
	all     *Set // own, then what else is visible
	visible *Set
	now     context
	// vendors remembers vendorName.
	vendors map[uint32]string
}

func (w *textWriter) open(want context) {
	if w.now == want {
		return
	}
	if w.now.vendor != "" {
		fmt.Fprintf(&w.out, "END-VENDOR\t%s\n\n", w.now.vendor)
	}
	switch {
	case want.evs != "":
		fmt.Fprintf(&w.out, "\nBEGIN-VENDOR\t%s\tformat=%s\n", want.vendor, want.evs)
	case want.vendor != "":
		fmt.Fprintf(&w.out, "\nBEGIN-VENDOR\t%s\n", want.vendor)
	}
	w.now = want
}

func (w *textWriter) vendor(v *VendorEntry) {
	w.open(context{})
	fmt.Fprintf(&w.out, "VENDOR\t%s\t%d", v.Name, v.Number)
	if v.Format != "" {
		fmt.Fprintf(&w.out, "\tformat=%s", v.Format)
	}
	w.out.WriteByte('\n')
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
		if found := w.all.VendorByName(v.Name); found != nil && found.Number == number {
			name = v.Name
			break
		}
	}
	w.vendors[number] = name
	return name
}

func (w *textWriter) attribute(e *AttrEntry) {
	a := w.own.ByName(e.Name)
	var at context
	oid := strconv.FormatUint(uint64(a.Number), 10)
	for p := a.Parent; p != nil; p = p.Parent {
		if p.Type == aaa.TypeEVS {
			at.evs = p.Name
			break
		}
		oid = strconv.FormatUint(uint64(p.Number), 10) + "." + oid
	}
	if e.VID != 0 {
		at.vendor = w.vendorName(e.VID)
	}
	w.open(at)
	fmt.Fprintf(&w.out, "ATTRIBUTE\t%s\t%s\t%s", e.Name, oid, strings.ToLower(e.Type))
	if flags := flagsOf(e); flags != "" {
		fmt.Fprintf(&w.out, "\t%s", flags)
	}
	w.out.WriteByte('\n')
}

func flagsOf(e *AttrEntry) string {
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
	return strings.Join(flags, ",")
}

func (w *textWriter) value(v *ValEntry) error {
	if v.Attr != "" {
		if v.VID != 0 && w.all.ByName(v.Attr) == nil {
			w.open(context{vendor: w.vendorName(v.VID)})
		}
		fmt.Fprintf(&w.out, "VALUE\t%s\t%s\t%d\n", v.Attr, v.Name, v.Val)
		return nil
	}
	var parent *aaa.Attribute
	if v.Parent != "" {
		parent = w.all.ByName(v.Parent)
	}
	name, ok := w.attrName(parent, v.VID, v.ID)
	if !ok {
		return fmt.Errorf("no dictionary visible here defines the attribute %s, so the text form can't name it",
			NumberName(&aaa.Vendor{Number: v.VID}, parent, v.ID))
	}
	fmt.Fprintf(&w.out, "VALUE\t%s\t%s\t%d\n", name, v.Name, v.Val)
	return nil
}

// attrName finds a name by which a reader of the text finds an attribute.
func (w *textWriter) attrName(parent *aaa.Attribute, vid, id uint32) (string, bool) {
	for _, c := range w.all.list {
		if a := c.at(parent, vid, id); a != nil && sameAttr(w.all.ByName(a.Name), a) {
			return a.Name, true
		}
	}
	if parent != nil {
		return "", false
	}
	var vendor *aaa.Vendor
	if vid != 0 {
		vendor = &aaa.Vendor{Number: vid, TypeOctets: 4}
	}
	name := NumberName(vendor, nil, id)
	return name, w.visible.byNumber(name) != nil // the reader knows no more
}
