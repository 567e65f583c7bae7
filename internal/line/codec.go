package line

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"
	"time"
)

// The binary form of plain data. Both ends of a line are the same build, so fields have no names: they follow one another in the order of
// the type, all of them, whatever their tags for JSON say. nil and empty differ. Libraries for CBOR and MessagePack were no
// fit: they leave out what JSON leaves out, or trust counts.

// maxNesting bounds pointers, lists and maps within one another.
const maxNesting = 64

var (
	errDamaged = errors.New("the binary form is damaged")
	errNesting = errors.New("the value is nested too deeply")
	errTooLong = errors.New("the value is too long")
)

// coder writes and reads values of one type. Values are addressable.
type coder struct {
	write func(b []byte, v reflect.Value, depth int) ([]byte, error)
	read  func(r *reader, v reflect.Value, depth int)
}

// Coders by type. One that is being made, of a type that holds itself, is found here too.
var coders struct {
	made sync.Map // reflect.Type → *coder, complete ones alone
	sync.Mutex
}

func coderOf(t reflect.Type) (*coder, error) {
	if c, ok := coders.made.Load(t); ok {
		return c.(*coder), nil //nolint:forcetypeassert // what is stored
	}
	if err := CheckPlain(t); err != nil {
		return nil, err
	}
	coders.Lock()
	defer coders.Unlock()
	m := maker{}
	m.make(t)
	for t, c := range m {
		coders.made.LoadOrStore(t, c)
	}
	c, _ := coders.made.Load(t)
	return c.(*coder), nil //nolint:forcetypeassert // what is stored
}

// Append adds the binary form of what a pointer points to.
func Append(b []byte, data any) ([]byte, error) {
	if raw, ok := data.(*Raw); ok {
		return append(b, *raw...), nil
	}
	p := reflect.ValueOf(data)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return nil, fmt.Errorf("%T is no pointer to plain data", data)
	}
	c, err := coderOf(p.Type().Elem())
	if err != nil {
		return nil, err
	}
	return c.write(b, p.Elem(), maxNesting)
}

// Read fills in what a pointer points to, which is its zero value before. The form may be a stranger's; the error says nothing of what is in it.
func Read(form string, data any) error {
	r := reader{rest: form}
	return r.read(data)
}

func (r *reader) read(data any) error {
	if raw, ok := data.(*Raw); ok {
		*raw = Raw(r.rest)
		return nil
	}
	p := reflect.ValueOf(data)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("%T is no pointer to plain data", data)
	}
	c, err := coderOf(p.Type().Elem())
	if err != nil {
		return err
	}
	c.read(r, p.Elem(), maxNesting)
	if r.failed || len(r.rest) > 0 {
		p.Elem().SetZero()
		return errDamaged
	}
	return nil
}

// maker makes the coders of a type and of those in it.
type maker map[reflect.Type]*coder

func (m maker) make(t reflect.Type) *coder {
	if c := m[t]; c != nil {
		return c
	}
	c := &coder{}
	m[t] = c
	switch {
	case t == timeType:
		c.write, c.read = writeTime, readTime
	case hasBinaryForm(t):
		c.write, c.read = writeBinary, readBinary
	default:
		m.ofKind(c, t)
	}
	return c
}

func (m maker) ofKind(c *coder, t reflect.Type) {
	switch t.Kind() {
	case reflect.Bool:
		c.write, c.read = writeBool, readBool
	case reflect.String:
		c.write, c.read = writeString, readString
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		c.write, c.read = writeInt, readInt
	case reflect.Uint8, reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		c.write, c.read = writeUint, readUint
	case reflect.Float32, reflect.Float64:
		c.write, c.read = writeFloat, readFloat
	case reflect.Pointer:
		m.pointer(c, t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 && !hasBinaryForm(t.Elem()) {
			c.write, c.read = writeOctets, readOctets
			return
		}
		m.slice(c, t)
	case reflect.Array:
		m.array(c, t)
	case reflect.Map:
		m.mapping(c, t)
	case reflect.Struct:
		m.fields(c, t)
	default:
		panic("line: " + t.String() + " passed CheckPlain")
	}
}

func (m maker) pointer(c *coder, t reflect.Type) {
	elem := m.make(t.Elem())
	c.write = func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		if v.IsNil() {
			return append(b, 0), nil
		}
		if depth == 0 {
			return nil, errNesting
		}
		return elem.write(append(b, 1), v.Elem(), depth-1)
	}
	c.read = func(r *reader, v reflect.Value, depth int) {
		switch there := r.octet(); {
		case there == 0:
			v.SetZero()
		case there == 1 && depth > 0:
			r.cost(int(t.Elem().Size()))
			p := reflect.New(t.Elem())
			elem.read(r, p.Elem(), depth-1)
			v.Set(p)
		default:
			r.fail()
		}
	}
}

