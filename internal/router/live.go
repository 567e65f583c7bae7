package router

import (
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
)

// Which servers are passed over: a dead one costs every request its whole time, so it is asked only where no usable one
// is left. That is looked at when a server's turn comes, since others may die or recover while a request waits.

const deadPassedOver = "dead, passed over"

// isDead reports whether a server's health says so. A server without an engine is not dead: it fails at once.
func isDead(s *plans.Server) bool { return s.Client != nil && !s.Client.Health().Usable() }

// anyUsable reports whether a server of the list is usable, of those that an engine speaks to where engine is not empty.
func anyUsable(list []*plans.Server, engine string) bool {
	return slices.ContainsFunc(list, func(s *plans.Server) bool {
		return (engine == "" || s.Engine == engine) && s.Client != nil && s.Client.Health().Usable()
	})
}

// laterUsable reports whether a document after this one has a usable server. It looks no further than it is certain that
// they are asked: a table of a document's own may ask others or none, and so may the authorisers that
// come before its servers.
func (m *Machine) laterUsable() bool {
	if m.table != m.router.defaultTable {
		return false
	}
	for _, level := range m.later {
		if blocked(level, m.req) || !level.AsksServers(m.req.Op) {
			break // its servers are not asked, and it has the last word
		}
		if level.Tables[m.req.Op] != nil || m.req.Op == aaa.Authz && len(level.AuthzApps) > 0 && level.AuthzApps[0] != aaa.Circlemaker {
			break
		}
		if anyUsable(level.Lists[m.req.Op], "") {
			return true
		}
	}
	return false
}
