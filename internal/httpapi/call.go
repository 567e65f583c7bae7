package httpapi

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"aaa-api/internal/aaa"
	"aaa-api/internal/token"
)

// call is one request on its way through the API, and the ResponseWriter that notes how it is answered.
type call struct {
	http.ResponseWriter
	api     *API
	door    *door // through which it came
	r       *http.Request
	path    *chi.Context // the values in the URL's path
	route   *route
	observe func(int, time.Duration)

	id        string
	start     time.Time
	tunnelled bool // the method came from the query or the body

	guessed  bool // the credential is charged to its source
	who      token.Principal
	account  aaa.AccountID // of the URL; the token's own where the URL names none
	query    url.Values    // nil without a query
	read     bool          // body holds the whole body
	body     []byte
	buffer   *bytes.Buffer  // body's memory, pooled
	envelope map[string]any // the body decoded; nil before
	turn     *turn          // to write to the account; nil: not held
	token    string         // that who came with
	place    *place         // to work on configuration; nil: none
	holding  holding        // of the node's budget

	leaveHeavy func() // gives the turn of heavyWork back; nil: not held

	status int
	err    error // what made the answer a failure; for the log
}

// buffers keep the memory of bodies, scratches that of answers.
var (
	buffers   = sync.Pool{New: func() any { return new(bytes.Buffer) }}
	scratches = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}
)

// maxPooled is how much memory one pooled buffer may hold on to.
const maxPooled = 64 << 10

func getBuffer() *bytes.Buffer { return buffers.Get().(*bytes.Buffer) }

func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= maxPooled {
		b.Reset()
		buffers.Put(b)
	}
}

func getScratch() *[]byte { return scratches.Get().(*[]byte) }

func putScratch(b *[]byte) {
	if cap(*b) <= maxPooled {
		*b = (*b)[:0]
		scratches.Put(b)
	}
}

// WriteHeader notes the status for the log.
func (c *call) WriteHeader(status int) {
	c.endHeavy() // how fast the client reads is its own affair
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *call) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	return c.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (c *call) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *call) ctx() context.Context { return c.r.Context() }

// param is a part of the path.
func (c *call) param(name string) string { return c.path.URLParam(name) }

// finish ends a request: a panic becomes a 500, one line goes to the log.
func (c *call) finish() {
	if p := recover(); p != nil {
		if p == http.ErrAbortHandler { //nolint:errorlint // the value itself is the signal
			panic(p)
		}
		c.api.Log.LogAttrs(c.ctx(), slog.LevelError, "panic",
			slog.String("account", string(c.account)), slog.String("request_id", c.id), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		if c.status == 0 {
			c.fail(&failure{status: http.StatusInternalServerError, slug: slugInternal, detail: "an internal error; the log has it under the request id"})
		} else {
			defer panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
	}
	c.endHeavy()
	if c.buffer != nil {
		putBuffer(c.buffer)
		c.body, c.buffer = nil, nil
	}
	c.leavePlace()
	c.release()
	took := time.Since(c.start)
	if c.observe != nil {
		c.observe(c.status, took)
	}
	c.logAccess(took)
}

// logAccess writes the line of the access log. It names neither query nor body: both may hold a token.
func (c *call) logAccess(took time.Duration) {
	level := slog.LevelInfo
	if c.status >= 500 && !c.left() {
		level = slog.LevelWarn
	}
	if !c.api.Log.Enabled(c.ctx(), level) {
		return
	}
	path := c.r.URL.Path
	if len(path) > 4*256 {
		path = path[:4*256]
	}
	path = withoutSIDs(path)
	if len(path) > 256 {
		path = path[:256]
	}
	attrs := make([]slog.Attr, 0, 8)
	attrs = append(attrs,
		slog.String("request_id", c.id),
		slog.String("method", c.r.Method),
		slog.String("path", path),
		slog.Int("status", c.status),
		slog.Int64("took_us", took.Microseconds()),
	)
	if c.account != "" {
		attrs = append(attrs, slog.String("account_id", string(c.account)))
	}
	if c.who.TokenID != "" {
		attrs = append(attrs, slog.String("token_id", c.who.TokenID))
	}
	if c.err != nil && c.status >= 500 {
		attrs = append(attrs, slog.String("error", c.err.Error()))
	}
	if !c.api.Log.Enabled(c.ctx(), slog.LevelInfo) { // not an access log but warnings, of which an account has a line a second
		attrs = append(attrs, slog.String("account", string(c.account)), slog.Int("reason", c.status))
	}
	c.api.Log.LogAttrs(c.ctx(), level, "request", attrs...)
}

// left reports whether a request failed since its caller went away, which is no fault: the answer reached nobody.
func (c *call) left() bool {
	return errors.Is(c.err, context.Canceled) && errors.Is(c.ctx().Err(), context.Canceled)
}

// requestID takes the caller's X-Request-ID where it is short and harmless, else makes one.
func requestID(r *http.Request) string {
	if list := r.Header["X-Request-Id"]; len(list) == 1 && len(list[0]) >= 1 && len(list[0]) <= 128 {
		id := list[0]
		for i := 0; i < len(id); i++ {
			ch := id[i]
			switch {
			case ch >= '0' && ch <= '9', ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z':
			case ch == '-', ch == '_', ch == '.', ch == ':', ch == '/', ch == '+', ch == '=', ch == '@':
			default:
				return newRequestID()
			}
		}
		return id
	}
	return newRequestID()
}

// newRequestID makes an id of the form of all others. It is no secret, so a generator that is fast will do.
func newRequestID() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], rand.Uint64())
	binary.BigEndian.PutUint64(b[8:], rand.Uint64())
	return hex.EncodeToString(b[:])
}
