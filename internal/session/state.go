package session

import (
	"time"

	"aaa-api/internal/aaa"
)

// Verb is what callers do to a session.
type Verb uint8

// The verbs.
const (
	INIT Verb = iota
	CONT
	OPEN
	INTERIM
	SUSPEND
	CLOSE
	verbs
)

var verbNames = [verbs]string{"INIT", "CONT", "OPEN", "INTERIM", "SUSPEND", "CLOSE"}

func (v Verb) String() string { return verbNames[v] }

// Place is where a session stands: its state, of which completed has four stages.
type Place uint8

// The places.
const (
	nowhere Place = iota
	Inactive
	Init
	Cont
	Completed
	Opened
	Suspended
	Closed
	Failed
	places
)

var placeNames = [places]string{
	Inactive: "inactive", Init: "init", Cont: "cont", Completed: "completed",
	Opened: "completed, open", Suspended: "completed, suspended", Closed: "completed, closed", Failed: "failed",
}

func (p Place) String() string { return placeNames[p] }

// State is the state of ocserv's five that a place belongs to.
func (p Place) State() aaa.SessionState {
	switch p {
	case Inactive:
		return aaa.SessionInactive
	case Init:
		return aaa.SessionInit
	case Cont:
		return aaa.SessionCont
	case Completed, Opened, Suspended, Closed:
		return aaa.SessionCompleted
	default:
		return aaa.SessionFailed
	}
}

// accounted reports whether a Start was sent for the session and its Stop is still to come.
func (p Place) accounted() bool { return p == Opened || p == Suspended }

// placeOf finds a record's place.
func placeOf(state aaa.SessionState, open bool, suspended, ended time.Time) Place {
	switch {
	case state == aaa.SessionInactive:
		return Inactive
	case state == aaa.SessionInit:
		return Init
	case state == aaa.SessionCont:
		return Cont
	case state != aaa.SessionCompleted:
		return Failed
	case open && !suspended.IsZero():
		return Suspended
	case open:
		return Opened
	case !ended.IsZero():
		return Closed
	default:
		return Completed
	}
}

// table says where a verb leads; what it leaves out is illegal. docs/sessions.md shows it.
var table = [places][verbs]Place{
	Inactive:  {INIT: Init},
	Init:      {CLOSE: Failed},
	Cont:      {CONT: Init, CLOSE: Failed},
	Completed: {OPEN: Opened, CLOSE: Closed},
	Opened:    {OPEN: Opened, INTERIM: Opened, SUSPEND: Suspended, CLOSE: Closed},
	Suspended: {OPEN: Opened, CLOSE: Closed},
}

// answers says where a server's answer leads from Init, where it is awaited.
var answers = map[aaa.SessionResult]Place{
	aaa.SessionAuthenticated: Completed,
	aaa.SessionChallenge:     Cont,
	aaa.SessionRejected:      Failed,
}

// Next is where a verb leads. An illegal one is an *aaa.Error of KindConflict that names the place.
func Next(from Place, v Verb) (Place, error) {
	to := table[from][v]
	if to == nowhere {
		return from, aaa.Errorf(aaa.KindConflict, "the session's state is %s: %s is not possible there", from, v)
	}
	return to, nil
}
