package line

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// CheckPlain returns all the places of a type that can't cross a line whole, by their paths: channels, functions, interfaces, unexported fields.
// A type that has a binary form of its own (encoding.BinaryAppender and BinaryUnmarshaler) is taken as it is.
func CheckPlain(t reflect.Type) error {
	w := plainWalk{seen: map[reflect.Type]bool{}}
	w.walk(t, t.String())
	return errors.Join(w.faults...)
}

type plainWalk struct {
	seen   map[reflect.Type]bool
	faults []error
}

func (w *plainWalk) fault(path string, t reflect.Type, why string) {
	w.faults = append(w.faults, fmt.Errorf("%s: %s: %s", path, t, why))
}

func (w *plainWalk) walk(t reflect.Type, path string) {
	if t == timeType || hasBinaryForm(t) || w.seen[t] {
		return
	}
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
	case reflect.Pointer:
		w.walk(t.Elem(), path)
	case reflect.Slice:
		w.elements(t.Elem(), path+"[]")
	case reflect.Array:
		w.walk(t.Elem(), path+"[]")
	case reflect.Map:
		if !isKey(t.Key()) {
			w.fault(path, t, "a map's key is to be a text or an integer")
		}
		w.elements(t.Elem(), path+"[]")
	case reflect.Struct:
		w.seen[t] = true
		for i := range t.NumField() {
			f := t.Field(i)
			if f.PkgPath != "" {
				w.fault(path+"."+f.Name, t, "the field is not exported")
				continue
			}
			w.walk(f.Type, path+"."+f.Name)
		}
	default:
		w.fault(path, t, "its values mean something in one process only, or may be of any type")
	}
}

// elements refuses elements that take no octets: their count would be bounded by nothing.
func (w *plainWalk) elements(t reflect.Type, path string) {
	if leastOctets(t) == 0 {
		w.fault(path, t, "an element without octets")
		return
	}
	w.walk(t, path)
}

var (
	timeType        = reflect.TypeFor[time.Time]()
	appenderType    = reflect.TypeFor[encoding.BinaryAppender]()
	unmarshalerType = reflect.TypeFor[encoding.BinaryUnmarshaler]()
)

// hasBinaryForm reports whether a type writes and reads itself. A struct that has the methods from an embedded field would lose its
// other fields, so those don't count.
func hasBinaryForm(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface || !implements(t) {
		return false
	}
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			if f := t.Field(i); f.Anonymous && (implements(f.Type) || f.Type.Kind() == reflect.Pointer && implements(f.Type.Elem())) {
				return false
			}
		}
	}
	return true
}

func implements(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(appenderType) && p.Implements(unmarshalerType)
}

func isKey(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return !hasBinaryForm(t)
	}
	return false
}

// leastOctets is the fewest octets that a value of a type takes in its binary form.
func leastOctets(t reflect.Type) int {
	if t == timeType || hasBinaryForm(t) {
		return 1
	}
	switch t.Kind() {
	case reflect.Array:
		return t.Len() * leastOctets(t.Elem())
	case reflect.Struct:
		n := 0
		for i := range t.NumField() {
			n += leastOctets(t.Field(i).Type)
		}
		return n
	case reflect.Float32, reflect.Float64:
		return 8
	}
	return 1
}
