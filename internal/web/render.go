package web

import (
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"aaa-api/internal/aaa"
)

// fail answers with an error: the one place where errors become answers.
func (c *Call) fail(err error) {
	c.err = err
	f := FailureOf(err)
	c.line.Reason = f.Slug
	if f.Excess != nil {
		c.explain(f)
	}
	c.logInternal(f, err)
	if c.status != 0 {
		return // an answer is under way already
	}
	h := c.Header()
	h.Del("Etag")
	h.Del("Location")
	if f.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="aaa-api"`)
	}
	if f.mayRetry() {
		h.Set("Retry-After", strconv.Itoa(f.retryAfter()))
	}
	if f.Status == http.StatusRequestEntityTooLarge {
		h.Set("Connection", "close") // the rest of the body is not read
	}
	var body any
	contentType := jsonType
	if wantsProblem(c.r) {
		body, contentType = c.problem(f), problemType
	} else {
		body = c.kazoo(f)
	}
	b, err := json.Marshal(body)
	if err != nil {
		// Only a Target or Value of a field can fail to marshal.
		c.server.Log.LogAttrs(c.Context(), slog.LevelError, "error cannot be shown", slog.String("request_id", c.id), slog.String("error", err.Error()))
		b = []byte(`{"data":{},"error":"500","message":"` + SlugInternal + `","status":"error"}`)
		f.Status, contentType = http.StatusInternalServerError, jsonType
	}
	c.send(f.Status, contentType, b)
}

// logInternal logs an error that its answer does not tell.
func (c *Call) logInternal(f *Failure, err error) {
	if f.Status == http.StatusInternalServerError {
		c.server.Log.LogAttrs(c.Context(), slog.LevelError, "internal error", slog.String("account", string(c.account)), slog.String("request_id", c.id), slog.String("error", err.Error()))
	}
}

// mayRetry reports whether the same request may do later.
func (f *Failure) mayRetry() bool {
	return f.RetryAfter > 0 || f.Status == http.StatusServiceUnavailable || f.Status == http.StatusTooManyRequests
}

// retryAfter is when, in whole seconds as HTTP counts.
func (f *Failure) retryAfter() int { return max(1, int(math.Ceil(f.RetryAfter.Seconds()))) }

// AppendError appends the members by which the envelope tells an error, and retry_after, for an answer that has several
// results. It may be called from several goroutines.
func (c *Call) AppendError(b []byte, err error) []byte {
	f := FailureOf(err)
	if f.Excess != nil {
		c.explain(f)
	}
	c.logInternal(f, err)
	data, err := json.Marshal(f.data())
	if err != nil { // only a Target or Value of a field can fail to marshal
		data = []byte("{}")
	}
	b = append(strconv.AppendInt(append(b, `"error":"`...), int64(f.Status), 10), '"')
	b = append(AppendString(append(b, `,"message":`...), f.Slug), `,"data":`...)
	b = append(b, data...)
	if f.mayRetry() {
		b = strconv.AppendInt(append(b, `,"retry_after":`...), int64(f.retryAfter()), 10)
	}
	return b
}

// errorEnvelope is an error as Kazoo's clients know it.
type errorEnvelope struct {
	Data      map[string]any `json:"data"`
	Error     string         `json:"error"`
	Message   string         `json:"message"`
	RequestID string         `json:"request_id"`
	Status    string         `json:"status"`
	Timestamp string         `json:"timestamp"`
	Version   string         `json:"version"`
	Node      string         `json:"node"`
}

// fault is what one broken rule tells.
type fault struct {
	Message string `json:"message"`
	Target  any    `json:"target,omitempty"`
	Value   any    `json:"value,omitempty"`
}

// wholeBody is the path of a fault of the body as a whole.
const wholeBody = "json"

func (c *Call) kazoo(f *Failure) errorEnvelope {
	return errorEnvelope{
		Data: f.data(), Error: strconv.Itoa(f.Status), Message: f.Slug, RequestID: c.id, Status: "error",
		Timestamp: time.Now().UTC().Format(time.RFC3339), Version: c.server.Version, Node: c.server.Node,
	}
}

// data is what the failure tells beside its status and slug.
func (f *Failure) data() map[string]any {
	data := make(map[string]any, len(f.Fields)+1)
	for _, field := range f.Fields {
		path := field.Path
		if path == "" {
			path = wholeBody
		}
		rules, ok := data[path].(map[string]fault)
		if !ok {
			rules = make(map[string]fault, 1)
			data[path] = rules
		}
		message := field.Message
		if first, ok := rules[field.Rule]; ok {
			message = joined(first.Message, message)
		}
		rules[field.Rule] = fault{message, field.Target, shorten(field.Value)}
	}
	if len(f.Fields) == 0 && f.Detail != "" {
		data["message"] = f.Detail
	}
	if f.Trace != nil {
		data["trace"] = f.Trace
	}
	return data
}

// maxJoined is how many octets of messages of one rule are told of one path.
const maxJoined = 2000

// joined adds a message to those of the same path and rule: each once, and as long as there is room.
func joined(before, message string) string {
	const sep, more = "; ", "; …"
	switch {
	case before == message || strings.HasSuffix(before, sep+message) || strings.HasSuffix(before, more):
		return before
	case len(before)+len(message) > maxJoined:
		return before + more
	}
	return before + sep + message
}

// problem is an error in the form of RFC 9457.
type problem struct {
	Type      string         `json:"type"`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail,omitempty"`
	Code      string         `json:"code"`
	RequestID string         `json:"request_id"`
	Errors    []problemField `json:"errors,omitempty"`
	Trace     *aaa.Trace     `json:"trace,omitempty"`
}

type problemField struct {
	Path    string `json:"path"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
	Target  any    `json:"target,omitempty"`
	Value   any    `json:"value,omitempty"`
}

func (c *Call) problem(f *Failure) problem {
	p := problem{
		Type: "about:blank", Title: http.StatusText(f.Status), Status: f.Status, Detail: f.Detail,
		Code: f.Slug, RequestID: c.id, Trace: f.Trace,
	}
	for _, field := range f.Fields {
		p.Errors = append(p.Errors, problemField{field.Path, field.Rule, field.Message, field.Target, shorten(field.Value)})
	}
	return p
}

func shorten(v any) any {
	if s, ok := v.(string); ok {
		return aaa.Shorten(s)
	}
	return v
}
