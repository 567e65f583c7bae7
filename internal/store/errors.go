package store

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"aaa-api/internal/aaa"
)

// Errors of the contract. Drivers wrap them; use errors.Is. Each, and each error type below, unwraps to an *aaa.Error: what it means
// to a caller of the service is said here and nowhere else.
var (
	ErrNotFound error = &sentinel{"not found", aaa.Error{Kind: aaa.KindNotFound, Message: "not found"}} // callers know what
	ErrExists   error = &sentinel{"exists already", aaa.Error{Kind: aaa.KindConflict, Message: "exists already"}}
	ErrStale    error = &sentinel{"the revision given is not the current one", aaa.Error{Kind: aaa.KindStale, Message: "the revision given is not the current one"}}
	ErrCycle    error = &sentinel{"an account cannot be moved below itself", conflict("to", "cycle", "an account cannot be moved below itself", nil)}

	ErrHasChildren error = &sentinel{"the account has descendants", aaa.Error{Kind: aaa.KindConflict, Message: "the account has descendants: delete or move them first"}}
	ErrTooDeep     error = &sentinel{
		"the account tree is too deep",
		conflict("to", "depth", fmt.Sprintf("an account may have %d ancestors at most", MaxAccountDepth), MaxAccountDepth),
	}
	ErrUnavailable error = &sentinel{
		"the store cannot be reached",
		aaa.Error{Kind: aaa.KindUnavailable, Message: "the database cannot be reached", RetryAfter: time.Second},
	}
	ErrNoOrphan error = &sentinel{"what the token made cannot outlive it", aaa.Error{
		Kind:    aaa.KindForbidden,
		Message: "orphan=true is refused: what an API key made ends with it, and a token keeps neither what it made itself nor what a token made that it came from",
	}}
	// ErrTaken says nothing of who has it: that may be an account which the caller does not see.
	ErrTaken error = &sentinel{"the address or certificate of a client is taken", aaa.Error{
		Kind:    aaa.KindConflict,
		Message: "the address overlaps a client of another account, or another client has the certificate",
	}}
	ErrClientsLeft error = &sentinel{
		"clients overlap those of an account that is left",
		conflict("to", "clients", "clients of the account, or of one below it, overlap clients of an account that would no longer be above them", nil),
	}
	// ErrNoTables is an ErrUnavailable, too: the database answers and tables or the change counter are not
	// there. It was never migrated, or is being put back from a backup.
	ErrNoTables = errors.New("the database is not complete")
)

// sentinel is an error that is found by its address.
type sentinel struct {
	text    string
	meaning aaa.Error
}

func (e *sentinel) Error() string { return e.text }

// Unwrap copies the meaning: who finds an *aaa.Error may add to it.
func (e *sentinel) Unwrap() error {
	meaning := e.meaning
	return &meaning
}

// conflict is a refusal because of one member of the input.
func conflict(path, rule, message string, target any) aaa.Error {
	return aaa.Error{
		Kind: aaa.KindConflict, Message: message,
		Fields: []aaa.Field{{Path: path, Rule: rule, Message: message, Target: target}},
	}
}

// together makes one conflict of several: the first message, the fields of all.
func together(list []aaa.Error) *aaa.Error {
	all := aaa.Error{Kind: aaa.KindConflict}
	for _, e := range list {
		all.Message = cmp.Or(all.Message, e.Message)
		all.Fields = append(all.Fields, e.Fields...)
	}
	return &all
}

// InUseError refuses to delete or rename what names in documents lead to. A name leads to what the document's account
// has of it, or else the nearest of its ancestors that has it: who creates a nearer one puts it into use.
type InUseError struct {
	Kind     RefKind         // of what they name
	Accounts []aaa.AccountID // whose documents they are; 100 at most
}

func (e *InUseError) Error() string { return "it is named by documents" }

// Unwrap names the accounts.
func (e *InUseError) Unwrap() error {
	meaning := conflict("dictionary", "in_use", "the documents of these accounts name the dictionary", aaa.Names(e.Accounts))
	if e.Kind == RefFSM {
		meaning = conflict("fsm", "in_use", "the documents of these accounts name the table", aaa.Names(e.Accounts))
	}
	return &meaning
}

