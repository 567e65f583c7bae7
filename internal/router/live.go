package router

import "aaa-api/internal/tenant"

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
// it is certain that the next document is asked: one with a table of its own may have an answer for the
// case that its servers have none.
func (m *Machine) countLater() int {
	if m.table != m.router.defaultTable {
		return 0
	}
	for _, level := range m.later {
		if blocked(level, m.req) || !level.AsksServers(m.req.Op) {
			break // its servers are not asked, and it has the last word
		}
		if n := countUsable(level.Lists[m.req.Op]); n > 0 {
			return n
		}
		if level.Tables[m.req.Op] != nil {
			break
		}
	}
	return 0
}
