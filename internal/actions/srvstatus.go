package actions

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/fsm"
	"aaa-api/internal/router"
)

// SrvStatus answers how the document's servers are.
type SrvStatus struct{}

// Spec implements router.Action.
func (SrvStatus) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "SRV_STATUS", Does: "sets the result to success, with the health of the document's servers",
		Answers: done, Decides: true,
	}
}

// Run implements router.Action.
func (SrvStatus) Run(m *router.Machine, _ *fsm.Line) fsm.Event {
	status := make(aaa.Values, len(m.Level().Servers))
	for _, s := range m.Level().Servers {
		state := "no engine"
		if s.Client != nil {
			state = s.Client.Health().State().String()
		}
		status[s.Name] = state
	}
	m.Decide(fsm.ACK, &aaa.Result{Keys: aaa.Values{"servers": status}})
	return fsm.ACK
}
