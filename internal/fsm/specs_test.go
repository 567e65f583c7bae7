package fsm_test

import "aaa-api/internal/fsm"

// specs are the actions that tables are compiled against, as the service has them.
func specs() *fsm.Actions {
	later := []fsm.Event{fsm.ACK, fsm.NAK, fsm.AccChal, fsm.ERROR, fsm.FATAL}
	checked := []fsm.Event{fsm.ACK, fsm.NAK, fsm.ERROR}
	ack := []fsm.Event{fsm.ACK}
	none := []fsm.Event{fsm.RC(1)}
	const order = "0: in order, 1: all at once"
	return fsm.NewActions(
		fsm.Spec{Name: "RADIUS", Does: "asks the next server of the operation's list", Answers: none, Later: later, Decides: true},
		fsm.Spec{Name: "TACACS", Does: "asks the next TACACS+ server of the operation's list", Answers: none, Later: later, Decides: true},
		fsm.Spec{Name: "RAD2RAD", Does: "asks a server or a list", Answers: none, Later: later, Decides: true, Xvalue: order, Xstring: "a server or a list", NeedsXstring: true},
		fsm.Spec{Name: "AUTHENTICATE", Does: "asks the list authentication", Answers: none, Later: later, Decides: true, Xvalue: order},
		fsm.Spec{Name: "ACCT", Does: "asks the list accounting", Answers: none, Later: later, Decides: true, Xvalue: order},
		fsm.Spec{Name: "PASSWD", Does: "asks the list authentication", Answers: none, Later: later, Decides: true, Xvalue: order},
		fsm.Spec{Name: "REALM", Does: "asks by the realm of the user's name", Answers: none, Later: later, Decides: true, Xvalue: order, Xstring: "a rule", NeedsXstring: true},
		fsm.Spec{Name: "FILE", Does: "checks the password by a users file", Later: checked, Decides: true, Xstring: "a users file"},
		fsm.Spec{Name: "COMMAND", Does: "permits a command by a users file", Later: checked, Decides: true, Xstring: "a users file"},
		fsm.Spec{Name: "UNIX-PW", Does: "checks the password by the host's users", Later: checked, Decides: true},
		fsm.Spec{Name: "MKERB", Does: "checks the password by Kerberos", Later: checked, Decides: true, Xstring: "REALM or REALM@kdc:port"},
		fsm.Spec{Name: "RADDNS", Does: "resolves a server's name", Later: []fsm.Event{fsm.ACK, fsm.ERROR}, Xstring: "a server or a list", NeedsXstring: true},
		fsm.Spec{Name: "SRV_STATUS", Does: "tells that the service lives", Answers: ack, Decides: true},
		fsm.Spec{Name: "LOG", Does: "writes to the log", Answers: ack, Xstring: "the text"},
		fsm.Spec{Name: "ACK", Does: "accepts", Answers: ack, Decides: true},
		fsm.Spec{Name: "REPLY", Does: "sends the reply", Answers: ack},
		fsm.Spec{Name: "KILL", Does: "breaks off all that is pending", Answers: ack},
		fsm.Spec{Name: "PENDING", Does: "tells whether something is pending", Answers: []fsm.Event{fsm.ACK, fsm.NAK}},
		fsm.Spec{Name: "TIMER", Does: "sets a timer", Answers: ack, Later: []fsm.Event{fsm.TIMER}, Xvalue: "milliseconds"},
		fsm.Spec{Name: "TIMEOUT", Does: "logs that the time is over", Answers: ack},
		fsm.Spec{Name: "NULL", Does: "nothing", Silent: true},
		fsm.Spec{Name: "REDO", Does: "starts all that is pending anew", Silent: true},
		fsm.Spec{Name: "END", Does: "ends the request", Ends: true},
		fsm.Spec{Name: "CLEANUP", Does: "ends the request", Ends: true},
		fsm.Spec{Name: "AKERB", Does: "AFS Kerberos", Gone: "AFS Kerberos no longer exists"},
		fsm.Spec{Name: "KCHAP", Does: "KCHAP", Gone: "KCHAP no longer exists"},
	)
}
