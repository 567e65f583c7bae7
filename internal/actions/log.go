package actions

import (
	"aaa-api/internal/fsm"
	"aaa-api/internal/router"
)

// Log writes a line to the service's log.
type Log struct{}

// Spec implements router.Action.
func (Log) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "LOG", Does: "writes a warning to the service's log",
		Answers: done, Xstring: "the text of the line",
	}
}

// Run implements router.Action.
func (Log) Run(m *router.Machine, line *fsm.Line) fsm.Event {
	// The text is an attribute: as the message it could pass for one of the service's own.
	m.Log().Warn("a state machine table logs this request", "text", line.Xstring, "result", m.Result().String())
	return fsm.ACK
}

// Timeout logs that a request came to its deadline.
type Timeout struct{}

// Spec implements router.Action.
func (Timeout) Spec() fsm.Spec {
	return fsm.Spec{Name: "TIMEOUT", Does: "logs that the request has timed out", Answers: done}
}

// Run implements router.Action.
func (Timeout) Run(m *router.Machine, _ *fsm.Line) fsm.Event {
	m.Log().Warn("a request timed out")
	return fsm.ACK
}
