package operations

import (
	"cmp"
	"context"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/plans"
)

// MaxServers bounds the servers of an answer.
const MaxServers = 1000

// AskServers chooses servers.
type AskServers struct {
	Account aaa.AccountID // whose documents, with those of all below; empty: all
	State   string        // empty: any
}

// ServerHealth is what this node knows of a server of a document that it has in memory.
type ServerHealth struct {
	Account     aaa.AccountID `json:"account_id"` // of the document
	Name        string        `json:"name"`
	Address     string        `json:"address"`
	Engine      string        `json:"engine"`
	State       string        `json:"state"`          // alive, zombie, dead; unknown if it has never answered
	Since       time.Time     `json:"since,omitzero"` // zero: it has never changed
	InFlight    int           `json:"in_flight"`
	LastError   string        `json:"last_error,omitempty"` // of the last exchange without an answer
	LastErrorAt time.Time     `json:"last_error_at,omitzero"`
}

// ServerList are the servers asked for, the worst first.
type ServerList struct {
	Servers []ServerHealth
	Left    int // how many more there are
}

// stateUnknown is that of a server that has never answered and never failed.
const stateUnknown = "unknown"

// badness orders the states of servers in lists.
var badness = map[string]int{engines.Dead.String(): 0, engines.Zombie.String(): 1, stateUnknown: 2, engines.Alive.String(): 3}

// OperatorServers returns what this node knows of servers.
var OperatorServers = define("operators.servers", operators, func(ctx context.Context, s *Served, q *AskServers) (ServerList, error) {
	if _, ok := badness[q.State]; !ok && q.State != "" {
		return ServerList{}, aaa.Invalid(aaa.Field{Path: "state", Rule: "enum", Message: "must be alive, zombie, dead or unknown"})
	}
	below, err := s.below(ctx, q.Account)
	if err != nil {
		return ServerList{}, err
	}
	var out ServerList
	s.Local.Servers.Servers(func(document aaa.AccountID, server *plans.Server) {
		h := healthOf(document, server)
		if (q.State == "" || h.State == q.State) && (below == nil || below(document)) {
			out.Servers = append(out.Servers, h)
		}
	})
	slices.SortFunc(out.Servers, func(a, b ServerHealth) int {
		return cmp.Or(cmp.Compare(badness[a.State], badness[b.State]), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name))
	})
	if out.Left = max(0, len(out.Servers)-MaxServers); out.Left > 0 {
		out.Servers = out.Servers[:MaxServers]
	}
	return out, nil
})

func healthOf(document aaa.AccountID, s *plans.Server) ServerHealth {
	h := ServerHealth{Account: document, Name: s.Name, Address: s.Address, Engine: s.Engine, State: stateUnknown, InFlight: s.InFlight()}
	if health := s.Health(); health != nil {
		h.Since = health.Since()
		if state := health.State(); state != engines.Alive || health.Answered() {
			h.State = state.String()
		}
	}
	if t := s.Trouble(); t != nil {
		h.LastErrorAt, h.LastError = t.At, aaa.Shorten(t.Failure.Error())
	}
	return h
}
