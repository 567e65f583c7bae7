package tacacs

import (
	"fmt"
	"log/slog"

	"aaa-api/internal/aaa"
)

// Fault is what is wrong with a received packet.
type Fault uint8

// The faults. The last three compare a header with the exchange that it belongs to, which is the connection's business.
const (
	FaultShort     Fault = iota + 1 // fewer octets than the fixed part
	FaultLengths                    // the lengths inside do not add up to the body's length
	FaultTooLong                    // the body is longer than the bound
	FaultVersion                    // the version is not 12.0 or 12.1
	FaultType                       // the packet type does not exist, or is not the session's
	FaultStatus                     // the status does not exist
	FaultSequence                   // the sequence number is not the next one
	FaultSessionID                  // no session has this id
	FaultFlag                       // TAC_PLUS_UNENCRYPTED_FLAG does not match the transport (§4.5, §10.5.2)
)

var faultTexts = [...]string{
	FaultShort:     "packet too short",
	FaultLengths:   "lengths do not add up to the length of the body",
	FaultTooLong:   "body too long",
	FaultVersion:   "unknown version",
	FaultType:      "wrong packet type",
	FaultStatus:    "unknown status",
	FaultSequence:  "wrong sequence number",
	FaultSessionID: "unknown session id",
	FaultFlag:      "unencrypted flag does not match the transport",
}

func (f Fault) Error() string {
	if int(f) < len(faultTexts) && f > 0 {
		return faultTexts[f]
	}
	return fmt.Sprintf("fault %d", uint8(f))
}

// FieldError is a field that the protocol has no room for, or whose content it forbids.
type FieldError struct {
	Field   string // as RFC 8907 calls it: user, port, rem_addr, data, user_msg, arg, flags …
	Problem string // what is wrong, without the value
}

func (e *FieldError) Error() string { return e.Field + " " + e.Problem }

// Sensitive holds octets that may be a password or made from one. All that prints, logs or encodes it shows a mask.
type Sensitive []byte

// Format prints the mask, whatever the verb.
func (s Sensitive) Format(f fmt.State, _ rune) { fmt.Fprint(f, aaa.Mask) }

// LogValue is the mask.
func (s Sensitive) LogValue() slog.Value { return slog.StringValue(aaa.Mask) }

// MarshalText is the mask.
func (s Sensitive) MarshalText() ([]byte, error) { return []byte(aaa.Mask), nil }
