package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/schema"
	"aaa-api/internal/web"
)

const (
	// maxLine is how many octets a line may have.
	maxLine = 256 << 10
	// maxSkipped is how many octets of what is not taken are read, so that the caller comes to read the answer.
	maxSkipped = 8 << 20
	// firstRead is how much memory a reader begins with.
	firstRead = 64 << 10
	// maxBatchID is how many octets the id of a line may have.
	maxBatchID = 64
)

// lineForm is how a line looks.
const lineForm = `{"id": "1", "op": "authn", "data": {…}}`

// lineReader cuts a stream into lines.
type lineReader struct {
	from    io.Reader
	memory  *[]byte // from the pool; nil once there is more
	buf     []byte
	at, end int // of what is read and not given out
	skipped int
	err     error // of from
}

var lineBuffers = sync.Pool{New: func() any { b := make([]byte, firstRead); return &b }}

func newLineReader(from io.Reader) *lineReader {
	m := lineBuffers.Get().(*[]byte)
	return &lineReader{from: from, memory: m, buf: *m}
}

// close gives the memory back; no line may be used any more.
func (r *lineReader) close() {
	if r.memory != nil {
		lineBuffers.Put(r.memory)
	}
	r.memory, r.buf = nil, nil
}

// errLongLine is the fault of a line that is too long. It is read to its end, and the next one can be.
var errLongLine = &web.Failure{Status: http.StatusRequestEntityTooLarge, Slug: web.SlugTooLarge, Detail: fmt.Sprintf("a line may have %d octets at most", maxLine)}

// errSkipped ends a call whose lines have too much that is not taken.
var errSkipped = &web.Failure{Status: http.StatusRequestEntityTooLarge, Slug: web.SlugTooLarge, Detail: fmt.Sprintf("more than %d octets of the body are in lines that are too long", maxSkipped)}

// next returns the next line without white space around it, valid until the next call. Text after the last line break is a line too, if the
// stream ends well.
func (r *lineReader) next() ([]byte, error) {
	seen := 0 // of the line that begins at r.at
	for {
		if i := bytes.IndexByte(r.buf[r.at+seen:r.end], '\n'); i >= 0 {
			line := r.buf[r.at : r.at+seen+i]
			r.at += seen + i + 1
			return taken(line)
		}
		seen = r.end - r.at
		switch {
		case r.err != nil && errors.Is(r.err, io.EOF) && seen > 0:
			line := r.buf[r.at:r.end]
			r.at = r.end
			return taken(line)
		case r.err != nil:
			return nil, r.err
		case seen > maxLine:
			return nil, r.skipLine()
		}
		r.fill()
	}
}

func taken(line []byte) ([]byte, error) {
	if len(line) > maxLine {
		return nil, errLongLine
	}
	return bytes.Trim(line, " \t\r"), nil
}

// fill reads more, behind what is not given out.
func (r *lineReader) fill() {
	if r.at > 0 {
		copy(r.buf, r.buf[r.at:r.end])
		r.at, r.end = 0, r.end-r.at
	}
	if r.end == len(r.buf) {
		grown := make([]byte, min(2*len(r.buf), maxLine+firstRead))
		copy(grown, r.buf)
		r.close()
		r.buf = grown
	}
	var n int
	n, r.err = r.from.Read(r.buf[r.end:])
	r.end += n
}

// skipLine reads the rest of a line.
func (r *lineReader) skipLine() error {
	for {
		if i := bytes.IndexByte(r.buf[r.at:r.end], '\n'); i >= 0 {
			r.at += i + 1
			return errLongLine
		}
		r.skipped += r.end - r.at
		r.at, r.end = 0, 0
		switch {
		case errors.Is(r.err, io.EOF):
			return errLongLine
		case r.err != nil:
			return r.err
		case r.skipped > maxSkipped:
			return errSkipped
		}
		r.fill()
	}
}

// skipRest reads the rest of the body, so that a caller that sends all before it reads gets to read.
func (r *lineReader) skipRest() {
	for r.err == nil && r.skipped <= maxSkipped {
		r.skipped += r.end - r.at
		r.at, r.end = 0, 0
		r.fill()
	}
}

// batchLine is one request of a batch.
type batchLine struct {
	id     string // empty where none can be used
	shown  int    // the number of the line if the id does not tell it; else 0
	op     aaa.Op
	dryRun bool
	values aaa.Values
}

// decodedOctets is about what a member or element costs once it is decoded.
const decodedOctets = 48

