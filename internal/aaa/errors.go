package aaa

import (
	"errors"
	"fmt"
	"time"
)

// Kind classes an Error by what its reader should do.
type Kind uint8

// The kinds of Error. The zero Kind is KindInternal.
const (
	KindInternal     Kind = iota
	KindBadInput          // what was sent is wrong; Fields tell where
	KindUnauthorized      // no valid token
	KindForbidden         // may be seen, not done
	KindNotFound
	KindConflict    // exists already, is in use, cycles
	KindStale       // If-Match names an older revision
	KindBusy        // pool or node full: RetryAfter
	KindBadReply    // a backend answered nonsense
	KindNoAnswer    // nobody answered in time
	KindUnavailable // the store is away
	KindLimited     // a limit of the account is reached for now: RetryAfter, Excess
	KindTooLong     // what was sent is longer than anything that is taken
	KindBanned      // too many refused logins: RetryAfter
	numKinds
)

// Error is an error with a meaning outside. Its text is shown to callers, so it
// holds no secret and no other tenant's data; Err is for the log alone.
type Error struct {
	Kind       Kind
	Message    string
	Fields     []Field       // faults of the input, by path
	RetryAfter time.Duration // with KindBusy, KindUnavailable, KindLimited and KindBanned
	Trace      *Trace        // with KindNoAnswer, KindBadReply and KindBanned, when asked for
	Excess     *Excess       // the limit that was reached
	Server     string        // name of the server that was asked last; empty where none was
	Attempts   int           // packets sent, over all servers
	Err        error
}

// Field is one fault of an input.
type Field struct {
	Path    string // members and indices joined by dots (servers.0.port), empty for the whole
	Rule    string // what was broken: required, type, maximum, enum, unique, pattern, unknown, regexp, …
	Message string
	Target  Value // the bound or the allowed values, where the rule has one
	Value   Value // the offending value, never of a secret
}

func (e *Error) Error() string {
	if len(e.Fields) == 1 {
		return fmt.Sprintf("%s: %s: %s", e.Message, e.Fields[0].Path, e.Fields[0].Message)
	}
	if e.Message == "" && e.Err != nil {
		return e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error of a kind; a %w operand becomes its Err.
func Errorf(k Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: k, Message: err.Error(), Err: errors.Unwrap(err)}
}

// Invalid makes a KindBadInput Error of the faults found.
func Invalid(fields ...Field) *Error {
	return &Error{Kind: KindBadInput, Message: "validation error", Fields: fields}
}

// KindOf returns the kind of the first Error in err's chain, KindInternal without one.
func KindOf(err error) Kind {
	if err == nil { // spares an allocation
		return KindInternal
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}
