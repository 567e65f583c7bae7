package aaa

import "time"

// Request is one AAA request of a tenant.
type Request struct {
	ID      string // request id, as in logs and the answer
	Account AccountID
	Op      Op
	// Values are the caller's keys: each value is a string, a json.Number, a bool,
	// or a []any of those.
	Values map[string]any
	Trace  bool // collect Result.Trace
	// Repeated receives when the same request arrives again while this one runs: the
	// state machine's DUP. nil where a repetition can't be told.
	Repeated <-chan struct{}
}

// Outcome is the AAA-Result of an answer.
type Outcome string

// The outcomes of an AAA request.
const (
	Accept    Outcome = "accept"
	Reject    Outcome = "reject"
	Challenge Outcome = "challenge"
	Off       Outcome = "off"
	Bypassed  Outcome = "bypassed"
)

// Result is the answer to a Request that ended in an AAA answer, be it yes or no.
type Result struct {
	Outcome      Outcome
	IsAuthorized bool
	Document     AccountID      // account of the document used; empty where none was
	Server       string         // name of the server that answered; empty where none was asked
	Attempts     int            // packets sent, over all servers
	State        string         // opaque; to be sent back as the key State after a challenge
	Prompt       string         // with a challenge: what to show the user
	Echo         bool           // with a challenge: the answer may be shown while it is typed
	RefusedBy    string         // the authoriser that said no, where it was not a server
	Keys         map[string]any // what the rules mapped back
	AVPs         map[string]any // reply attributes by dictionary name
	Trace        *Trace
}

// Trace tells how an answer came about. Passwords and secrets in it are Mask.
type Trace struct {
	Documents []TraceDocument `json:"documents"`
	// UnusedKeys are the request's keys that neither a rule of its documents nor the service reads, in order.
	UnusedKeys []string       `json:"unused_keys"`
	Rules      []TraceRule    `json:"rules"`
	Dropped    []TraceDropped `json:"dropped"`
	Added      []TraceAdded   `json:"added"`
	Servers    []TraceServer  `json:"servers"`
	Apps       []TraceApp     `json:"authz_apps,omitempty"`
	FSM        []TraceStep    `json:"fsm,omitempty"`
	Elapsed    Micros         `json:"elapsed_us"`
}

// TraceDocument is a step of the walk up the account tree.
type TraceDocument struct {
	Account  AccountID `json:"account_id"`
	Mode     Mode      `json:"aaa_mode"`
	Revision int64     `json:"revision,omitempty"`
	Note     string    `json:"note"` // used, no usable server, no document, off, none answered, bypassed
}

// TraceRule is one rule at work. Index counts from 0 within the section.
type TraceRule struct {
	Direction string `json:"direction"` // out or back
	Index     int    `json:"index"`
	Server    string `json:"server,omitempty"`
	Key       string `json:"request_key"`
	Attribute string `json:"attribute"`
	Value     string `json:"value,omitempty"` // Mask where the attribute is hidden
	Note      string `json:"note"`            // matched, no match, key absent, …
}

// TraceDropped is an AVP that one server's packet went without.
type TraceDropped struct {
	Server    string `json:"server"`
	Attribute string `json:"attribute"`
	Reason    string `json:"reason"`
}

// TraceAdded is what the service itself put into one server's packet.
type TraceAdded struct {
	Server    string `json:"server"`
	Attribute string `json:"attribute"`
	Value     string `json:"value,omitempty"` // absent where it is random or depends on the packet
}

// TraceServer is one server that was tried or passed over.
type TraceServer struct {
	Account  AccountID `json:"account_id"`
	Name     string    `json:"name"`
	Address  string    `json:"address"`
	Outcome  string    `json:"outcome"` // accept, reject, challenge, or what went wrong
	Attempts int       `json:"attempts"`
	Elapsed  Micros    `json:"elapsed_us"`
}

// TraceApp is one external authoriser that was asked.
type TraceApp struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Elapsed Micros `json:"elapsed_us"`
}

// TraceStep is a line of a state machine table that the request took, or an event that it ignored.
type TraceStep struct {
	Account AccountID `json:"account_id"` // of the document
	Table   string    `json:"table"`
	State   string    `json:"state"`
	Event   string    `json:"event"`          // state.action.event
	Line    int       `json:"line,omitempty"` // of the table's text
	Action  string    `json:"action,omitempty"`
	Xvalue  int32     `json:"xvalue,omitempty"`
	Xstring string    `json:"xstring,omitempty"`
	Next    string    `json:"next,omitempty"`
	Answer  string    `json:"answer,omitempty"` // what the action answered at once
	Note    string    `json:"note,omitempty"`
	At      Micros    `json:"at_us"` // since the request began
}

// Micros is a duration in whole microseconds.
type Micros int64

// MicrosOf rounds d down to microseconds.
func MicrosOf(d time.Duration) Micros { return Micros(d.Microseconds()) }
