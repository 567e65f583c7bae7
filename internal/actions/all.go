package actions

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
	"aaa-api/internal/router"
	"aaa-api/internal/usersfile"
)

// Options is what the operator configures of actions. With its zero value UNIX-PW serves nobody.
type Options struct {
	UnixPasswordFile     string          // what UNIX-PW compares with
	UnixPasswordAccounts []aaa.AccountID // whose tables may use UNIX-PW

	Processor *limits.Processor // where hashes of passwords wait for their turn; nil: they don't
	HashCost  usersfile.Cost    // ceiling of a hash in UnixPasswordFile; 0: the default
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

		File{o.Processor},
		Command{},
		NewUnixPW(o.UnixPasswordFile, o.UnixPasswordAccounts, o.Processor, o.HashCost),
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
