package httpapi

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
)

// door is what one listener serves. A path that it lacks answers like any address at which nothing is, however it is spelt.
type door struct {
	mux    *chi.Mux // finds the pattern of a path
	routes map[routeKey]mounted
	peers  Peers // takes what has internalPaths; nil: nothing has
	brief  bool  // /readyz gives the status alone
}

// internalPaths begins the paths at which nodes speak to each other.
const internalPaths = "/internal/"

type routeKey struct{ method, pattern string }

// mounted is a route with what counts its requests.
type mounted struct {
	*route
	observe func(status int, took time.Duration) // nil: nothing does
}

// openDoors mounts the routes. With Options.AdminApart the operator's are on the admin door alone, but for the probes,
// for which balancers ask the API.
func (a *API) openDoors() {
	a.door = door{mux: chi.NewRouter(), routes: make(map[routeKey]mounted, len(routes)), peers: a.Peers}
	a.admin = door{mux: chi.NewRouter(), routes: make(map[routeKey]mounted), peers: a.Peers}
	if a.AdminApart {
		a.door.peers, a.door.brief = nil, true
	}
	for i := range routes {
		m := mounted{route: &routes[i]}
		if a.Meter != nil {
			m.observe = a.Meter(m.method, m.pattern)
		}
		if m.pattern != atMetrics || !a.AdminApart {
			a.door.mount(m)
		}
		if m.pattern == atMetrics || m.pattern == atReady || m.pattern == atHealth {
			a.admin.mount(m)
		}
	}
}

// mount makes a route findable. chi's part is to find it: what it would do beyond, a copy of each
// request and of its path's values, costs more than all of the gate.
func (d *door) mount(m mounted) {
	d.mux.Method(m.method, m.pattern, http.NotFoundHandler())
	d.routes[routeKey{m.method, m.pattern}] = m
}

// Admin is the handler of the admin listener: metrics, probes, and the messages of other nodes.
func (a *API) Admin() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serveAt(&a.admin, w, r) })
}
