package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/charset"
	"aaa-api/internal/schema"
)

// MaxShortBody is how many octets of a body are read before its sender is known and allowed to send it.
const MaxShortBody = 64 << 10

// readBody reads the body as far as the route allows.
func (c *Call) readBody() error { return c.readUpTo(c.bodyLimit()) }

// readUpTo reads a body of at most limit octets; a longer one is refused.
func (c *Call) readUpTo(limit int64) error {
	if c.read {
		return nil
	}
	if c.r.ContentLength > limit {
		return tooLarge(limit)
	}
	c.read = true
	if c.r.ContentLength == 0 || c.r.Body == nil {
		return nil
	}
	if err := c.checkEncoding(); err != nil {
		return err
	}
	length := c.r.ContentLength
	if length < 0 || length > admission.FreeBody {
		return c.readLong(limit)
	}
	c.buffer = getBuffer()
	c.buffer.Grow(int(length) + bytes.MinRead) // net/http gives no more than it announces
	n, err := c.buffer.ReadFrom(c.r.Body)
	if err != nil {
		return badRead(err, limit, n)
	}
	c.body = c.buffer.Bytes()[:n]
	return nil
}

// checkEncoding refuses a body that must be unpacked first.
func (c *Call) checkEncoding() error {
	if e := c.r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return unsupportedMedia("the body must be sent without a Content-Encoding, not as " + fmt.Sprintf("%.40q", e))
	}
	return nil
}

// badRead is the fault of a body of which n octets could be read.
func badRead(err error, limit, n int64) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(limit)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Failure{Status: http.StatusBadRequest, Slug: SlugParse, Detail: fmt.Sprintf("the body ended early, after %d octets", n), Err: err}
	}
	return &Failure{Status: http.StatusBadRequest, Slug: SlugParse, Detail: "the body could not be read", Err: err}
}

// bodyVerb returns the method that the member verb of a POST's body asks for, empty without one.
func (c *Call) bodyVerb() (string, error) {
	if err := c.readUpTo(MaxShortBody); err != nil {
		return "", err
	}
	if c.IsText() || !bytes.Contains(c.body, []byte(`"verb"`)) {
		return "", nil
	}
	if err := c.decodeBody(); err != nil {
		return "", err
	}
	v, ok := c.envelope["verb"]
	if !ok {
		return "", nil
	}
	text, _ := v.(string)
	if text = knownVerb(text); text == "" {
		return "", errVerb
	}
	return text, nil
}

// decodeBody decodes a JSON body into the envelope: strict UTF-8, no duplicate
// members, bounded depth, nothing after it. An empty body leaves the envelope nil.
func (c *Call) decodeBody() error {
	if c.envelope != nil || len(bytes.TrimSpace(c.body)) == 0 {
		return nil
	}
	if err := c.checkJSONType(); err != nil {
		return err
	}
	if err := c.holdDecoded(); err != nil {
		return err
	}
	v, err := schema.Parse(c.body, schema.MaxDepth)
	if err != nil {
		return BodyError(err)
	}
	envelope, ok := v.(map[string]any)
	if !ok {
		return &Failure{Status: http.StatusBadRequest, Slug: SlugParse, Detail: `the body must be an object: {"data": …}`}
	}
	c.envelope = envelope
	return nil
}

const (
	// MaxMembers is how many members and elements a body may have.
	MaxMembers = 1_000_000
	// memberOctets is about what one costs once it is decoded.
	memberOctets = 48
)

// holdDecoded takes of the budget what a long body costs once it is decoded.
func (c *Call) holdDecoded() error {
	if len(c.body) <= admission.FreeBody {
		return nil
	}
	n := 0
	for _, ch := range c.body {
		if ch == ',' || ch == ':' || ch == '[' || ch == '{' {
			n++
		}
	}
	if n > 2*MaxMembers {
		return &Failure{
			Status: http.StatusRequestEntityTooLarge, Slug: SlugTooLarge,
			Detail: fmt.Sprintf("the body may have %d members and elements at most", MaxMembers),
		}
	}
	return c.holdShared(int64(n) * memberOctets)
}

// maxUnknown is how many unknown members of a body one answer names.
const maxUnknown = 20

// checkBody holds the body against what the route takes.
func (c *Call) checkBody() error {
	if c.route.Scope == Public && c.route.Body == NoBody {
		return nil
	}
	if c.route.Body == Stream {
		return c.checkStream()
	}
	uploads := c.route.Body == Upload
	if uploads && c.IsText() {
		return c.readText()
	}
	if len(c.body) > 0 && c.route.Body != NoBody {
		if err := c.checkJSONType(); err != nil {
			return err
		}
	}
	if c.route.Body == NoBody && c.envelope == nil {
		return nil // the route takes no body: it means nothing
	}
	if err := c.decodeBody(); err != nil {
		if uploads && !looksLikeJSON(c.body) {
			return &Failure{Status: http.StatusBadRequest, Slug: SlugParse, Detail: "the body is not JSON; a text is sent with Content-Type: text/plain", Err: err}
		}
		return err
	}
	_, data := c.envelope["data"]
	unknown := `the body is {"data": …}: put the member into data`
	if data {
		unknown = "is no member of a body: only data of an answer is sent back"
	}
	var faults []aaa.Field
	for member := range c.envelope {
		switch member {
		case "data":
		case "auth_token":
		case "verb":
			if verb, _ := c.envelope[member].(string); knownVerb(verb) != c.route.Method {
				return errVerb
			}
		default:
			faults = append(faults, aaa.Field{Path: member, Rule: "unknown", Message: unknown})
		}
		if len(faults) == maxUnknown {
			break
		}
	}
	if len(faults) > 0 {
		return aaa.Invalid(faults...)
	}
	if !data && (c.route.Body == JSONBody || uploads) {
		return aaa.Invalid(aaa.Field{Path: "data", Rule: "required", Message: `the body must be {"data": …}`})
	}
	return nil
}

