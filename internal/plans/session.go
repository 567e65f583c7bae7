package plans

import (
	"slices"

	"aaa-api/internal/aaa"
)

// Key returns the request key that an operation's rules take an attribute from; empty where none does.
func (l *CompiledDocument) Key(op aaa.Op, attribute string) string {
	if p := l.programs[op]; p != nil {
		return p.Key(attribute)
	}
	return ""
}

// Reads reports whether an operation's rules read a request key, or, where no rule says where the user's name and
// password are, the document's users files and tables do.
func (l *CompiledDocument) Reads(op aaa.Op, key string) bool {
	p := l.programs[op]
	if p != nil && p.Reads(key) {
		return true
	}
	if key != "User-Name" && key != "User-Password" || l.Tables[op] == nil {
		return false
	}
	return p == nil || p.Key(key) == ""
}

// Usable reports whether the route has anything to ask: a server of its list, or a document's own table.
func (r *Route) Usable(op aaa.Op) bool {
	return slices.ContainsFunc(r.Levels, func(l *CompiledDocument) bool { return len(l.Lists[op]) > 0 || l.Tables[op] != nil })
}