// LeftBehindError refuses to move accounts while names in their documents lead to what belongs to an ancestor that they would leave.
type LeftBehindError struct {
	Kinds    []RefKind       // what they refer to there, each once, in order
	Accounts []aaa.AccountID // whose documents they are; 100 at most
}

func (e *LeftBehindError) Error() string {
	return "documents refer to what belongs to an ancestor that the move would leave"
}

// Unwrap names the accounts, for each kind.
func (e *LeftBehindError) Unwrap() error {
	var list []aaa.Error
	for _, kind := range e.Kinds {
		rule, what := "dictionaries", "dictionaries"
		if kind == RefFSM {
			rule, what = "fsm", "state machine tables"
		}
		list = append(list, conflict("to", rule,
			"the documents of these accounts name "+what+" of an account that would no longer be above them", aaa.Names(e.Accounts)))
	}
	return together(list)
}

// MissingError refuses a document that refers to what is no longer there.
type MissingError struct{ Refs []Ref }

func (e *MissingError) Error() string { return "the document refers to what is not there" }

// Unwrap names what is missing, by kind.
func (e *MissingError) Unwrap() error {
	var dictionaries, tables []string
	for _, ref := range e.Refs {
		if ref.Kind == RefFSM {
			tables = append(tables, ref.Name)
		} else {
			dictionaries = append(dictionaries, ref.Name)
		}
	}
	var list []aaa.Error
	if dictionaries != nil {
		list = append(list, conflict("servers.dicts", "missing", "the document names dictionaries that are gone: "+someOf(dictionaries), dictionaries))
	}
	if tables != nil {
		list = append(list, conflict("fsm", "missing", "the document names state machine tables that are gone: "+someOf(tables), tables))
	}
	return together(list)
}

// maxNamed is how many names a message holds; the field's target has them all.
const maxNamed = 5

// someOf lists names as a sentence does.
func someOf(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return strings.Join(names[:maxNamed], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(names, ", ")
}

// OutsideError refuses a client's network that accounts above did not grant, or to take a network from accounts whose clients are in it.
type OutsideError struct {
	Accounts    []aaa.AccountID // whose clients would be outside, none of a single client; 100 at most
	Moved       bool            // by a move
	Certificate bool            // of a single client that has a certificate alone
}

func (e *OutsideError) Error() string { return "clients are outside of the networks that are granted" }

// Unwrap names the accounts.
func (e *OutsideError) Unwrap() error {
	if e.Certificate {
		return aaa.Invalid(aaa.Field{Path: "certificate", Rule: "granted", Message: "is for accounts that have client_networks: an account above grants them"})
	}
	if e.Accounts == nil {
		return aaa.Invalid(aaa.Field{Path: "address", Rule: "granted", Message: "is not within the client_networks of the account: an account above grants them"})
	}
	path := "client_networks"
	if e.Moved {
		path = "to"
	}
	meaning := conflict(path, "clients", "clients of these accounts would be outside of the client_networks granted: "+someOf(aaa.Names(e.Accounts)), aaa.Names(e.Accounts))
	return &meaning
}

// ExistsError says which unique member of an account clashed (realm, parent_id for a second root). It is ErrExists.
type ExistsError struct{ Member string }

func (e *ExistsError) Error() string        { return e.Member + " exists already" }
func (e *ExistsError) Is(target error) bool { return target == ErrExists }

// Unwrap names the member.
func (e *ExistsError) Unwrap() error {
	meaning := conflict(e.Member, "unique", "another account has this "+e.Member+" already", nil)
	return &meaning
}

// LimitError refuses to create what an account, or one above it, may have no more of.
type LimitError struct{ aaa.Excess }

func (e *LimitError) Error() string {
	return fmt.Sprintf("account %s is at its limit %s: %d", e.Account, e.Limit.Name(), e.Allowed)
}

// Unwrap names the limit.
func (e *LimitError) Unwrap() error { return e.Excess.Error(aaa.KindConflict, 0) }
