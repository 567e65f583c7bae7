package aaa

import (
	"encoding/binary"
	"encoding/json"
	"iter"
	"maps"
	"math"
	"slices"
)

// NamedAVP is an AVP with the words that its server's dictionaries have for it. Whoever shows it needs no dictionary.
type NamedAVP struct {
	AVP
	As   string // the name under which a request could send it: with the tag, by numbers where the name means another attribute
	Word string // the name of the value; empty where it has none
}

// JSON is the value as answers show it.
func (v *NamedAVP) JSON() Value {
	if v.Word != "" {
		return v.Word
	}
	return v.Attr.JSON(v.Value)
}

// AVPs are the attributes of a reply, in its order. Their JSON is an object as answers show them, which sessions are stored
// with; read back, it shows the same, but of the types it keeps only numbers and bools apart from text.
type AVPs []NamedAVP

// few AVPs are compared with one another, which allocates nothing. A server may send two thousand.
const few = 32

// All returns each name once, with its value, or with a list of its values.
func (l AVPs) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if len(l) > few {
			l.grouped(yield)
			return
		}
		for i := range l {
			if l[:i].index(l[i].As) < 0 && !yield(l[i].As, l[i:].value()) {
				return
			}
		}
	}
}

// grouped is All at a cost in proportion to the number of AVPs.
func (l AVPs) grouped(yield func(string, Value) bool) {
	next := make([]int, len(l)) // index of the next AVP of the name, 0 if there is none
	repeats := make([]bool, len(l))
	latest := make(map[string]int, len(l))
	for i := range l {
		if before, ok := latest[l[i].As]; ok {
			next[before], repeats[i] = i, true
		}
		latest[l[i].As] = i
	}
	for i := range l {
		if repeats[i] {
			continue
		}
		v := l[i].JSON()
		if next[i] > 0 {
			values := appendEach(nil, v)
			for j := next[i]; j > 0; j = next[j] {
				values = appendEach(values, l[j].JSON())
			}
			v = values
		}
		if !yield(l[i].As, v) {
			return
		}
	}
}

// Value is the value of a name, or the list of its values; nil where there is none.
func (l AVPs) Value(name string) Value {
	i := l.index(name)
	if i < 0 {
		return nil
	}
	return l[i:].value()
}

func (l AVPs) index(name string) int {
	return slices.IndexFunc(l, func(v NamedAVP) bool { return v.As == name })
}

// value is the value of the first AVP's name.
func (l AVPs) value() Value {
	v := l[0].JSON()
	rest := l[1:]
	if rest.index(l[0].As) < 0 {
		return v
	}
	values := appendEach(nil, v)
	for i := range rest {
		if rest[i].As == l[0].As {
			values = appendEach(values, rest[i].JSON())
		}
	}
	return values
}

func appendEach(list []any, v Value) []any {
	if several, ok := v.([]any); ok {
		return append(list, several...)
	}
	return append(list, v)
}

// Values are the AVPs as answers show them.
func (l AVPs) Values() Values { return maps.Collect(l.anys()) }

func (l AVPs) anys() iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for name, v := range l.All() {
			if !yield(name, v) {
				return
			}
		}
	}
}

// MarshalJSON implements json.Marshaler.
func (l AVPs) MarshalJSON() ([]byte, error) { return l.Values().MarshalJSON() }

// UnmarshalJSON implements json.Unmarshaler.
func (l *AVPs) UnmarshalJSON(text []byte) error {
	var shown Values
	if err := json.Unmarshal(text, &shown); err != nil {
		return err
	}
	*l = nil
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		list, several := shown[name].([]any)
		if !several {
			list = []any{shown[name]}
		}
		for _, v := range list {
			l.addShown(name, v)
		}
	}
	return nil
}

// Add adds an attribute of which a name and a text are all that is known.
func (l *AVPs) Add(name, text string) { l.put(name, TypeString, []byte(text)) }

func (l *AVPs) addShown(name string, v any) {
	switch v := v.(type) {
	case bool:
		octet := byte(0)
		if v {
			octet = 1
		}
		l.put(name, TypeBool, []byte{octet})
	case json.Number:
		var octets [8]byte
		n, err := v.Int64()
		switch u, large := parseUint(v); {
		case large:
			binary.BigEndian.PutUint64(octets[:], u)
			l.put(name, TypeInteger64, octets[:])
		case err == nil && n >= math.MinInt32 && n < 0:
			binary.BigEndian.PutUint32(octets[:4], uint32(int32(n)))
			l.put(name, TypeSigned, octets[:4])
		default:
			l.Add(name, v.String()) // no attribute has such a number
		}
	case string:
		l.Add(name, v)
	}
}

func parseUint(n json.Number) (uint64, bool) {
	var u uint64
	err := json.Unmarshal([]byte(n), &u)
	return u, err == nil
}

func (l *AVPs) put(name string, t Type, value []byte) {
	*l = append(*l, NamedAVP{AVP: AVP{Attr: &Attribute{Name: name, Type: t}, Value: value}, As: name})
}
