package translate

import "aaa-api/internal/aaa"

// Tracer collects what the rules did for one server. A nil Tracer, and nil
// members, collect nothing.
type Tracer struct {
	Server  string
	Trace   *aaa.Tracing
	Dropped func(attribute string) // counts an AVP that the server's packet went without
}

// rule adds an entry.
func (t *Tracer) rule(e aaa.TraceRule) {
	if t == nil || t.Trace == nil {
		return
	}
	e.Server = t.Server
	t.Trace.AddRule(e)
}

// Added notes what the service itself puts into the server's packet.
func (t *Tracer) Added(attribute, value string) {
	if t != nil && t.Trace != nil {
		t.Trace.AddAdded(aaa.TraceAdded{Server: t.Server, Attribute: attribute, Value: printable(value)})
	}
}

// Left notes an attribute of a device that does not go on to the server.
func (t *Tracer) Left(attribute, reason string) { t.dropped(attribute, reason) }

func (t *Tracer) dropped(attribute, reason string) {
	if t == nil {
		return
	}
	if t.Dropped != nil {
		t.Dropped(attribute)
	}
	if t.Trace != nil {
		t.Trace.AddDropped(aaa.TraceDropped{Server: t.Server, Attribute: attribute, Reason: reason})
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
