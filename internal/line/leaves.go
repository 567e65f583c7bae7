package line

import (
	"encoding"
	"encoding/binary"
	"math"
	"reflect"
	"time"
	"unsafe"

	"aaa-api/internal/aaa"
)

// The coders of values that hold no others.

var (
	valuesType = reflect.TypeFor[aaa.Values]()
	avpsType   = reflect.TypeFor[aaa.AVPs]()
)

// binaryReader is an encoding.BinaryUnmarshaler that keeps parts of a string instead of copies.
type binaryReader interface{ ReadBinary(form string) error }

// binaryForm is the coder of a type that has a binary form of its own, which follows its length.
func binaryForm[T any, P interface {
	*T
	encoding.BinaryAppender
	binaryReader
}]() coder {
	return coder{
		write: func(b []byte, p unsafe.Pointer, _ int) ([]byte, error) { return appendBinary(b, P(p)) },
		read: func(r *reader, p unsafe.Pointer, _ int) {
			if form := r.prefixed(); !r.failed {
				r.failIf(P(p).ReadBinary(form) != nil)
			}
		},
	}
}

// anyBinaryForm is binaryForm of a type that is known at run time alone.
func anyBinaryForm(t reflect.Type) coder {
	return coder{
		write: func(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			return appendBinary(b, reflect.NewAt(t, p).Interface().(encoding.BinaryAppender)) //nolint:forcetypeassert // hasBinaryForm
		},
		read: func(r *reader, p unsafe.Pointer, _ int) {
			form := r.prefixed()
			if r.failed {
				return
			}
			var err error
			switch v := reflect.NewAt(t, p).Interface().(type) {
			case binaryReader:
				err = v.ReadBinary(form)
			case encoding.BinaryUnmarshaler:
				err = v.UnmarshalBinary([]byte(form))
			}
			r.failIf(err != nil)
		},
	}
}

func appendBinary(b []byte, v encoding.BinaryAppender) ([]byte, error) {
	at := len(b)
	b, err := v.AppendBinary(append(b, 0, 0, 0, 0))
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

// A time is its seconds and nanoseconds in UTC: of the zone and the monotonic clock nothing crosses.
func writeTime(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	return appendTime(b, *(*time.Time)(p)), nil
}

func readTime(r *reader, p unsafe.Pointer, _ int) { *(*time.Time)(p) = r.time() }

func writeBool(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	if *(*bool)(p) {
		return append(b, 1), nil
	}
	return append(b, 0), nil
}

func readBool(r *reader, p unsafe.Pointer, _ int) {
	c := r.octet()
	r.failIf(c > 1)
	*(*bool)(p) = c == 1
}

func writeString(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	return appendText(b, *(*string)(p)), nil
}

func readString(r *reader, p unsafe.Pointer, _ int) { *(*string)(p) = r.text() }

func signed[T int | int8 | int16 | int32 | int64]() coder {
	return coder{
		write: func(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			return binary.AppendVarint(b, int64(*(*T)(p))), nil
		},
		read: func(r *reader, p unsafe.Pointer, _ int) {
			n := r.varint()
			r.failIf(int64(T(n)) != n)
			*(*T)(p) = T(n)
		},
	}
}

func unsigned[T uint | uint8 | uint16 | uint32 | uint64]() coder {
	return coder{
		write: func(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			return binary.AppendUvarint(b, uint64(*(*T)(p))), nil
		},
		read: func(r *reader, p unsafe.Pointer, _ int) {
			n := r.uvarint()
			r.failIf(uint64(T(n)) != n)
			*(*T)(p) = T(n)
		},
	}
}

func float[T float32 | float64]() coder {
	return coder{
		write: func(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
			return binary.BigEndian.AppendUint64(b, math.Float64bits(float64(*(*T)(p)))), nil
		},
		read: func(r *reader, p unsafe.Pointer, _ int) {
			if s := r.take(8); !r.failed {
				*(*T)(p) = T(math.Float64frombits(binary.BigEndian.Uint64([]byte(s))))
			}
		},
	}
}

func writeOctets(b []byte, p unsafe.Pointer, _ int) ([]byte, error) {
	v := *(*[]byte)(p)
	if v == nil {
		return append(b, 0), nil
	}
	return append(appendCount(b, len(v)), v...), nil
}

func readOctets(r *reader, p unsafe.Pointer, _ int) {
	if n, none := r.count(1); !none {
		*(*[]byte)(p) = []byte(r.take(uint64(n))) //nolint:gosec // not negative
	}
}
