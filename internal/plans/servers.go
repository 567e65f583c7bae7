package plans

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// Trouble is an exchange with a server that ended without an answer.
type Trouble struct {
	At      time.Time
	Failure *engines.Failure
}

// Exchange is the Client's, counted among those under way.
func (s *Server) Exchange(ctx context.Context, req *engines.Request) (*engines.Reply, error) {
	s.asked.Add(1)
	defer s.asked.Add(-1)
	return s.Client.Exchange(ctx, req)
}

// Failed notes an exchange without an answer.
func (s *Server) Failed(f *engines.Failure) {
	s.Tally.Failed(f.Reason)
	s.trouble.Store(&Trouble{time.Now(), f})
}

// InFlight is how many exchanges are under way.
func (s *Server) InFlight() int { return int(s.asked.Load()) }

// Trouble is the last exchange without an answer; nil if there was none.
func (s *Server) Trouble() *Trouble { return s.trouble.Load() }

// Health is what exchanges and probes have found; nil if no engine speaks to the server.
func (s *Server) Health() *engines.Health {
	if s.Client == nil {
		return nil
	}
	return s.Client.Health()
}

// Servers calls fn with every enabled server of every compiled document in memory, and the account of the document, in no order. It
// takes no lock that a request waits for.
func (t *Cache) Servers(fn func(document aaa.AccountID, s *Server)) {
	t.nodes.Range(func(id aaa.AccountID, n *node) bool {
		if l := n.level.Load(); l != nil {
			for _, s := range l.Servers {
				fn(id, s)
			}
		}
		return true
	})
}
