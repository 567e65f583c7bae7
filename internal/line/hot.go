package line

import (
	"encoding/binary"
	"reflect"

	"aaa-api/internal/aaa"
)

// The two types of an AAA request have coders by hand. Those by reflection take more than twice the processor time (BenchmarkCodec,
// BenchmarkCodecByReflection).

var (
	requestType = reflect.TypeFor[aaa.Request]()
	resultType  = reflect.TypeFor[aaa.Result]()
)

func writeRequest(b []byte, v reflect.Value, _ int) ([]byte, error) {
	q := v.Addr().Interface().(*aaa.Request) //nolint:forcetypeassert // requestType
	b = appendText(b, q.ID)
	b = appendText(b, string(q.Account))
	b = append(b, byte(q.Op), flags(q.Trace, q.Stored, !q.Happened.IsZero()))
	b = appendText(b, q.RepeatID)
	if !q.Happened.IsZero() {
		b = appendTime(b, q.Happened)
	}
	b = appendText(b, q.SessionID)
	return appendValues(b, q.Values)
}

func readRequest(r *reader, v reflect.Value, _ int) {
	q := v.Addr().Interface().(*aaa.Request) //nolint:forcetypeassert // requestType
	var happened bool
	q.ID = r.text()
	q.Account = aaa.AccountID(r.text())
	q.Op = aaa.Op(r.octet())
	r.flags(&q.Trace, &q.Stored, &happened)
	q.RepeatID = r.text()
	if happened {
		q.Happened = r.time()
	}
	q.SessionID = r.text()
	r.values(&q.Values)
}

// resultCoder is the coder of aaa.Result, but for its trace, which few requests ask for.
func resultCoder(trace *coder) (
	write func([]byte, reflect.Value, int) ([]byte, error), read func(*reader, reflect.Value, int),
) {
	write = func(b []byte, v reflect.Value, depth int) ([]byte, error) {
		q := v.Addr().Interface().(*aaa.Result) //nolint:forcetypeassert // resultType
		b = append(b, flags(q.IsAuthorized, q.Echo, q.Trace != nil))
		b = appendText(b, string(q.Outcome))
		b = appendText(b, string(q.Document))
		b = appendText(b, q.Server)
		b = binary.AppendVarint(b, int64(q.Attempts))
		b = appendText(b, q.State)
		b = appendText(b, q.Prompt)
		b = appendText(b, q.RefusedBy)
		b = appendText(b, q.Reason)
		b, err := appendValues(b, q.Keys)
		if err != nil {
			return nil, err
		}
		if b, err = appendPrefixed(b, q.AVPs); err != nil || q.Trace == nil {
			return b, err
		}
		return trace.write(b, reflect.ValueOf(q.Trace).Elem(), depth-1)
	}
	read = func(r *reader, v reflect.Value, depth int) {
		q := v.Addr().Interface().(*aaa.Result) //nolint:forcetypeassert // resultType
		var traced bool
		r.flags(&q.IsAuthorized, &q.Echo, &traced)
		q.Outcome = aaa.Outcome(r.text())
		q.Document = aaa.AccountID(r.text())
		q.Server = r.text()
		n := r.varint()
		q.Attempts = int(n)
		r.failIf(int64(q.Attempts) != n)
		q.State = r.text()
		q.Prompt = r.text()
		q.RefusedBy = r.text()
		q.Reason = r.text()
		r.values(&q.Keys)
		if form := r.prefixed(); !r.failed {
			r.failIf(q.AVPs.ReadBinary(form) != nil)
		}
		if traced && !r.failed {
			q.Trace = new(aaa.Trace)
			trace.read(r, reflect.ValueOf(q.Trace).Elem(), depth-1)
		}
	}
	return write, read
}

func appendValues(b []byte, v aaa.Values) ([]byte, error) { return appendPrefixed(b, v) }

// appendPrefixed adds the binary form that a type has of its own, with its length before it.
func appendPrefixed[T interface {
	AppendBinary(b []byte) ([]byte, error)
}](b []byte, v T) ([]byte, error) {
	at := len(b)
	b, err := v.AppendBinary(append(b, 0, 0, 0, 0))
	if err != nil {
		return nil, err
	}
	return b, setLength(b, at)
}

func (r *reader) values(v *aaa.Values) {
	if form := r.prefixed(); !r.failed {
		r.failIf(v.ReadBinary(form) != nil)
	}
}

// flags are three bools in an octet.
func flags(a, b, c bool) byte {
	n := byte(0)
	if a {
		n |= 1
	}
	if b {
		n |= 2
	}
	if c {
		n |= 4
	}
	return n
}

func (r *reader) flags(a, b, c *bool) {
	n := r.octet()
	r.failIf(n > 7)
	*a, *b, *c = n&1 != 0, n&2 != 0, n&4 != 0
}