// grown is the most elements for which memory is taken before they are read.
const grown = 64

func (m maker) slice(c *coder, t reflect.Type) {
	elem, least := m.make(t.Elem()), leastOctets(t.Elem())
	size := 2 * int(t.Elem().Size()) // as the list grows
	c.write = func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		if v.IsNil() {
			return append(b, 0), nil
		}
		if depth == 0 {
			return nil, errNesting
		}
		b = appendCount(b, v.Len())
		var err error
		for i := range v.Len() {
			if b, err = elem.write(b, v.Index(i), depth-1); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	c.read = func(r *reader, v reflect.Value, depth int) {
		n, none := r.count(least)
		if none || depth == 0 {
			r.failIf(!none)
			v.SetZero()
			return
		}
		v.Set(reflect.MakeSlice(t, min(n, grown), min(n, grown)))
		for i := range n {
			if i == v.Len() {
				v.Grow(1)
				v.SetLen(min(n, v.Cap()))
			}
			r.cost(size)
			if elem.read(r, v.Index(i), depth-1); r.failed {
				return
			}
		}
	}
}

func (m maker) array(c *coder, t reflect.Type) {
	elem := m.make(t.Elem())
	c.write = func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		var err error
		for i := range t.Len() {
			if b, err = elem.write(b, v.Index(i), depth); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	c.read = func(r *reader, v reflect.Value, depth int) {
		for i := 0; i < t.Len() && !r.failed; i++ {
			elem.read(r, v.Index(i), depth)
		}
	}
}

func (m maker) mapping(c *coder, t reflect.Type) {
	key, elem := m.make(t.Key()), m.make(t.Elem())
	least := leastOctets(t.Key()) + leastOctets(t.Elem())
	size := 3 * int(t.Key().Size()+t.Elem().Size()) // as the map grows
	c.write = func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		if v.IsNil() {
			return append(b, 0), nil
		}
		if depth == 0 {
			return nil, errNesting
		}
		b = appendCount(b, v.Len())
		var err error
		k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		for pairs := v.MapRange(); pairs.Next(); {
			k.SetIterKey(pairs)
			e.SetIterValue(pairs)
			if b, err = key.write(b, k, depth-1); err != nil {
				return nil, err
			}
			if b, err = elem.write(b, e, depth-1); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	c.read = func(r *reader, v reflect.Value, depth int) {
		n, none := r.count(least)
		if none || depth == 0 {
			r.failIf(!none)
			v.SetZero()
			return
		}
		all := reflect.MakeMapWithSize(t, min(n, grown))
		for range n {
			k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			r.cost(size)
			key.read(r, k, depth-1)
			if elem.read(r, e, depth-1); r.failed {
				return
			}
			all.SetMapIndex(k, e)
		}
		r.failIf(all.Len() != n) // a key came twice
		v.Set(all)
	}
}

func (m maker) fields(c *coder, t reflect.Type) {
	list := make([]*coder, t.NumField())
	for i := range list {
		list[i] = m.make(t.Field(i).Type)
	}
	c.write = func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		var err error
		for i, f := range list {
			if b, err = f.write(b, v.Field(i), depth); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	c.read = func(r *reader, v reflect.Value, depth int) {
		for i, f := range list {
			if f.read(r, v.Field(i), depth); r.failed {
				return
			}
		}
	}
}

// writeBinary writes the length and the binary form that the type has of its own.
func writeBinary(b []byte, v reflect.Value, _ int) ([]byte, error) {
	at := len(b)
	b, err := v.Addr().Interface().(encoding.BinaryAppender).AppendBinary(append(b, 0, 0, 0, 0)) //nolint:forcetypeassert // hasBinaryForm
	if err != nil {
		return nil, err
	}
	n := len(b) - at - lengthOctets
	if n > math.MaxUint32 {
		return nil, errTooLong
	}
	binary.BigEndian.PutUint32(b[at:], uint32(n)) //nolint:gosec // not longer
	return b, nil
}

func readBinary(r *reader, v reflect.Value, _ int) {
	form := r.prefixed()
	if r.failed {
		return
	}
	var err error
	p := v.Addr().Interface()
	if w, ok := p.(weigher); ok && len(form) > light && r.takes != nil {
		if r.cost(w.Weight(form)); r.failed {
			return
		}
	}
	switch v := p.(type) {
	case binaryReader:
		err = v.ReadBinary(form)
	case encoding.BinaryUnmarshaler:
		err = v.UnmarshalBinary([]byte(form))
	}
	r.failIf(err != nil)
}

// binaryReader is an encoding.BinaryUnmarshaler that keeps parts of a string instead of copies.
type binaryReader interface{ ReadBinary(form string) error }

// weigher is a type whose values take more memory than their binary form.
type weigher interface{ Weight(form string) int }

// A time is its seconds and nanoseconds in UTC: of the zone and the monotonic clock nothing crosses.
func writeTime(b []byte, v reflect.Value, _ int) ([]byte, error) {
	return appendTime(b, *v.Addr().Interface().(*time.Time)), nil //nolint:forcetypeassert // timeType
}

func readTime(r *reader, v reflect.Value, _ int) {
	*v.Addr().Interface().(*time.Time) = r.time() //nolint:forcetypeassert // timeType
}

func writeBool(b []byte, v reflect.Value, _ int) ([]byte, error) {
	if v.Bool() {
		return append(b, 1), nil
	}
	return append(b, 0), nil
}

func readBool(r *reader, v reflect.Value, _ int) {
	c := r.octet()
	r.failIf(c > 1)
	v.SetBool(c == 1)
}

func writeString(b []byte, v reflect.Value, _ int) ([]byte, error) {
	return appendText(b, v.String()), nil
}
func readString(r *reader, v reflect.Value, _ int) { v.SetString(r.text()) }

func writeInt(b []byte, v reflect.Value, _ int) ([]byte, error) {
	return binary.AppendVarint(b, v.Int()), nil
}

func readInt(r *reader, v reflect.Value, _ int) {
	n := r.varint()
	r.failIf(v.OverflowInt(n))
	v.SetInt(n)
}

func writeUint(b []byte, v reflect.Value, _ int) ([]byte, error) {
	return binary.AppendUvarint(b, v.Uint()), nil
}

func readUint(r *reader, v reflect.Value, _ int) {
	n := r.uvarint()
	r.failIf(v.OverflowUint(n))
	v.SetUint(n)
}

func writeFloat(b []byte, v reflect.Value, _ int) ([]byte, error) {
	return binary.BigEndian.AppendUint64(b, math.Float64bits(v.Float())), nil
}

func readFloat(r *reader, v reflect.Value, _ int) {
	if s := r.take(8); !r.failed {
		v.SetFloat(math.Float64frombits(binary.BigEndian.Uint64([]byte(s))))
	}
}

func writeOctets(b []byte, v reflect.Value, _ int) ([]byte, error) {
	if v.IsNil() {
		return append(b, 0), nil
	}
	return append(appendCount(b, v.Len()), v.Bytes()...), nil
}

func readOctets(r *reader, v reflect.Value, _ int) {
	n, none := r.count(1)
	if none {
		v.SetZero()
		return
	}
	v.SetBytes([]byte(r.take(uint64(n)))) //nolint:gosec // not negative
}
