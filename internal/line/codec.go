package line

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unsafe"

	"aaa-api/internal/aaa"
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

// coder writes and reads values of one type, by where they lie: reflection of each field of each call takes longer than all else here.
// The type is that of the coder, which maker sees to.
type coder struct {
	write func(b []byte, p unsafe.Pointer, depth int) ([]byte, error)
	read  func(r *reader, p unsafe.Pointer, depth int) // the value is zero before
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
	return c.write(b, p.UnsafePointer(), maxNesting)
}

// Read fills in what a pointer points to, which is its zero value before. The form may be a stranger's; the error says nothing of what is in it.
func Read(form string, data any) error {
	if raw, ok := data.(*Raw); ok {
		*raw = Raw(form)
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
	r := reader{rest: form}
	c.read(&r, p.UnsafePointer(), maxNesting)
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
	case t == valuesType:
		*c = binaryForm[aaa.Values]()
	case t == avpsType:
		*c = binaryForm[aaa.AVPs]()
	case hasBinaryForm(t):
		*c = anyBinaryForm(t)
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
	case reflect.Int:
		*c = signed[int]()
	case reflect.Int8:
		*c = signed[int8]()
	case reflect.Int16:
		*c = signed[int16]()
	case reflect.Int32:
		*c = signed[int32]()
	case reflect.Int64:
		*c = signed[int64]()
	case reflect.Uint:
		*c = unsigned[uint]()
	case reflect.Uint8:
		*c = unsigned[uint8]()
	case reflect.Uint16:
		*c = unsigned[uint16]()
	case reflect.Uint32:
		*c = unsigned[uint32]()
	case reflect.Uint64:
		*c = unsigned[uint64]()
	case reflect.Float32:
		*c = float[float32]()
	case reflect.Float64:
		*c = float[float64]()
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
	c.write = func(b []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		to := *(*unsafe.Pointer)(p)
		if to == nil {
			return append(b, 0), nil
		}
		if depth == 0 {
			return nil, errNesting
		}
		return elem.write(append(b, 1), to, depth-1)
	}
	c.read = func(r *reader, p unsafe.Pointer, depth int) {
		switch there := r.octet(); {
		case there == 0:
		case there == 1 && depth > 0:
			to := reflect.New(t.Elem()).UnsafePointer()
			*(*unsafe.Pointer)(p) = to
			elem.read(r, to, depth-1)
		default:
			r.fail()
		}
	}
}

// grown is the most elements for which memory is taken before they are read.
const grown = 64

func (m maker) slice(c *coder, t reflect.Type) {
	elem, least, size := m.make(t.Elem()), leastOctets(t.Elem()), t.Elem().Size()
	c.write = func(b []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		v := reflect.NewAt(t, p).Elem()
		if v.IsNil() {
			return append(b, 0), nil
		}
		if depth == 0 {
			return nil, errNesting
		}
		b = appendCount(b, v.Len())
		var err error
		first := v.UnsafePointer()
		for i := range v.Len() {
			if b, err = elem.write(b, unsafe.Add(first, uintptr(i)*size), depth-1); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	c.read = func(r *reader, p unsafe.Pointer, depth int) {
		n, none := r.count(least)
		if none || depth == 0 {
			r.failIf(!none)
			return
		}
		v := reflect.NewAt(t, p).Elem()
		v.Set(reflect.MakeSlice(t, min(n, grown), min(n, grown)))
		first := v.UnsafePointer()
		for i := range n {
			if i == v.Len() {
				v.Grow(1)
				v.SetLen(min(n, v.Cap()))
				first = v.UnsafePointer()
			}
			if elem.read(r, unsafe.Add(first, uintptr(i)*size), depth-1); r.failed {
				return
			}
		}
	}
}

func (m maker) array(c *coder, t reflect.Type) {
	elem, size, n := m.make(t.Elem()), t.Elem().Size(), t.Len()
	c.write = func(b []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		var err error
		for i := range n {
			if b, err = elem.write(b, unsafe.Add(p, uintptr(i)*size), depth); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	c.read = func(r *reader, p unsafe.Pointer, depth int) {
		for i := 0; i < n && !r.failed; i++ {
			elem.read(r, unsafe.Add(p, uintptr(i)*size), depth)
		}
	}
}

func (m maker) mapping(c *coder, t reflect.Type) {
	key, elem := m.make(t.Key()), m.make(t.Elem())
	least := leastOctets(t.Key()) + leastOctets(t.Elem())
	c.write = func(b []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		v := reflect.NewAt(t, p).Elem()
		if v.IsNil() {
			return append(b, 0), nil
		}
		if depth == 0 {
			return nil, errNesting
		}
		b = appendCount(b, v.Len())
		var err error
		k, e := reflect.New(t.Key()), reflect.New(t.Elem())
		for pairs := v.MapRange(); pairs.Next(); {
			k.Elem().SetIterKey(pairs)
			e.Elem().SetIterValue(pairs)
			if b, err = key.write(b, k.UnsafePointer(), depth-1); err != nil {
				return nil, err
			}
			if b, err = elem.write(b, e.UnsafePointer(), depth-1); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	c.read = func(r *reader, p unsafe.Pointer, depth int) {
		n, none := r.count(least)
		if none || depth == 0 {
			r.failIf(!none)
			return
		}
		all := reflect.MakeMapWithSize(t, min(n, grown))
		for range n {
			k, e := reflect.New(t.Key()), reflect.New(t.Elem())
			key.read(r, k.UnsafePointer(), depth-1)
			if elem.read(r, e.UnsafePointer(), depth-1); r.failed {
				return
			}
			all.SetMapIndex(k.Elem(), e.Elem())
		}
		r.failIf(all.Len() != n) // a key came twice
		reflect.NewAt(t, p).Elem().Set(all)
	}
}

func (m maker) fields(c *coder, t reflect.Type) {
	type field struct {
		*coder
		at uintptr
	}
	list := make([]field, t.NumField())
	for i := range list {
		list[i] = field{m.make(t.Field(i).Type), t.Field(i).Offset}
	}
	c.write = func(b []byte, p unsafe.Pointer, depth int) ([]byte, error) {
		var err error
		for i := range list {
			if b, err = list[i].write(b, unsafe.Add(p, list[i].at), depth); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	c.read = func(r *reader, p unsafe.Pointer, depth int) {
		for i := range list {
			if list[i].read(r, unsafe.Add(p, list[i].at), depth); r.failed {
				return
			}
		}
	}
}
