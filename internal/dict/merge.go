package dict

import "strings"

// Merge makes one list of several that may contradict each other: the first
// definition of a name wins, and a further name for an identity becomes an alias. The
// lists have to agree on the names of parents.
func Merge(lists ...[]Entry) []Entry {
	m := merger{
		vendors: make(map[string]bool), formats: make(map[uint32]string),
		names: make(map[string]bool), ids: make(map[placeName]bool), vals: make(map[valueKey]bool),
	}
	for _, list := range lists {
		for _, e := range list {
			m.add(e)
		}
	}
	return m.out
}

// placeName is an identity by the lower-case name of its parent.
type placeName struct {
	vid, id uint32
	parent  string
}

type valueKey struct {
	placeName
	name string
}

type merger struct {
	out     []Entry
	vendors map[string]bool
	formats map[uint32]string
	names   map[string]bool
	ids     map[placeName]bool
	vals    map[valueKey]bool
}

func (m *merger) add(e Entry) {
	e.Line = 0
	switch {
	case e.Vendor != nil:
		key := strings.ToLower(e.Vendor.Name)
		format, known := m.formats[e.Vendor.Number]
		if m.vendors[key] || known && format != canonFormat(e.Vendor.Format) {
			return
		}
		m.vendors[key] = true
		m.formats[e.Vendor.Number] = canonFormat(e.Vendor.Format)
	case e.Attr != nil:
		key := strings.ToLower(e.Attr.Name)
		if m.names[key] {
			return
		}
		m.names[key] = true
		at := placeName{e.Attr.VID, e.Attr.ID, strings.ToLower(e.Attr.Parent)}
		if !e.Attr.Alias && m.ids[at] {
			a := *e.Attr
			a.Alias = true
			e.Attr = &a
		}
		m.ids[at] = m.ids[at] || !e.Attr.Alias
	case e.Val != nil:
		key := valueKey{placeName{e.Val.VID, e.Val.ID, strings.ToLower(e.Val.Parent + "|" + e.Val.Attr)}, strings.ToLower(e.Val.Name)}
		if m.vals[key] {
			return
		}
		m.vals[key] = true
	}
	m.out = append(m.out, e)
}
