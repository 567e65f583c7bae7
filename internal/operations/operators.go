package operations

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
	"aaa-api/internal/spool"
	"aaa-api/internal/tail"
)

// Local is what the operators of this machine see of the process, whichever account it belongs to.
type Local struct {
	Tail    *tail.Tail
	Servers Servers
	Devices Devices // optional: the process serves none
	// Root is the account above all.
	Root func(context.Context) (aaa.AccountID, error)
	// Status is the state of the process.
	Status func(context.Context) Status
	// Reload reads again what may have changed. An error says what is no good and not taken.
	Reload func(context.Context) error
}

// Servers are those of all documents in memory.
type Servers interface {
	Servers(fn func(document aaa.AccountID, s *plans.Server))
}

// Operators are the Parts as the operators of this machine reach them: they alone may run operations with Access.Operator, and no others. Who
// is one, the owner of the line decides.
func (p *Parts) Operators() *Parts {
	o := *p
	o.operators = true
	return &o
}

// Status is the state of the security module.
type Status struct {
	Node     string
	Version  string
	Store    string        // path or URL, without a password
	Fault    string        // why the store is not there; empty: it is
	Seen     time.Duration // how long ago its changes were read
	Accounts int           // in memory
	Requests uint64        // AAA requests since the start
	Lacks    []string      // what the kernel lacks for the isolation of processes, by name
	Spool    spool.Status
}

// OperatorStatus returns the state of the process.
var OperatorStatus = define("operators.status", operators, func(ctx context.Context, s *Served, _ *None) (Status, error) {
	return s.Local.Status(ctx), nil
})

// OperatorReload has the process read again what may have changed.
var OperatorReload = define("operators.reload", operators, func(ctx context.Context, s *Served, _ *None) (None, error) {
	return None{}, s.Local.Reload(ctx)
})

// below is an account and all below it, any if it is empty.
func (s *Served) below(ctx context.Context, top aaa.AccountID) (func(aaa.AccountID) bool, error) {
	if top == "" {
		return nil, nil //nolint:nilnil // no condition
	}
	if err := s.exists(ctx, top); err != nil {
		return nil, err
	}
	return func(id aaa.AccountID) bool {
		within, err := s.Tree.Within(ctx, top, id)
		return err == nil && within
	}, nil
}

func (s *Served) exists(ctx context.Context, id aaa.AccountID) error {
	if _, err := aaa.ParseAccountID(string(id)); err != nil {
		return aaa.Invalid(aaa.Field{Path: "account", Rule: "pattern", Message: "must be the id of an account, which has 32 hexadecimal characters"})
	}
	_, err := s.Tree.Enabled(ctx, id)
	if aaa.KindOf(err) == aaa.KindNotFound {
		return ErrNoSuchAccount
	}
	return err
}

// top is the account asked for, the root if there is none.
func (s *Served) top(ctx context.Context, id aaa.AccountID) (aaa.AccountID, error) {
	if id == "" {
		return s.Local.Root(ctx)
	}
	return id, s.exists(ctx, id)
}
