package router

import (
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/bans"
	"aaa-api/internal/plans"
)

func newTrace(route *plans.Route, req *aaa.Request) *aaa.Tracing {
	t := &aaa.Tracing{Trace: aaa.Trace{
		UnusedKeys: []string{}, Added: []aaa.TraceAdded{},
		Documents: []aaa.TraceDocument{}, Rules: []aaa.TraceRule{}, Dropped: []aaa.TraceDropped{}, Servers: []aaa.TraceServer{},
	}}
	for _, s := range route.Walk {
		t.Documents = append(t.Documents, aaa.TraceDocument{
			Account: s.Level.Account, Mode: s.Level.Mode, Revision: s.Level.Revision, Note: s.Note,
		})
	}
	for _, key := range unusedKeys(route, req) {
		t.AddUnusedKey(key)
	}
	return t
}

// unusedKeys lists the request's keys that no rule of its documents reads, nor the service itself.
func unusedKeys(route *plans.Route, req *aaa.Request) []string {
	if req.Device != nil {
		return nil // they are its attributes, which go on as they are
	}
	var keys []string
	for key := range req.Values {
		switch key {
		case stateKey, "Call-Direction", "Channel-Locality", "channel":
			continue
		}
		if slices.ContainsFunc(route.Bans, func(p *bans.Policy) bool { return slices.Contains(p.By, key) }) {
			continue
		}
		if len(route.Levels) > 0 && !slices.ContainsFunc(route.Levels, func(l *plans.CompiledDocument) bool { return l.Reads(req.Op, key) }) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// What a trace says of a document that was used, where that is not all.
const (
	used         = "used"
	noneAnswered = "none answered"
	bypassed     = "bypassed"
	banned       = "banned"
)

// note replaces a trace's word on a document that was used; t may be nil.
func note(t *aaa.Tracing, level *plans.CompiledDocument, text string) {
	if t == nil {
		return
	}
	for i := range t.Documents {
		if t.Documents[i].Account == level.Account {
			t.Documents[i].Note = text
		}
	}
}
