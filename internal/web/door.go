package web

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
)

// Door is what one listener serves. A path that it lacks answers like any address at which nothing is, however it is spelt.
type Door struct {
	server *Server
	mux    *chi.Mux // finds the pattern of a path
	routes map[routeKey]mounted
	peers  Peers // takes what has internalPaths; nil: nothing has
}

// Peers serves messages of other nodes.
type Peers interface {
	// Serve answers a message. It returns false, with nothing written, for what is none.
	Serve(w http.ResponseWriter, r *http.Request) bool
}

// internalPaths begins the paths at which nodes speak to each other.
const internalPaths = "/internal/"

type routeKey struct{ method, pattern string }

// mounted is a route with what counts its requests.
type mounted struct {
	*Route
	observe func(status int, took time.Duration) // nil: nothing does
}

// NewDoor makes a listener's handler. peers, which may be nil, gets the paths below /internal/.
func (s *Server) NewDoor(routes []Route, peers Peers) *Door {
	d := &Door{server: s, mux: chi.NewRouter(), routes: make(map[routeKey]mounted, len(routes)), peers: peers}
	for i := range routes {
		d.mount(&routes[i])
	}
	return d
}

// mount makes a route findable. chi's part is to find it: what it would do beyond, a copy of each
// request and of its path's values, costs more than all of the gate.
func (d *Door) mount(r *Route) {
	key := routeKey{r.Method, r.Pattern}
	d.mux.Method(r.Method, r.Pattern, http.NotFoundHandler())
	d.routes[key] = mounted{r, d.server.meter(key)}
}

// meter is the observer of a route, the same at every door.
func (s *Server) meter(key routeKey) func(int, time.Duration) {
	if s.Meter == nil {
		return nil
	}
	if _, ok := s.meters[key]; !ok {
		s.meters[key] = s.Meter(key.method, key.pattern)
	}
	return s.meters[key]
}

// ServeHTTP implements http.Handler.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.server.serve(d, w, r) }

// Routes are the routes that are mounted, in no order.
func (d *Door) Routes() []*Route {
	list := make([]*Route, 0, len(d.routes))
	for _, m := range d.routes {
		list = append(list, m.Route)
	}
	return list
}

// Methods are those that a path takes, without HEAD; nil if there is nothing at the path.
func (d *Door) Methods(path string) []string {
	var list []string
	for _, m := range []string{"GET", "PUT", "POST", "PATCH", "DELETE"} {
		if d.mux.Match(chi.NewRouteContext(), m, path) {
			list = append(list, m)
		}
	}
	return list
}
