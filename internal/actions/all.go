package actions

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/router"
)

// Options is what the operator configures of actions. With its zero value UNIX-PW serves nobody.
type Options struct {
	UnixPasswordFile     string          // what UNIX-PW compares with
	UnixPasswordAccounts []aaa.AccountID // whose tables may use UNIX-PW
}

// All is every action that state machine tables can take. A new one is a file in this folder,
// a page in docs/fsm/actions, and a line here.
func All(o Options) *router.Actions {
	return router.NewActions(
		RADIUS{},
		TACACS{},
		RAD2RAD{},
		Authenticate,
		Acct,
		Passwd,
		Realm{},

		File{},
		NewUnixPW(o.UnixPasswordFile, o.UnixPasswordAccounts),
		mkerb(),
		RADDNS{},
		SrvStatus{},

		Log{},
		Timer{},
		Timeout{},
		Pending{},
		Redo{},
		Kill{},
		Null{},
		Ack{},
		Reply{},
		End,
		Cleanup,

		AKerb,
		KChap,
	)
}
