package admin

import (
	"errors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// The store says that something is not there, or is there already. The use cases say what, since "not found" leaves its reader
// to guess between the account and all that is below it.

var noAccount = &aaa.Error{Kind: aaa.KindNotFound, Message: "there is no such account"}

// holder is whose things an operation is about.
func holder(account aaa.AccountID) string {
	if account == aaa.SystemConfig {
		return "the system configuration"
	}
	return "the account"
}

// missing gives a store.ErrNotFound its message.
func missing(err error, message string) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return &aaa.Error{Kind: aaa.KindNotFound, Message: message, Err: err}
}

// made gives the errors of a write that makes something their messages: what it makes is there already, or the account is not there.
func made(err error, taken string) error {
	if errors.Is(err, store.ErrExists) {
		return &aaa.Error{Kind: aaa.KindConflict, Message: taken, Err: err}
	}
	return missing(err, noAccount.Message)
}
