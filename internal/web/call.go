package web

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
	"aaa-api/internal/admission"
	"aaa-api/internal/logging"
	"aaa-api/internal/token"
)

// Call is one request on its way to its handler, and the ResponseWriter that notes how it is answered. A handler may use it
// until it returns.
type Call struct {
	http.ResponseWriter
	server  *Server
	door    *Door // through which it came
	r       *http.Request
	path    *chi.Context // the values in the URL's path
	route   *Route
	observe func(int, time.Duration)

	id        string
	start     time.Time
	tunnelled bool // the method came from the query or the body

	guessed    bool  // the credential is charged to its source
	asks       Entry // of the gate, last
	who        token.Principal
	account    aaa.AccountID // of the URL; the token's own where the URL names none
	query      url.Values    // nil without a query
	read       bool          // body holds the whole body
	body       []byte
	buffer     *bytes.Buffer     // body's memory, pooled
	envelope   map[string]any    // the body decoded; nil before
	token      string            // as it came
	bodyOctets int64             // limit of the token's account
	place      *admission.Place  // to work on configuration; nil: none
	holding    admission.Holding // of the node's budget

	recording *Recording // that takes the answer; nil: it is sent
	aside     bool       // the request gave its place and turn back, to wait for another one

	leaveHeavy func() // gives the turn of heavy work back; nil: not held

	status int
	err    error // what made the answer a failure; for the log
	line   logging.Request
}

// NewCall makes a call of a request that came through no door, for tests of handlers: its route is empty, and its account
// the one given.
func (s *Server) NewCall(w http.ResponseWriter, r *http.Request, account aaa.AccountID) *Call {
	return &Call{ResponseWriter: w, server: s, r: r, path: chi.NewRouteContext(), route: &Route{}, start: time.Now(), account: account}
}

// Context is that of the request: it ends when the client goes away.
func (c *Call) Context() context.Context { return c.r.Context() }

// Request is the request as net/http gives it. Its body is read already: see Body.
func (c *Call) Request() *http.Request { return c.r }

// ID is the request id, of 1 to 128 octets.
func (c *Call) ID() string { return c.id }

// Start is when the request came.
func (c *Call) Start() time.Time { return c.start }

// Token is the token as it came. It is empty at a public route before SetHolder.
func (c *Call) Token() string { return c.token }

// Who is the holder of the token. It is zero at a public route.
func (c *Call) Who() *token.Principal { return &c.who }

// Account is the account that the URL names, the token's own if it names none.
func (c *Call) Account() aaa.AccountID { return c.account }

// SetHolder names the account of the request and the credential that shows it, for the handler of a public route.
func (c *Call) SetHolder(id aaa.AccountID, credential string) { c.account, c.token = id, credential }

// Route is the route that the request took, nil before it is found.
func (c *Call) Route() *Route { return c.route }

// Param is a part of the path, empty if the route has none of this name.
func (c *Call) Param(name string) string { return c.path.URLParam(name) }

// Query holds the parameters that the route takes, each once. It may be nil.
func (c *Call) Query() url.Values { return c.query }

// Body is the body as it came, of a text in UTF-8. It is valid until the handler returns.
func (c *Call) Body() []byte { return c.body }

// Line is what the log says of the request. A handler fills in the members of AAA requests.
func (c *Call) Line() *logging.Request { return &c.line }

// Note keeps an error for the log of an answer that is no failure of the handler.
func (c *Call) Note(err error) { c.err = err }

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
func (c *Call) WriteHeader(status int) {
	c.EndHeavy() // how fast the client reads is its own affair
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

func (c *Call) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.WriteHeader(http.StatusOK)
	}
	return c.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (c *Call) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// finish ends a request: a panic becomes a 500, one line goes to the log.
func (c *Call) finish() {
	if p := recover(); p != nil {
		if p == http.ErrAbortHandler { //nolint:errorlint // the value itself is the signal
			panic(p)
		}
		c.server.Log.LogAttrs(c.Context(), slog.LevelError, "panic",
			slog.String("account", string(c.account)), slog.String("request_id", c.id), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		if c.status == 0 {
			c.fail(&Failure{Status: http.StatusInternalServerError, Slug: SlugInternal, Detail: "an internal error; the log has it under the request id"})
		} else {
			defer panic(http.ErrAbortHandler) // half an answer must not look like a whole one
		}
	}
	c.EndHeavy()
	if c.buffer != nil {
		putBuffer(c.buffer)
		c.body, c.buffer = nil, nil
	}
	c.leavePlace()
	c.server.Budget.Release(&c.holding)
	now := time.Now()
	if c.observe != nil {
		c.observe(c.status, now.Sub(c.start))
	}
	c.writeLine(now)
}

// writeLine writes the line of the request. It names neither query nor body: both may hold a token.
func (c *Call) writeLine(now time.Time) {
	level := slog.LevelInfo
	switch {
	case c.route != nil && c.route.Quiet:
		level = slog.LevelDebug
	case c.status >= 500 && !c.left():
		level = slog.LevelWarn
	}
	r := &c.line
	if c.err != nil && c.status >= 500 {
		r.Error = c.err.Error()
	}
	if !c.server.Requests.Enabled(slog.LevelInfo) {
		if level == slog.LevelWarn { // an account has one a second, by its attributes account and reason
			c.server.Log.LogAttrs(c.Context(), level, "request", slog.String("request_id", c.id), slog.String("method", c.r.Method),
				slog.String("path", c.loggedPath()), slog.String("error", r.Error), slog.String("account", string(c.account)), slog.Int("reason", c.status))
		}
		return
	}
	if !c.server.Requests.Enabled(level) {
		return
	}
	r.ID, r.Caller, r.Account, r.Token = c.id, c.r.RemoteAddr, string(c.account), c.who.TokenID
	r.Status, r.Took = c.status, now.Sub(c.start)
	if r.Operation == "" {
		r.Method, r.Path = c.r.Method, c.loggedPath()
	}
	c.server.Requests.Write(level, now, r)
}

// loggedPath is the path with its secrets hidden, and no longer than a line may be.
func (c *Call) loggedPath() string {
	path := c.r.URL.Path
	if len(path) > 4*256 {
		path = path[:4*256]
	}
	if hide := c.server.LogPath; hide != nil {
		path = hide(path)
	}
	if len(path) > 256 {
		path = path[:256]
	}
	return path
}

// left reports whether a request failed because its caller went away, which is no fault.
func (c *Call) left() bool {
	return errors.Is(c.err, context.Canceled) && errors.Is(c.Context().Err(), context.Canceled)
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