// weigh estimates what a line costs in memory, in octets.
func weigh(text []byte) int {
	n := len(text)
	if n < 1<<10 {
		return 2 * n
	}
	for _, ch := range text {
		if ch == ',' || ch == ':' || ch == '[' || ch == '{' {
			n += decodedOctets
		}
	}
	return n
}

// lineDecoder reads the lines of a call.
type lineDecoder struct {
	ids     map[string]struct{} // of the lines before
	members map[string]any      // of a line; used again
}

func newLineDecoder() lineDecoder {
	return lineDecoder{ids: make(map[string]struct{}), members: make(map[string]any, len(lineMembers))}
}

// lineMembers are what a line may have.
var lineMembers = []string{"id", "op", "of", "data"}

// decode reads the line of a number.
func (d *lineDecoder) decode(l *batchLine, text []byte, number int) error {
	l.shown = number
	clear(d.members)
	v, err := schema.ParseInto(d.members, text, schema.MaxDepth)
	if err != nil {
		return lineError(err)
	}
	members, ok := v.(map[string]any)
	if !ok {
		return &web.Failure{Status: http.StatusBadRequest, Slug: web.SlugParse, Detail: "a line must be an object: " + lineForm}
	}
	id, ok := members["id"].(string)
	if _, given := members["id"]; !given {
		return aaa.Invalid(aaa.Field{Path: "id", Rule: "required", Message: "is needed: the answer is known by it"})
	}
	if !ok {
		return aaa.Invalid(aaa.Field{Path: "id", Rule: "type", Message: "must be a string", Target: "string"})
	}
	if id == "" || len(id) > maxBatchID {
		return aaa.Invalid(aaa.Field{Path: "id", Rule: "maxLength", Message: fmt.Sprintf("must have 1 to %d octets", maxBatchID), Target: maxBatchID})
	}
	l.id = strings.Clone(id) // kept for the whole call
	before := len(d.ids)
	if d.ids[l.id] = struct{}{}; len(d.ids) == before {
		return aaa.Invalid(aaa.Field{Path: "id", Rule: "unique", Message: "a line before this one has the same id", Value: id})
	}
	l.shown = 0
	for member := range members {
		if !slices.Contains(lineMembers, member) {
			return aaa.Invalid(aaa.Field{Path: aaa.Shorten(member), Rule: "unknown", Message: schema.Unknown("a line is "+lineForm, member, lineMembers)})
		}
	}
	if err := l.readOp(members); err != nil {
		return err
	}
	data, given := members["data"]
	if !given {
		return aaa.Invalid(aaa.Field{Path: "data", Rule: "required", Message: "is needed: the keys of the request"})
	}
	l.values, err = valuesOf(data)
	return err
}

// batchOps are what a line may ask for.
var batchOps = append(opNames[:len(opNames):len(opNames)], "translate")

// readOp reads op, and of with translate.
func (l *batchLine) readOp(members map[string]any) error {
	v, given := members["op"]
	if !given {
		return aaa.Invalid(aaa.Field{Path: "op", Rule: "required", Message: "is needed: authn, authz, accounting, custom or translate", Target: batchOps})
	}
	name, _ := v.(string)
	_, has := members["of"]
	path, names := "op", batchOps
	if name == "translate" {
		l.dryRun = true
		if !has {
			return aaa.Invalid(aaa.Field{Path: "of", Rule: "required", Message: "is needed with translate: authn, authz, accounting or custom", Target: opNames})
		}
		path, names = "of", opNames
		name, _ = members["of"].(string)
	} else if has {
		return aaa.Invalid(aaa.Field{Path: "of", Rule: "unknown", Message: "goes with the op translate alone"})
	}
	op, err := aaa.ParseOp(name)
	if err != nil {
		return aaa.Invalid(aaa.Field{Path: path, Rule: "enum", Message: "must be one of " + strings.Join(names, ", "), Target: names, Value: aaa.Shorten(name)})
	}
	l.op = op
	return nil
}

// lineError is the fault of a line that is not valid JSON. It gives the place within the line.
func lineError(err error) error {
	var e *aaa.Error
	if errors.As(err, &e) {
		for i := range e.Fields {
			e.Fields[i].Message = strings.TrimPrefix(e.Fields[i].Message, "line 1, ")
		}
	}
	return web.BodyError(err)
}

// A line that costs nothing of the budget fits among those under way.
var _ = [batchUnderWay - admission.FreeBody]struct{}{}
