package fsm

import "strings"

// Event is what an action answers or what happens to a request. Events that a table
// declares for itself are numbered from FirstDeclared, in their order.
type Event uint16

// The events. None is no event: the machine waits for one from outside.
const (
	None Event = iota
	ACK
	NAK
	ERROR
	WAIT
	FATAL
	DUP
	TIMER
	TIMEOUT
	ABORT
	AUTHEN
	ACCT
	PASSWD
	REACCESS
	AccChal
	MgtPoll
	AuthOnly
	AUTHZ
	CUSTOM
	AcctStart
	AcctStop
	AcctAlive
	AcctOn
	AcctOff
	AcctMStart
	AcctMStop
	AcctCancel
	AcctTunnelStart
	AcctTunnelStop
	AcctTunnelReject
	RetryLimit
	PwExpired
	RetrieveError
	RetrieveSuccess
	RC1
	lastRC        = RC1 + 20
	FirstDeclared = Event(1000)
)

// RC returns the general purpose return code n, 1 to 21.
func RC(n int) Event { return RC1 + Event(n-1) }

var eventNames = map[Event]string{
	ACK: "ACK", NAK: "NAK", ERROR: "ERROR", WAIT: "WAIT", FATAL: "FATAL", DUP: "DUP", TIMER: "TIMER", TIMEOUT: "TIMEOUT",
	ABORT: "ABORT", AUTHEN: "AUTHEN", ACCT: "ACCT", PASSWD: "PASSWD", REACCESS: "REACCESS", AccChal: "ACC_CHAL",
	MgtPoll: "MGT_POLL", AuthOnly: "AUTH_ONLY", AUTHZ: "AUTHZ", CUSTOM: "CUSTOM", AcctStart: "ACCT_START",
	AcctStop: "ACCT_STOP", AcctAlive: "ACCT_ALIVE", AcctOn: "ACCT_ON", AcctOff: "ACCT_OFF", AcctMStart: "ACCT_MSTART",
	AcctMStop: "ACCT_MSTOP", AcctCancel: "ACCT_CANCEL", AcctTunnelStart: "ACCT_TUNNEL_START",
	AcctTunnelStop: "ACCT_TUNNEL_STOP", AcctTunnelReject: "ACCT_TUNNEL_REJECT", RetryLimit: "RETRY_LIMIT",
	PwExpired: "PW_EXPIRED", RetrieveError: "RETRIEVE_ERROR", RetrieveSuccess: "RETRIEVE_SUCCESS",
	RC(1): "RC1", RC(2): "RC2", RC(3): "RC3", RC(4): "RC4", RC(5): "RC5", RC(6): "RC6", RC(7): "RC7", RC(8): "RC8",
	RC(9): "RC9", RC(10): "RC10", RC(11): "RC11", RC(12): "RC12", RC(13): "RC13", RC(14): "RC14", RC(15): "RC15",
	RC(16): "RC16", RC(17): "RC17", RC(18): "RC18", RC(19): "RC19", RC(20): "RC20", RC(21): "RC21",
}

var eventsByName = func() map[string]Event {
	m := make(map[string]Event, len(eventNames))
	for e, name := range eventNames {
		m[name] = e
	}
	return m
}()

// String is the name in tables; that of a declared event is known to its Table alone.
func (e Event) String() string {
	if e == None {
		return "none"
	}
	if name, ok := eventNames[e]; ok {
		return name
	}
	return "declared"
}

// EventOf finds an event by its name, without regard to case.
func EventOf(name string) (Event, bool) {
	e, ok := eventsByName[strings.ToUpper(name)]
	return e, ok
}

// Request reports whether e is a kind of request: what a request enters Start as, written
// *.+AUTHEN.ACK or *.*.AUTHEN.
func (e Event) Request() bool {
	switch e {
	case AUTHEN, ACCT, PASSWD, REACCESS, MgtPoll, AuthOnly, AUTHZ, CUSTOM, AcctStart, AcctStop, AcctAlive, AcctOn, AcctOff:
		return true
	}
	return false
}

// General is the kind of request that a table without a line for e is asked about
// instead: REACCESS, AUTH_ONLY and PASSWD are AUTHEN, ACCT_START and its like ACCT. None where e is general itself.
func (e Event) General() Event {
	switch e {
	case REACCESS, AuthOnly, PASSWD:
		return AUTHEN
	case AcctStart, AcctStop, AcctAlive, AcctOn, AcctOff:
		return ACCT
	}
	return None
}
