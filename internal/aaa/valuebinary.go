package aaa

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// Decoded is a parsed JSON value: nil, a bool, a string, a json.Number, a []any or a map[string]any of these.
type Decoded struct{ Value any }

// MaxDecodedDepth bounds how deep a Decoded may nest.
const MaxDecodedDepth = 64

// Tags of values in their binary form. What has elements is followed by its count plus one; 0 stands for nil.
const (
	tagNil byte = iota
	tagFalse
	tagTrue
	tagString
	tagNumber
	tagInt
	tagInt64
	tagUint64
	tagList
	tagStrings
	tagValues
	tagMap
)

var errBinary = errors.New("the binary form of a value is damaged")

// AppendBinary implements encoding.BinaryAppender. It refuses what CheckValues refuses.
func (v Values) AppendBinary(b []byte) ([]byte, error) {
	return valueWriter{}.pairs(b, v, maxDepth)
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. It refuses what CheckValues refuses.
func (v *Values) UnmarshalBinary(data []byte) error { return v.ReadBinary(string(data)) }

// ReadBinary is UnmarshalBinary of a string, whose memory the values share.
func (v *Values) ReadBinary(data string) error {
	r := valueReader{rest: data}
	m := r.pairs(maxDepth)
	*v = nil
	if !r.whole() {
		return errBinary
	}
	*v = m
	return nil
}

// AppendBinary implements encoding.BinaryAppender. It refuses values that no JSON has.
func (v Decoded) AppendBinary(b []byte) ([]byte, error) {
	return valueWriter{json: true}.value(b, v.Value, MaxDecodedDepth)
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (v *Decoded) UnmarshalBinary(data []byte) error { return v.ReadBinary(string(data)) }

// ReadBinary is UnmarshalBinary of a string, whose memory the value shares.
func (v *Decoded) ReadBinary(data string) error {
	r := valueReader{rest: data, json: true}
	value := r.value(MaxDecodedDepth)
	v.Value = nil
	if !r.whole() {
		return errBinary
	}
	v.Value = value
	return nil
}

// valueWriter writes values. With json set it takes the types of parsed JSON, else those of Values.
type valueWriter struct{ json bool }

func (w valueWriter) value(b []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return appendText(append(b, tagString), v), nil
	case bool:
		if v {
			return append(b, tagTrue), nil
		}
		return append(b, tagFalse), nil
	case json.Number:
		if err := checkNumber(v); err != nil {
			return nil, err
		}
		return appendText(append(b, tagNumber), string(v)), nil
	case []any:
		return w.list(append(b, tagList), v, depth)
	case map[string]any:
		return w.pairs(append(b, tagMap), v, depth)
	case nil:
		if w.json {
			return append(b, tagNil), nil
		}
	}
	if !w.json {
		switch v := v.(type) {
		case int:
			return binary.AppendVarint(append(b, tagInt), int64(v)), nil
		case int64:
			return binary.AppendVarint(append(b, tagInt64), v), nil
		case uint64:
			return binary.AppendUvarint(append(b, tagUint64), v), nil
		case []string:
			return appendTexts(append(b, tagStrings), v), nil
		case Values:
			return w.pairs(append(b, tagValues), v, depth)
		}
	}
	return nil, fmt.Errorf("%T is no type of a value", v)
}

func (w valueWriter) list(b []byte, list []any, depth int) ([]byte, error) {
	if depth == 0 {
		return nil, errTooDeep
	}
	b = appendCount(b, len(list), list == nil)
	var err error
	for _, e := range list {
		if b, err = w.value(b, e, depth-1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (w valueWriter) pairs(b []byte, m map[string]any, depth int) ([]byte, error) {
	if depth == 0 {
		return nil, errTooDeep
	}
	b = appendCount(b, len(m), m == nil)
	var err error
	for name, e := range m {
		if b, err = w.value(appendText(b, name), e, depth-1); err != nil {
			return nil, err
		}
	}
	return b, nil
}

var errTooDeep = errors.New("a value is nested too deeply")

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTexts(b []byte, list []string) []byte {
	b = appendCount(b, len(list), list == nil)
	for _, s := range list {
		b = appendText(b, s)
	}
	return b
}

// appendCount writes how many elements follow, so that nil and empty differ.
func appendCount(b []byte, n int, none bool) []byte {
	if none {
		return append(b, 0)
	}
	return binary.AppendUvarint(b, uint64(n)+1) //nolint:gosec // a length is not negative
}

// valueReader reads values from octets that a stranger may have written. The texts that it returns share the memory of one
// string. After a fault it reads nothing more, and whole is false.
type valueReader struct {
	rest   string
	json   bool
	failed bool
}

// whole reports whether all octets were read without a fault.
func (r *valueReader) whole() bool { return !r.failed && r.rest == "" }

func (r *valueReader) fail() {
	r.failed = true
	r.rest = ""
}

func (r *valueReader) octet() byte {
	if r.rest == "" {
		r.fail()
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

func (r *valueReader) uvarint() uint64 {
	if r.rest != "" && r.rest[0] < 0x80 { // nearly all lengths
		n := uint64(r.rest[0])
		r.rest = r.rest[1:]
		return n
	}
	var n uint64
	for shift := 0; shift < 64; shift += 7 {
		c := r.octet()
		if shift == 63 && c > 1 {
			break
		}
		n |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
	}
	r.fail()
	return 0
}

func (r *valueReader) varint() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1) //nolint:gosec // zigzag: the bits are what counts
}

func (r *valueReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.fail()
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// count reads how many elements follow; none means nil. Each element has an octet at least, so no count makes the reader allocate more
// than a few times what arrived.
func (r *valueReader) count(octetsEach int) (n int, none bool) {
	c := r.uvarint()
	if c == 0 {
		return 0, true
	}
	if c-1 > uint64(len(r.rest)/octetsEach) {
		r.fail()
		return 0, true
	}
	return int(c - 1), false
}

// preallocated is the most elements for which memory is taken before they are read.
const preallocated = 64

func (r *valueReader) value(depth int) any {
	switch tag := r.octet(); tag {
	case tagFalse:
		return false
	case tagTrue:
		return true
	case tagString:
		return r.text()
	case tagNumber:
		n := json.Number(r.text())
		if checkNumber(n) != nil {
			r.fail()
		}
		return n
	case tagList:
		return r.list(depth)
	case tagMap:
		return r.pairs(depth)
	case tagNil:
		if !r.json {
			r.fail()
		}
		return nil
	default:
		if r.json {
			r.fail()
			return nil
		}
		return r.made(tag, depth)
	}
}

// made reads a value of the types that this service makes and JSON has not.
func (r *valueReader) made(tag byte, depth int) any {
	switch tag {
	case tagInt:
		n := r.varint()
		if int64(int(n)) != n {
			r.fail()
		}
		return int(n)
	case tagInt64:
		return r.varint()
	case tagUint64:
		return r.uvarint()
	case tagStrings:
		n, none := r.count(1)
		if none {
			return []string(nil)
		}
		list := make([]string, 0, min(n, preallocated))
		for range n {
			list = append(list, r.text())
		}
		return list
	case tagValues:
		return Values(r.pairs(depth))
	}
	r.fail()
	return nil
}

func (r *valueReader) list(depth int) []any {
	if depth == 0 {
		r.fail()
		return nil
	}
	n, none := r.count(1)
	if none {
		return nil
	}
	list := make([]any, 0, min(n, preallocated))
	for range n {
		list = append(list, r.value(depth-1))
		if r.failed {
			return nil
		}
	}
	return list
}

func (r *valueReader) pairs(depth int) map[string]any {
	if depth == 0 {
		r.fail()
		return nil
	}
	n, none := r.count(2)
	if none {
		return nil
	}
	m := make(map[string]any, min(n, preallocated))
	for range n {
		name := r.text()
		m[name] = r.value(depth - 1)
		if r.failed {
			return nil
		}
	}
	if len(m) != n { // a name came twice
		r.fail()
	}
	return m
}
