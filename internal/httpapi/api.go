package httpapi

import (
	"net/http"

	"aaa-api/internal/document"
	"aaa-api/internal/peer"
	"aaa-api/internal/web"
)

// API is the http.Handler of the service.
type API struct {
	Options
	web       *web.Server
	door      *web.Door    // of the API
	operators *web.Door    // of the admin listener
	logins    *web.Limiter // of sessions made, by API key
	docs      *docs
	lanes     *lanes
}

// How many sessions an API key gives: each is a row in the store.
const (
	sessionRate  = 5 // a second
	sessionBurst = 100
)

// New builds the routes.
func New(o Options) *API {
	o.Limits = o.Limits.withDefaults()
	a := &API{
		Options: o,
		logins:  web.NewLimiter(sessionRate, sessionBurst),
		docs:    newDocs(),
		lanes:   newLanes(),
	}
	entrance := &gate{line: o.Line}
	if o.Apart {
		entrance.passes = newPasses()
	}
	a.web = web.New(web.Options{
		Gate: entrance, Log: o.Log, Requests: o.Requests, Refusals: o.Refusals, Meter: o.Meter, Bad: o.Bad, Budget: o.Budget, Heavy: o.Heavy,
		LogPath: withoutSIDs,
		Node:    o.Node, Version: o.Version, Limits: o.Limits.Limits,
	})
	a.Budget = a.web.Budget
	a.openDoors()
	return a
}

// openDoors mounts the routes. With Options.AdminApart the operator's are on the admin door alone, but for the probes,
// for which balancers ask the API.
func (a *API) openDoors() {
	var api, operated []web.Route
	for i := range routes {
		r := routes[i].on(a)
		operators := r.Pattern == atMetrics || r.Pattern == atReady || r.Pattern == atHealth
		r.Quiet = operators
		if operators {
			operated = append(operated, r)
		}
		if a.AdminApart && r.Pattern == atReady {
			r.Handle = a.readyzBrief
		}
		if !a.AdminApart || r.Pattern != atMetrics {
			api = append(api, r)
		}
	}
	var peers web.Peers = peer.NewDoor(peerMessages{a.Line})
	a.operators = a.web.NewDoor(operated, peers)
	if a.AdminApart {
		peers = nil
	}
	a.door = a.web.NewDoor(api, peers)
}

// ServeHTTP answers one request to the API.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.door.ServeHTTP(w, r) }

// Operators is the handler of the admin listener: metrics, probes, and the messages of other nodes.
func (a *API) Operators() http.Handler { return a.operators }

// Stop makes calls that last end soon, before the server shuts down.
func (a *API) Stop() { a.web.Stop() }

// warningsOf are the warnings of documents as answers show them.
func warningsOf(list []document.Warning) []web.Warning {
	shown := make([]web.Warning, len(list))
	for i, w := range list {
		shown[i] = web.Warning(w)
	}
	return shown
}