// Sent is the member data of the body's envelope, nil without one.
func (c *Call) Sent() any { return c.envelope["data"] }

// IsSent reports whether the body's envelope has a member data, which may be null.
func (c *Call) IsSent() bool {
	_, ok := c.envelope["data"]
	return ok
}

// SentOctets returns a member of data as it came, nil if there is none. It spares a reader of its own writing anew what was decoded. The
// octets are valid until the handler returns.
func (c *Call) SentOctets(member string) (json.RawMessage, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(c.body))
	for _, name := range []string{"data", member} {
		if found, err := enter(d, name); err != nil || !found {
			return nil, err
		}
	}
	v, err := d.ReadValue()
	return json.RawMessage(v), err
}

// enter reads an object up to the value of a member.
func enter(d *jsontext.Decoder, member string) (found bool, err error) {
	if d.PeekKind() != jsontext.KindBeginObject {
		return false, nil
	}
	if _, err := d.ReadToken(); err != nil {
		return false, err
	}
	for d.PeekKind() == jsontext.KindString {
		name, err := d.ReadToken()
		if err != nil {
			return false, err
		}
		if name.String() == member {
			return true, nil
		}
		if err := d.SkipValue(); err != nil {
			return false, err
		}
	}
	return false, nil
}

// Data is the member data of the envelope as an object. It may be left out if the route's body is not JSONBody.
func (c *Call) Data() (map[string]any, error) {
	v, ok := c.envelope["data"]
	if !ok && c.route.Body != JSONBody {
		return map[string]any{}, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, aaa.Invalid(aaa.Field{Path: "data", Rule: "type", Message: "must be an object", Target: "object"})
	}
	return m, nil
}

// OnlyText is the one member of data, a text of at most limit octets.
func (c *Call) OnlyText(name string, limit int) (string, error) {
	data, err := c.Data()
	if err != nil {
		return "", err
	}
	for member := range data {
		if member != name {
			return "", aaa.Invalid(aaa.Field{Path: member, Rule: "unknown", Message: schema.Unknown("there is no such member here", member, []string{name})})
		}
	}
	v, ok := data[name]
	if !ok {
		return "", aaa.Invalid(aaa.Field{Path: name, Rule: "required", Message: "is needed"})
	}
	text, ok := v.(string)
	if !ok {
		return "", aaa.Invalid(aaa.Field{Path: name, Rule: "type", Message: "must be a string", Target: "string"})
	}
	if text == "" || len(text) > limit {
		return "", aaa.Invalid(aaa.Field{Path: name, Rule: "maxLength", Message: fmt.Sprintf("must have 1 to %d octets", limit), Target: limit})
	}
	return text, nil
}

// checkJSONType accepts what clients label JSON with. curl -d says form data when told nothing else.
func (c *Call) checkJSONType() error {
	list := c.r.Header["Content-Type"]
	if len(list) == 0 || list[0] == "application/json" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(list[0])
	if err != nil {
		return unsupportedMedia("the Content-Type cannot be read: it must be like application/json")
	}
	switch kind {
	case "application/json", "application/merge-patch+json", "application/x-www-form-urlencoded":
	default:
		return unsupportedMedia(c.wanted(kind))
	}
	if cs, ok := params["charset"]; ok && !strings.EqualFold(cs, "utf-8") {
		return unsupportedMedia("the charset must be utf-8, not " + fmt.Sprintf("%.40q", cs))
	}
	return nil
}

// wanted says which type a body must have where kind is not taken.
func (c *Call) wanted(kind string) string {
	types := "application/json"
	if c.route.Body == Upload {
		types += " or text/plain"
	}
	return "the body must be " + types + ", not " + fmt.Sprintf("%.80s", kind)
}

// looksLikeJSON reports a body that begins as JSON does: with an object, an array or a string.
func looksLikeJSON(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && bytes.IndexByte([]byte(`{["`), body[0]) >= 0
}

// readText makes UTF-8 of a body that is text/plain.
func (c *Call) readText() error {
	if n := len(c.body); n > admission.FreeBody {
		if err := c.holdShared(int64(2 * n)); err != nil { // of a copy that may be longer
			return err
		}
	}
	_, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		return unsupportedMedia("the Content-Type cannot be read: it must be like text/plain; charset=utf-8")
	}
	switch declared := strings.ToLower(params["charset"]); {
	case declared != "iso-8859-1" && charset.IsUTF16(c.body):
		return unsupportedMedia("the text is UTF-16: it must be utf-8 or iso-8859-1")
	case declared == "iso-8859-1":
		c.body = charset.FromLatin1(c.body)
	case declared == "", declared == "utf-8", declared == "us-ascii":
		c.body = charset.Clean(c.body)
	default:
		return unsupportedMedia("the charset must be utf-8 or iso-8859-1, not " + fmt.Sprintf("%.40q", params["charset"]))
	}
	if bytes.HasPrefix(c.body, []byte("#")) && !bytes.ContainsAny(c.body, "\r\n") {
		return aaa.Invalid(aaa.Field{Path: "line 1", Rule: "syntax", Message: "the text has no line breaks and is one comment: curl keeps them with --data-binary, and not with -d"})
	}
	return nil
}
