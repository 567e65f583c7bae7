package conns

import (
	"errors"
	"fmt"

	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// Fault is why a session ended without a reply. What is wrong with a packet is a tacacs.Fault. errors.Is finds
// either inside the *engines.Failure of a session.
type Fault uint8

// The faults.
const (
	FaultEmpty     Fault = iota + 1 // the body is empty: the server could not read the request (RFC 8907 §4.5)
	FaultSecret                     // the body is garbage under the shared secret: the two ends have different ones
	FaultClosed                     // the connection was closed or broke
	FaultTimeout                    // no reply in time
	FaultExpired                    // a session of several rounds lived too long
	FaultExhausted                  // the sequence numbers are used up
	FaultEnded                      // the session has ended already, or its owner ended it
	FaultBusy                       // no connection had a place in time
)

var faultTexts = [...]string{
	FaultEmpty:     "empty reply: the server could not read the request",
	FaultSecret:    "reply unreadable under the shared secret",
	FaultClosed:    "connection closed",
	FaultTimeout:   "no reply in time",
	FaultExpired:   "session lived too long",
	FaultExhausted: "sequence numbers used up",
	FaultEnded:     "session has ended",
	FaultBusy:      "no connection free",
}

func (f Fault) Error() string {
	if int(f) < len(faultTexts) && f > 0 {
		return faultTexts[f]
	}
	return fmt.Sprintf("fault %d", uint8(f))
}

// Is reports FaultSecret as engines.ErrUnverified, which all engines share.
func (f Fault) Is(target error) bool { return target == engines.ErrUnverified && f == FaultSecret }

// malformed is what is wrong with a packet as engines.ErrMalformed, which all engines share.
type malformed struct{ tacacs.Fault }

// Is reports every fault but FaultFlag as engines.ErrMalformed: the server's transport decides about the flag.
func (m malformed) Is(target error) bool {
	return target == engines.ErrMalformed && m.Fault != tacacs.FaultFlag
}

func (m malformed) Unwrap() error { return m.Fault }

// errStray is a reply to an id of no session.
var errStray error = malformed{tacacs.FaultSessionID}

// badReply returns the error for a reply whose decoding failed with err.
func badReply(err error) error {
	var fault tacacs.Fault
	if errors.As(err, &fault) {
		return malformed{fault}
	}
	return err
}
