package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"aaa-api/internal/admission"
	"aaa-api/internal/limits"
)

// Server is what all requests of a node share. NewDoor gives its handlers.
type Server struct {
	Options
	limiter  *Limiter // of requests, by token
	guesses  *guesses // of credentials that are none, by source address
	heavy    *admission.Heavy
	places   *admission.Places
	spenders *spenders
	meters   map[routeKey]func(int, time.Duration)
	stops    atomic.Bool
	tail     []byte // the constant end of every envelope: version and node
}

// New makes a Server.
func New(o Options) *Server {
	o.Limits = o.Limits.WithDefaults()
	if o.Budget == nil {
		o.Budget = admission.NewBudget(admission.OctetsFor(0), nil)
	}
	if o.Refusals == nil {
		o.Refusals = &limits.Counts{}
	}
	s := &Server{
		Options:  o,
		limiter:  NewLimiter(o.Limits.Rate, o.Limits.Burst),
		guesses:  newGuesses(o.Limits.BadRate, o.Limits.BadBurst),
		heavy:    cmp.Or(o.Heavy, admission.NewHeavy(admission.HeavyAtOnce())),
		places:   admission.NewPlaces(),
		spenders: newSpenders(o.Refusals),
		meters:   make(map[routeKey]func(int, time.Duration)),
	}
	s.tail = AppendString(append(s.tail, `,"version":`...), o.Version)
	s.tail = AppendString(append(s.tail, `,"node":`...), o.Node)
	s.tail = append(s.tail, '}')
	return s
}

// Stop ends streams at their next line, so that the node can stop.
func (s *Server) Stop() { s.stops.Store(true) }

// Heavy gives the turns of heavy work, for tests and metrics.
func (s *Server) Heavy() *admission.Heavy { return s.heavy }

// Places are those of requests about configuration, for tests and metrics.
func (s *Server) Places() *admission.Places { return s.places }

// serve answers one request that came through d.
func (s *Server) serve(d *Door, w http.ResponseWriter, r *http.Request) {
	c := calls.Get().(*Call)
	*c = Call{ResponseWriter: w, server: s, door: d, r: r, path: c.path, start: time.Now()}
	c.id = requestID(r)
	c.answer()
	c.path.Reset()
	*c = Call{path: c.path}
	calls.Put(c) // not after a panic that goes on: something may hold it still
}

// calls keep the memory of requests: nothing holds on to a call once it is answered.
var calls = sync.Pool{New: func() any { return &Call{path: chi.NewRouteContext()} }}

// answer takes the request to its route.
func (c *Call) answer() {
	defer c.finish()
	h := c.Header()
	h["X-Request-Id"] = []string{c.id}
	h["X-Content-Type-Options"] = noSniff
	h["Cache-Control"] = noStore

	if c.door.peers != nil && strings.HasPrefix(c.r.URL.Path, internalPaths) {
		if !c.door.peers.Serve(c, c.r) {
			c.fail(ErrNoRoute)
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
func (c *Call) serve(method string) error {
	if method == "" {
		return errVerb
	}
	c.path.Reset()
	m, ok := c.door.routes[routeKey{method, c.door.mux.Find(c.path, method, c.routed())}]
	if !ok {
		return c.methodNotAllowed()
	}
	c.route, c.observe = m.Route, m.observe
	return c.pass()
}

// routed is the path by which the request finds its route: decoded, as what is escaped without need is
// the same (RFC 3986 §6.2.2.2). Where a slash is escaped it is the path as it came, so that it divides nothing.
func (c *Call) routed() string {
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
func (c *Call) methodNotAllowed() error {
	allow := c.door.Methods(c.routed())
	if allow == nil {
		return ErrNoRoute
	}
	if c.r.Method == http.MethodPost && !c.tunnelled {
		if verb, err := c.bodyVerb(); err != nil {
			return err
		} else if verb != "" && verb != http.MethodPost {
			c.tunnelled = true
			return c.serve(verb)
		}
	}
	if allow[0] == http.MethodGet {
		allow = slices.Insert(allow, 0, http.MethodHead)
	}
	methods := strings.Join(allow, ", ")
	c.Header().Set("Allow", methods)
	return &Failure{Status: http.StatusMethodNotAllowed, Slug: "invalid_method", Detail: "the method is not supported here, only " + methods}
}
