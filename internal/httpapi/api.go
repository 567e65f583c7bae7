package httpapi

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"aaa-api/internal/aaa"
)

// API is the http.Handler of the service.
type API struct {
	Options
	door                 // of the API
	admin       door     // of the admin listener
	limiter     *limiter // of requests, by token
	logins      *limiter // of sessions made, by API key
	guesses     *guesses // of credentials that are none, by source address
	replays     *replays
	writers     turns
	heavyWork   *heavyWork
	places      places
	away        away
	storeReads  storeCheck
	storeWrites storeCheck
	docs        *docs
	tail        []byte // the constant end of every envelope: version and node
}

// How many sessions an API key gives: each is a row in the store.
const (
	sessionRate  = 5 // a second
	sessionBurst = 100
)

// New builds the routes.
func New(o Options) *API {
	o.Limits = o.Limits.withDefaults()
	if o.Budget == nil {
		o.Budget = NewBudget(0, nil)
	}
	a := &API{
		Options: o,
		limiter: newLimiter(o.Limits.Rate, o.Limits.Burst),
		logins:  newLimiter(sessionRate, sessionBurst),
		guesses: newGuesses(o.Limits.BadRate, o.Limits.BadBurst),
		replays: newReplays(o.Limits.Replays, o.Limits.ReplayLife),
		writers: turns{of: make(map[aaa.AccountID]*turn), abreast: 1},
		places:  newPlaces(),
		docs:    newDocs(),

		heavyWork: newHeavyWork(heavyAtOnce()),
	}
	a.tail = appendString(append(a.tail, `,"version":`...), o.Version)
	a.tail = appendString(append(a.tail, `,"node":`...), o.Node)
	a.tail = append(a.tail, '}')
	a.openDoors()
	return a
}

// ServeHTTP answers one request to the API.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.serveAt(&a.door, w, r) }

// serveAt answers one request that came through d.
func (a *API) serveAt(d *door, w http.ResponseWriter, r *http.Request) {
	c := calls.Get().(*call)
	*c = call{ResponseWriter: w, api: a, door: d, r: r, path: c.path, start: time.Now()}
	c.id = requestID(r)
	c.answer()
	c.path.Reset()
	*c = call{path: c.path}
	calls.Put(c) // not after a panic that goes on: then nobody knows who holds it
}

// calls keep the memory of requests: nothing holds on to a call once it is answered.
var calls = sync.Pool{New: func() any { return &call{path: chi.NewRouteContext()} }}

// answer takes the request to its route.
func (c *call) answer() {
	defer c.finish()
	h := c.Header()
	h["X-Request-Id"] = []string{c.id}
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = noStore

	if c.door.peers != nil && strings.HasPrefix(c.r.URL.Path, internalPaths) {
		if !c.door.peers.Serve(c, c.r) {
			c.fail(errNoRoute)
		}
		return
	}
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http leaves the body away
	} else if verb, ok := tunnelledVerb(c.r); ok {
		method, c.tunnelled = verb, true
	}
	if err := c.serve(method); err != nil {
		c.fail(err)
	}
}

// serve answers the request as one of a method: its own, or one that it stands for.
func (c *call) serve(method string) error {
	if method == "" {
		return errVerb
	}
	c.path.Reset()
	m, ok := c.door.routes[routeKey{method, c.door.mux.Find(c.path, method, c.routed())}]
	if !ok {
		return c.methodNotAllowed()
	}
	c.route, c.observe = m.route, m.observe
	return c.pass()
}

// routed is the path by which the request finds its route: decoded, as what is escaped without need is
// the same (RFC 3986 §6.2.2.2). Where a slash is escaped it is the path as it came, so that it divides nothing.
func (c *call) routed() string {
	if raw := c.r.URL.RawPath; strings.Contains(raw, "%2F") || strings.Contains(raw, "%2f") {
		return raw
	}
	return c.r.URL.Path
}

// Header values that every answer shares: assigning them costs no allocation.
var (
	noSniff     = []string{"nosniff"}
	noStore     = []string{"no-store"}
	jsonType    = []string{"application/json"}
	problemType = []string{"application/problem+json"}
)

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

// methodNotAllowed answers for a path that exists under other methods, or not at all. A POST
// may still tunnel one of those in its body.
func (c *call) methodNotAllowed() error {
	path := c.routed()
	var allow []string
	for _, m := range []string{"GET", "PUT", "POST", "PATCH", "DELETE"} {
		if c.door.mux.Match(chi.NewRouteContext(), m, path) {
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
			return c.serve(verb)
		}
	}
	methods := strings.Join(allow, ", ")
	c.Header().Set("Allow", methods)
	return &failure{status: http.StatusMethodNotAllowed, slug: "invalid_method", detail: "the method is not supported here, only " + methods}
}
