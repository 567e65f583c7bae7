package translate

import "aaa-api/internal/aaa"

// Bounds of a trace.
const maxTraceEntries = 4096

// Tracer collects what the rules did for one server. A nil Tracer, and nil
// members, collect nothing.
type Tracer struct {
	Server  string
	Trace   *aaa.Trace
	Dropped func(attribute string) // counts an AVP that the server's packet went without
}

// rule adds an entry, up to a bound that only hostile input reaches.
func (t *Tracer) rule(e aaa.TraceRule) {
	if t == nil || t.Trace == nil || len(t.Trace.Rules) >= maxTraceEntries {
		return
	}
	e.Server = t.Server
	t.Trace.Rules = append(t.Trace.Rules, e)
}

// Added notes what the service itself puts into the server's packet.
func (t *Tracer) Added(attribute, value string) {
	if t != nil && t.Trace != nil && len(t.Trace.Added) < maxTraceEntries {
		t.Trace.Added = append(t.Trace.Added, aaa.TraceAdded{Server: t.Server, Attribute: attribute, Value: printable(value)})
	}
}

func (t *Tracer) dropped(attribute, reason string) {
	if t == nil {
		return
	}
	if t.Dropped != nil {
		t.Dropped(attribute)
	}
	if t.Trace != nil && len(t.Trace.Dropped) < maxTraceEntries {
		t.Trace.Dropped = append(t.Trace.Dropped, aaa.TraceDropped{Server: t.Server, Attribute: attribute, Reason: reason})
	}
}

// shown is a value as traces show it.
func shown(text string, mask bool) string {
	switch {
	case text == "":
		return ""
	case mask:
		return aaa.Mask
	default:
		return printable(text)
	}
}
