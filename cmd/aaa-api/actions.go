package main

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/config"
	"aaa-api/internal/fsm"
	"aaa-api/internal/limits"
	"aaa-api/internal/router"
	"aaa-api/internal/usersfile"
)

// actionsOf is the actions that state machine tables can take, as the operator has configured them.
func actionsOf(cfg *config.Config, processor *limits.Processor) *router.Actions {
	accounts := make([]aaa.AccountID, len(cfg.UnixPasswordAccounts))
	for i, id := range cfg.UnixPasswordAccounts {
		accounts[i] = aaa.AccountID(id)
	}
	return actions.All(actions.Options{
		UnixPasswordFile: cfg.UnixPasswordFile, UnixPasswordAccounts: accounts,
		Processor: processor, HashCost: usersfile.Cost(cfg.HashCost),
	})
}

// actionSpecs is what the language of tables needs to know of the actions.
func actionSpecs() *fsm.Actions { return actions.All(actions.Options{}).Specs() }
