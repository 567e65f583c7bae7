package main

import (
	"net"

	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/config"
	"aaa-api/internal/fsm"
	"aaa-api/internal/router"
)

// actionsOf registers the actions that state machine tables can take. A new one is a file in
// internal/actions, a page in docs/fsm/actions, and a line here.
func actionsOf(cfg *config.Config) *router.Actions {
	accounts := make([]aaa.AccountID, len(cfg.UnixPasswordAccounts))
	for i, id := range cfg.UnixPasswordAccounts {
		accounts[i] = aaa.AccountID(id)
	}
	return router.NewActions(
		actions.RADIUS{},
		actions.TACACS{},
		actions.RAD2RAD{},
		actions.Authenticate,
		actions.Acct,
		actions.Passwd,
		actions.Realm{},

		actions.File{},
		actions.NewUnixPW(cfg.UnixPasswordFile, accounts),
		actions.NewMKERB(net.DefaultResolver),
		actions.RADDNS{},
		actions.SrvStatus{},

		actions.Log{},
		actions.Timer{},
		actions.Timeout{},
		actions.Pending{},
		actions.Redo{},
		actions.Kill{},
		actions.Null{},
		actions.Ack{},
		actions.Reply{},
		actions.End,
		actions.Cleanup,

		actions.AKerb,
		actions.KChap,
	)
}

// actionSpecs is what the language of tables needs to know of the actions.
func actionSpecs() *fsm.Actions { return actionsOf(&config.Config{}).Specs() }
