package actions

import (
	"time"

	"aaa-api/internal/fsm"
	"aaa-api/internal/router"
)

// done is the answer of actions that can't fail.
var done = []fsm.Event{fsm.ACK}

// Reply answers the request with its result.
type Reply struct{}

// Spec implements router.Action.
func (Reply) Spec() fsm.Spec {
	return fsm.Spec{Name: "REPLY", Does: "answers the request with its result; pending entries go on", Answers: done}
}

// Run implements router.Action.
func (Reply) Run(m *router.Machine, _ *fsm.Line) fsm.Event {
	m.Reply()
	return fsm.ACK
}

// Ack sets the request's result to success.
type Ack struct{}

// Spec implements router.Action.
func (Ack) Spec() fsm.Spec {
	return fsm.Spec{Name: "ACK", Does: "sets the request's result to success", Answers: done, Decides: true}
}

// Run implements router.Action.
func (Ack) Run(*router.Machine, *fsm.Line) fsm.Event { return fsm.ACK }

// Null does nothing: the machine waits for what comes next.
type Null struct{}

// Spec implements router.Action.
func (Null) Spec() fsm.Spec {
	return fsm.Spec{Name: "NULL", Does: "does nothing and waits for the next event", Silent: true}
}

// Run implements router.Action.
func (Null) Run(*router.Machine, *fsm.Line) fsm.Event { return fsm.None }

// Kill clears the list of pending events.
type Kill struct{}

// Spec implements router.Action.
func (Kill) Spec() fsm.Spec {
	return fsm.Spec{Name: "KILL", Does: "cancels everything that is pending", Answers: done}
}

// Run implements router.Action.
func (Kill) Run(m *router.Machine, _ *fsm.Line) fsm.Event {
	m.Kill()
	return fsm.ACK
}

// Redo issues what is pending anew.
type Redo struct{}

// Spec implements router.Action.
func (Redo) Spec() fsm.Spec {
	return fsm.Spec{Name: "REDO", Does: "sends all pending requests again and waits", Silent: true}
}

// Run implements router.Action.
func (Redo) Run(m *router.Machine, _ *fsm.Line) fsm.Event {
	m.Redo()
	return fsm.None
}

// Pending tells whether anything is pending.
type Pending struct{}

// Spec implements router.Action.
func (Pending) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "PENDING", Does: "ACK while something is pending, NAK when nothing is",
		Answers: []fsm.Event{fsm.ACK, fsm.NAK},
	}
}

// Run implements router.Action.
func (Pending) Run(m *router.Machine, _ *fsm.Line) fsm.Event {
	if m.Pending() > 0 {
		return fsm.ACK
	}
	return fsm.NAK
}

// Timer makes a TIMER event arrive later.
type Timer struct{}

// Spec implements router.Action.
func (Timer) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "TIMER", Does: "makes a TIMER event arrive after a time", Answers: done, Later: []fsm.Event{fsm.TIMER},
		Xvalue: "milliseconds until the event",
	}
}

// Run implements router.Action.
func (Timer) Run(m *router.Machine, line *fsm.Line) fsm.Event {
	m.Timer(time.Duration(max(line.Xvalue, 0)) * time.Millisecond)
	return fsm.ACK
}

// Leave ends the machine: END, and CLEANUP by its older name.
type Leave struct{ Name string }

// The two names under which tables leave the machine.
var (
	End     = Leave{"END"}
	Cleanup = Leave{"CLEANUP"}
)

// Spec implements router.Action.
func (a Leave) Spec() fsm.Spec {
	return fsm.Spec{Name: a.Name, Does: "ends the request, whatever the next state", Ends: true}
}

// Run implements router.Action.
func (Leave) Run(*router.Machine, *fsm.Line) fsm.Event { return fsm.None }

// Gone stands for an action whose protocol no longer exists: tables that name it are refused.
type Gone struct{ Name, Why string }

// The actions that no table can have any more.
var (
	AKerb = Gone{"AKERB", "AFS Kerberos (Kerberos 4) no longer exists: MKERB asks a Kerberos 5 server"}
	KChap = Gone{"KCHAP", "KCHAP no longer exists: RADIUS passes CHAP on to a server"}
)

// Spec implements router.Action.
func (a Gone) Spec() fsm.Spec { return fsm.Spec{Name: a.Name, Does: a.Why, Gone: a.Why} }

// Run implements router.Action. No table that compiles gets here.
func (Gone) Run(*router.Machine, *fsm.Line) fsm.Event { return fsm.FATAL }
