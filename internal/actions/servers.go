package actions

import (
	"aaa-api/internal/fsm"
	"aaa-api/internal/router"
)

// fromServers is what may come of asking a server: its answer, ERROR where it gives none,
// FATAL where the request can't be put into a packet.
var fromServers = []fsm.Event{fsm.ACK, fsm.NAK, fsm.AccChal, fsm.ERROR, fsm.FATAL}

// noneLeft answers that there is no server (more) to ask.
var noneLeft = []fsm.Event{fsm.RC(1)}

// serverOrList describes the Xstring that Machine.AskNamed and Machine.Named take.
const serverOrList = "a server of the document, or authentication, authorization, accounting, custom for one of its lists"

// orderOrAtOnce describes the Xvalue of actions that ask a list's servers.
const orderOrAtOnce = "0: in order with failover, one answer for all; 1: all at once, an answer each"

// allAtOnce is the Xvalue that asks them side by side.
const allAtOnce = 1

// RADIUS asks the next server of the operation's list, whatever engine speaks to it.
type RADIUS struct{}

// Spec implements router.Action.
func (RADIUS) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "RADIUS", Does: "asks the next server of the operation's list; RC1 when none is left",
		Answers: noneLeft, Later: fromServers, Decides: true,
	}
}

// Run implements router.Action.
func (RADIUS) Run(m *router.Machine, _ *fsm.Line) fsm.Event { return m.AskNext("") }

// TACACS asks the next server of the operation's list that speaks TACACS+.
type TACACS struct{}

// Spec implements router.Action.
func (TACACS) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "TACACS", Does: "asks the next TACACS+ server of the operation's list; RC1 when none is left",
		Answers: noneLeft, Later: fromServers, Decides: true,
	}
}

// Run implements router.Action.
func (TACACS) Run(m *router.Machine, _ *fsm.Line) fsm.Event { return m.AskNext("tacacs") }

// RAD2RAD asks a server of the document, or a list of it.
type RAD2RAD struct{}

// Spec implements router.Action.
func (RAD2RAD) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "RAD2RAD", Does: "asks the server or list that Xstring names; RC1 if none is enabled",
		Answers: noneLeft, Later: fromServers, Decides: true, NeedsXstring: true,
		Xstring: serverOrList, Xvalue: orderOrAtOnce,
	}
}

// Run implements router.Action.
func (RAD2RAD) Run(m *router.Machine, line *fsm.Line) fsm.Event {
	return m.AskNamed(line.Xstring, line.Xvalue == allAtOnce)
}

// OfList asks one list of the document: AUTHENTICATE, ACCT and PASSWD.
type OfList struct{ Name, List, Does string }

// The actions by kind of request. A change of password goes where logins go.
var (
	Authenticate = OfList{"AUTHENTICATE", "authentication", "asks the servers of the list authentication; RC1 if none is enabled"}
	Acct         = OfList{"ACCT", "accounting", "sends accounting to the servers of the list accounting; RC1 if none is enabled"}
	Passwd       = OfList{"PASSWD", "authentication", "asks the servers of the list authentication to change a password; RC1 if none is enabled"}
)

// Spec implements router.Action.
func (a OfList) Spec() fsm.Spec {
	return fsm.Spec{
		Name: a.Name, Does: a.Does, Answers: noneLeft, Later: fromServers, Decides: true,
		Xvalue: orderOrAtOnce,
	}
}

// Run implements router.Action.
func (a OfList) Run(m *router.Machine, line *fsm.Line) fsm.Event {
	return m.AskNamed(a.List, line.Xvalue == allAtOnce)
}
