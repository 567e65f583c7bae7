package router

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/tenant"
)

func newTrace(route *tenant.Route) *aaa.Trace {
	t := &aaa.Trace{
		Documents: []aaa.TraceDocument{}, Rules: []aaa.TraceRule{}, Dropped: []aaa.TraceDropped{}, Servers: []aaa.TraceServer{},
	}
	for _, s := range route.Walk {
		t.Documents = append(t.Documents, aaa.TraceDocument{
			Account: s.Level.Account, Mode: s.Level.Mode, Revision: s.Level.Revision, Note: s.Note,
		})
	}
	return t
}

// What a trace says of a document that was used, where that is not all.
const (
	noneAnswered = "none answered"
	bypassed     = "bypassed"
)

// note replaces a trace's word on a document that was used; t may be nil.
func note(t *aaa.Trace, level *tenant.Level, text string) {
	if t == nil {
		return
	}
	for i := range t.Documents {
		if t.Documents[i].Account == level.Account {
			t.Documents[i].Note = text
		}
	}
}
