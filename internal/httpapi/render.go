package httpapi

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// fail answers with an error: the one place where errors become answers.
func (c *call) fail(err error) {
	c.err = err
	f := classify(err)
	switch {
	case f.excess != nil:
		c.explain(f)
	case f.detail != "":
	case errors.Is(err, store.ErrNotFound):
		f.detail = c.lacking()
	case errors.Is(err, store.ErrExists):
		f.detail = c.taken()
	}
	if f.status == http.StatusInternalServerError {
		c.api.Log.LogAttrs(c.ctx(), slog.LevelError, "internal error", slog.String("account", string(c.account)), slog.String("request_id", c.id), slog.String("error", err.Error()))
	}
	if c.status != 0 {
		return // an answer is under way already
	}
	h := c.Header()
	h.Del("Etag")
	h.Del("Location")
	if f.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="aaa-api"`)
	}
	if f.retryAfter > 0 || f.status == http.StatusServiceUnavailable || f.status == http.StatusTooManyRequests {
		h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(f.retryAfter.Seconds())))))
	}
	if f.status == http.StatusRequestEntityTooLarge {
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
		c.api.Log.LogAttrs(c.ctx(), slog.LevelError, "error cannot be shown", slog.String("request_id", c.id), slog.String("error", err.Error()))
		b = []byte(`{"data":{},"error":"500","message":"` + slugInternal + `","status":"error"}`)
		f.status, contentType = http.StatusInternalServerError, jsonType
	}
	c.send(f.status, contentType, b)
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

// wholeBody is the path under which a fault of the body as a whole is told.
const wholeBody = "json"

func (c *call) kazoo(f *failure) errorEnvelope {
	data := make(map[string]any, len(f.fields)+1)
	for _, field := range f.fields {
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
	if len(f.fields) == 0 && f.detail != "" {
		data["message"] = f.detail
	}
	if f.trace != nil {
		data["trace"] = f.trace
	}
	return errorEnvelope{
		Data: data, Error: strconv.Itoa(f.status), Message: f.slug, RequestID: c.id, Status: "error",
		Timestamp: time.Now().UTC().Format(time.RFC3339), Version: c.api.Version, Node: c.api.Node,
	}
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

func (c *call) problem(f *failure) problem {
	p := problem{
		Type: "about:blank", Title: http.StatusText(f.status), Status: f.status, Detail: f.detail,
		Code: f.slug, RequestID: c.id, Trace: f.trace,
	}
	for _, field := range f.fields {
		p.Errors = append(p.Errors, problemField{field.Path, field.Rule, field.Message, field.Target, shorten(field.Value)})
	}
	return p
}

// maxShown is how many octets of an offending text are repeated.
const maxShown = 200

func shorten(v any) any {
	s, ok := v.(string)
	if !ok || len(s) <= maxShown {
		return v
	}
	end := maxShown
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
