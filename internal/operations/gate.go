package operations

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/line"
	"aaa-api/internal/token"
)

// Reach says what an operation is about, and so what its gate checks.
type Reach uint8

// What operations are about.
const (
	OnToken    Reach = iota // the token's own account, or none
	OnAccount               // the account that the call names, which must be the token's own or below it
	OnDocument              // likewise, or the system configuration: the root account's tokens only
)

// Access is the authority that an operation asks for.
type Access struct {
	Public   bool   // no token is needed
	Device   bool   // no token is needed: a device's packet is what is verified
	Operator bool   // for the operators of this machine alone, who need no token: see Parts.Operators
	Scope    string // of package token; empty: any valid token
	Reach    Reach
}

// operatorID stands for the id of a token where an operator has none.
const operatorID = "operator"

// Accesses that many operations have.
var (
	public   = Access{Public: true}
	devices  = Access{Device: true}
	anyToken = Access{}

	operators = Access{Operator: true}

	reads  = Access{Scope: token.ScopeRead, Reach: OnAccount}
	writes = Access{Scope: token.ScopeWrite, Reach: OnAccount}
	asks   = Access{Scope: token.ScopeRequest, Reach: OnAccount}

	readsDocument  = Access{Scope: token.ScopeRead, Reach: OnDocument}
	writesDocument = Access{Scope: token.ScopeWrite, Reach: OnDocument}
)

// Errors of the gate.
var (
	ErrTooOld = &aaa.Error{
		Kind: aaa.KindUnavailable, RetryAfter: 2 * time.Second,
		Message: "the database could not be reached for too long, so this node can't tell whether what it remembers still holds",
	}
	ErrNoToken       = &aaa.Error{Kind: aaa.KindUnauthorized, Message: "a valid token is needed: in X-Auth-Token, or in Authorization after Bearer"}
	ErrNoSuchAccount = &aaa.Error{Kind: aaa.KindNotFound, Message: "there is no such account"}
	ErrNoSystem      = &aaa.Error{Kind: aaa.KindNotFound, Message: "the token does not reach the system configuration: only one of the root account does"}
	ErrNotHere       = &aaa.Error{Kind: aaa.KindForbidden, Message: "whoever asks on this line may not run this operation"}
	ErrDisabled      = &aaa.Error{Kind: aaa.KindForbidden, Message: "the token's account, or one above it, is disabled"}
)

// authorize is the gate of every operation, in the process that holds the secrets: whoever calls has shown nothing but a token. It
// returns who holds the token, and the account that the call is about.
func (p *Parts) authorize(ctx context.Context, a *Access, from *line.From) (who token.Principal, account aaa.AccountID, err error) {
	switch {
	case a.Operator != p.operators || a.Operator && p.Local == nil:
		return who, "", ErrNotHere
	case a.Operator:
		return token.Principal{TokenID: operatorID}, from.Account, nil
	case a.Public:
		return who, from.Account, nil
	case a.Device && p.stale(): // clients' secrets are credentials
		return who, "", ErrTooOld
	case a.Device:
		return who, "", nil
	}
	if who, err = p.verify(ctx, from.Token, nil); err != nil {
		return who, "", err
	}
	if err = p.enabled(ctx, who.Account); err != nil {
		return who, "", err
	}
	if account, err = p.reach(ctx, a.Reach, who.Account, from.Account); err != nil {
		return who, "", err
	}
	if a.Scope != "" && !who.Can(a.Scope) {
		return who, "", lacks(a.Scope)
	}
	return who, account, nil
}

func lacks(scope string) error {
	return &aaa.Error{Kind: aaa.KindForbidden, Message: "the token lacks the scope " + scope}
}

// stale reports whether what is in memory is too old to be used.
func (p *Parts) stale() bool { return p.Stale != nil && p.Stale() }

// verify returns whose a token is, unless what is in memory is too old to tell.
func (p *Parts) verify(ctx context.Context, text string, g token.Guard) (token.Principal, error) {
	if p.stale() {
		return token.Principal{}, ErrTooOld
	}
	return p.Verifier.Verify(ctx, text, g)
}

// pass takes a call through the gate.
func (p *Parts) pass(ctx context.Context, a *Access, from *line.From) (*Served, error) {
	who, account, err := p.authorize(ctx, a, from)
	if err != nil {
		return nil, err
	}
	s := &Served{Parts: p, Account: account}
	s.Who = &admin.Caller{Principal: who, RequestID: from.RequestID, At: from.At}
	return s, nil
}

// end gives back what the call held.
func (s *Served) end() {
	if s.leave != nil {
		s.leave()
	}
	if s.place != nil {
		s.place.Leave()
	}
	if s.Budget != nil {
		s.Budget.Release(&s.holding)
	}
}

// enabled refuses the credentials of an account that is gone or disabled.
func (p *Parts) enabled(ctx context.Context, id aaa.AccountID) error {
	enabled, err := p.Tree.Enabled(ctx, id)
	switch {
	case aaa.KindOf(err) == aaa.KindNotFound:
		return ErrNoToken // the account is gone, and its credentials with it
	case err != nil:
		return err
	case !enabled:
		return ErrDisabled
	}
	return nil
}

// reach is the account that a call is about. Whatever the token does not reach is as if it were not there.
func (p *Parts) reach(ctx context.Context, r Reach, own, named aaa.AccountID) (aaa.AccountID, error) {
	if r == OnToken || named == own {
		return own, nil
	}
	missing := ErrNoSuchAccount
	if named == aaa.SystemConfig && r == OnDocument {
		missing = ErrNoSystem
	} else if _, err := aaa.ParseAccountID(string(named)); err != nil {
		return "", missing
	}
	within, err := p.Tree.Within(ctx, own, named)
	if aaa.KindOf(err) == aaa.KindNotFound || err == nil && !within {
		return "", missing
	}
	return named, err
}
