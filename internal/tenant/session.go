package tenant

import (
	"slices"

	"aaa-api/internal/aaa"
)

// Key returns the request key that an operation's rules take an attribute from; empty where none does.
func (l *Level) Key(op aaa.Op, attribute string) string {
	if p := l.programs[op]; p != nil {
		return p.Key(attribute)
	}
	return ""
}

// Usable reports whether the route has anything to ask: a server of its list, or a document's own table.
func (r *Route) Usable(op aaa.Op) bool {
	return slices.ContainsFunc(r.Levels, func(l *Level) bool { return len(l.Lists[op]) > 0 || l.Tables[op] != nil })
}
