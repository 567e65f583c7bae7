package tacacs

import (
	"fmt"
	"log/slog"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// Fault says what is wrong with a packet, or why a session ended without a reply. It is an
// error: errors.Is finds it inside the *engines.Failure of a session.
type Fault uint8

// The faults.
const (
	FaultShort     Fault = iota + 1 // fewer octets than the fixed part
	FaultLengths                    // the lengths inside do not add up to the body's length
	FaultTooLong                    // a body longer than the bound
	FaultVersion                    // not TACACS+ 12.0 or 12.1
	FaultType                       // not the session's packet type, or none that exists
	FaultSequence                   // a sequence number other than the one awaited, or nothing was awaited
	FaultSessionID                  // a session id that nobody uses
	FaultFlag                       // TAC_PLUS_UNENCRYPTED_FLAG does not match the transport (§10.5.2: to be taken as FAIL)
	FaultStatus                     // a status that does not exist
	FaultEmpty                      // an empty body: the server could not read the request (§4.5)
	FaultSecret                     // garbage under the shared secret: the two ends have different ones
	FaultClosed                     // the connection was closed or broke
	FaultTimeout                    // no reply in time
	FaultExpired                    // a session of several rounds lived too long
	FaultExhausted                  // the sequence numbers are used up
	FaultEnded                      // the session has ended already, or was ended by its owner
	FaultBusy                       // no connection had a place in time
)

var faultTexts = [...]string{
	FaultShort:     "packet too short",
	FaultLengths:   "lengths do not add up to the length of the body",
	FaultTooLong:   "body too long",
	FaultVersion:   "unknown version",
	FaultType:      "wrong packet type",
	FaultSequence:  "wrong sequence number",
	FaultSessionID: "unknown session id",
	FaultFlag:      "unencrypted flag does not match the transport",
	FaultStatus:    "unknown status",
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

// Is tells what a Fault means of a reply in terms that all engines share.
func (f Fault) Is(target error) bool {
	switch target {
	case engines.ErrUnverified:
		return f == FaultSecret
	case engines.ErrMalformed:
		return f >= FaultShort && f <= FaultStatus && f != FaultFlag
	default:
		return false
	}
}

// FieldError is a field of a packet to be sent that the protocol has no room for, or whose
// content it forbids. Nothing was sent.
type FieldError struct {
	Field   string // as RFC 8907 calls it: user, port, rem_addr, data, user_msg, arg, flags …
	Problem string // what is wrong, without the value
}

func (e *FieldError) Error() string { return e.Field + " " + e.Problem }

// Sensitive holds octets that may be a password or made from one. Whatever prints, logs or
// encodes it shows a mask.
type Sensitive []byte

// Format prints the mask, whatever the verb.
func (s Sensitive) Format(f fmt.State, _ rune) { fmt.Fprint(f, aaa.Mask) }

// LogValue is the mask.
func (s Sensitive) LogValue() slog.Value { return slog.StringValue(aaa.Mask) }

// MarshalText is the mask.
func (s Sensitive) MarshalText() ([]byte, error) { return []byte(aaa.Mask), nil }
