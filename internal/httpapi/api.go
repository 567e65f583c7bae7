package httpapi

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
)

// API is the http.Handler of the service.
type API struct {
	Options
	mux     *chi.Mux
	limiter *limiter // of requests, by token
	logins  *limiter // of sessions made, by API key
	replays *replays
	docs    *docs
	tail    []byte // the constant end of every envelope: version and node
}

// How many sessions an API key gives: each is a row in the store.
const (
	sessionRate  = 5 // a second
	sessionBurst = 100
)

// internalPaths begins the paths at which nodes speak to each other.
const internalPaths = "/internal/"

// New builds the routes.
func New(o Options) *API {
	o.Limits = o.Limits.withDefaults()
	a := &API{
		Options: o,
		mux:     chi.NewRouter(),
		limiter: newLimiter(o.Limits.Rate, o.Limits.Burst),
		logins:  newLimiter(sessionRate, sessionBurst),
		replays: newReplays(o.Limits.Replays, o.Limits.ReplayLife),
		docs:    newDocs(),
	}
	a.tail = appendString(append(a.tail, `,"version":`...), o.Version)
	a.tail = appendString(append(a.tail, `,"node":`...), o.Node)
	a.tail = append(a.tail, '}')
	for i := range routes {
		a.mount(&routes[i])
	}
	a.mux.NotFound(a.serveError(func(*call) error { return errNoRoute }))
	a.mux.MethodNotAllowed(a.serveError((*call).methodNotAllowed))
	return a
}

func (a *API) mount(rt *route) {
	var observe func(int, time.Duration)
	if a.Meter != nil {
		observe = a.Meter(rt.method, rt.pattern)
	}
	a.mux.MethodFunc(rt.method, rt.pattern, func(w http.ResponseWriter, r *http.Request) {
		c := w.(*call) // ServeHTTP is the only caller of mux
		c.r, c.route, c.observe = r, rt, observe
		if err := c.pass(); err != nil {
			c.fail(err)
		}
	})
}

// serveError makes a handler for what no route serves.
func (a *API) serveError(fn func(*call) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := w.(*call)
		c.r = r
		if err := fn(c); err != nil {
			c.fail(err)
		}
	}
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := calls.Get().(*call)
	*c = call{ResponseWriter: w, api: a, original: r, r: r, start: time.Now()}
	c.id = requestID(r)
	a.route(c, w, r)
	*c = call{}
	calls.Put(c) // not after a panic that goes on: then nobody knows who holds it
}

// calls keep the memory of requests: nothing holds on to a call once it is answered.
var calls = sync.Pool{New: func() any { return new(call) }}

// route takes the request to its handler.
func (a *API) route(c *call, w http.ResponseWriter, r *http.Request) {
	defer c.finish()
	h := w.Header()
	h["X-Request-Id"] = []string{c.id}
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = noStore

	if a.Peers != nil && strings.HasPrefix(r.URL.Path, internalPaths) {
		if !a.Peers.Serve(c, r) {
			c.fail(errNoRoute)
		}
		return
	}
	if r.Method == http.MethodHead {
		c.dispatch(http.MethodGet) // net/http leaves the body away
		return
	}
	if verb, ok := tunnelledVerb(r); ok {
		if verb == "" {
			c.fail(errVerb)
			return
		}
		c.tunnelled = true
		c.dispatch(verb)
		return
	}
	a.mux.ServeHTTP(c, r)
}

// Header values that every answer shares: assigning them costs no allocation.
var (
	noSniff     = []string{"nosniff"}
	noStore     = []string{"no-store"}
	jsonType    = []string{"application/json"}
	problemType = []string{"application/problem+json"}
)

// dispatch routes the request as if it had come with another method.
func (c *call) dispatch(method string) {
	r := *c.original
	r.Method = method
	c.api.mux.ServeHTTP(c, &r)
}

// tunnelledVerb finds the method that a POST asks for by ?verb=. It is empty for one that is not known.
func tunnelledVerb(r *http.Request) (verb string, ok bool) {
	if r.Method != http.MethodPost || !strings.Contains(r.URL.RawQuery, "verb=") {
		return "", false
	}
	q := r.URL.Query()
	if !q.Has("verb") {
		return "", false
	}
	return knownVerb(q.Get("verb")), true
}

// knownVerb returns the method of a verb in either case, empty for an unknown one.
func knownVerb(verb string) string {
	switch v := strings.ToUpper(verb); v {
	case http.MethodGet, http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete:
		return v
	}
	return ""
}

// methodNotAllowed answers for a path that exists under other methods. A POST may
// still tunnel one of those in its body.
func (c *call) methodNotAllowed() error {
	path := c.r.URL.Path
	if c.r.URL.RawPath != "" {
		path = c.r.URL.RawPath
	}
	var allow []string
	for _, m := range []string{"GET", "PUT", "POST", "PATCH", "DELETE"} {
		if c.api.mux.Match(chi.NewRouteContext(), m, path) {
			if m == http.MethodGet {
				allow = append(allow, http.MethodHead)
			}
			allow = append(allow, m)
		}
	}
	if allow == nil {
		return errNoRoute
	}
	if c.r.Method == http.MethodPost && !c.tunnelled {
		if verb, err := c.bodyVerb(); err != nil {
			return err
		} else if verb != "" && verb != http.MethodPost {
			c.tunnelled = true
			c.dispatch(verb)
			return nil
		}
	}
	c.Header().Set("Allow", strings.Join(allow, ", "))
	return &failure{status: http.StatusMethodNotAllowed, slug: "invalid_method", detail: "the method is not supported here; Allow lists those that are"}
}

// NewServer makes a server with limits for what strangers may do to it. The time to
// write an answer is above the longest deadline of an AAA request.
func NewServer(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      120 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    32 << 10,
	}
}
