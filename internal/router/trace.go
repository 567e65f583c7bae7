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

// note replaces the trace's word on the i-th document that was used.
func (x *run) note(i int, text string) {
	if x.trace == nil {
		return
	}
	for j := range x.trace.Documents {
		if x.trace.Documents[j].Account == x.plan.Routes[x.req.Op].Levels[i].Account {
			x.trace.Documents[j].Note = text
		}
	}
}
