package router

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/tenant"
)

// Which servers are passed over: a dead one costs every request its whole time, so it is asked only where
// nobody else could answer.

func countUsable(list []*tenant.Server) (n int) {
	for _, s := range list {
		if s.Client != nil && s.Client.Health().Usable() {
			n++
		}
	}
	return n
}

// passedOver: a dead server is, while another that would be asked is usable.
func passedOver(s *tenant.Server, usable int) bool {
	return s.Client != nil && usable > 0 && !s.Client.Health().Usable()
}

// countLater counts the usable servers of the first document after this one that has any. It looks no further than
// it is certain that they are asked: a table of a document's own may ask others or none, and so may the authorisers that
// come before its servers.
func (m *Machine) countLater() int {
	if m.table != m.router.defaultTable {
		return 0
	}
	for _, level := range m.later {
		if blocked(level, m.req) || !level.AsksServers(m.req.Op) {
			break // its servers are not asked, and it has the last word
		}
		if level.Tables[m.req.Op] != nil || m.req.Op == aaa.Authz && len(level.AuthzApps) > 0 && level.AuthzApps[0] != aaa.Circlemaker {
			break
		}
		if n := countUsable(level.Lists[m.req.Op]); n > 0 {
			return n
		}
	}
	return 0
}
