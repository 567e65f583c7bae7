package operations

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"
)

// Protocol names the form of what operators exchange with a node: two builds of one name understand each other. It changes with the number,
// name and types of any operation for operators.
func Protocol() string {
	h := sha256.New()
	for number, o := range all {
		if !o.forOperators() {
			continue
		}
		fmt.Fprintln(h, number, o.Name())
		request, answer := o.types()
		for _, v := range []any{request, answer} {
			writeType(h, reflect.TypeOf(v), map[reflect.Type]bool{})
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// writeType writes a type with all that it is made of.
func writeType(w io.Writer, t reflect.Type, seen map[reflect.Type]bool) {
	fmt.Fprintln(w, t.Kind(), t)
	if seen[t] {
		return
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		writeType(w, t.Elem(), seen)
	case reflect.Map:
		writeType(w, t.Key(), seen)
		writeType(w, t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			fmt.Fprintln(w, f.Name)
			writeType(w, f.Type, seen)
		}
	}
}
