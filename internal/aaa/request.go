package aaa

import "time"

// Request is one AAA request of a tenant.
type Request struct {
	ID      string // request id, as in logs and the answer
	Account AccountID
	Op      Op
	// Values are the caller's keys: each value is a string, a json.Number, a bool,
	// or a []any of those.
	Values Values
	Trace  bool // collect Result.Trace
	Stored bool // an accounting request is answered once its record is stored
	// RepeatID names the request, within its account, to who tells that it has come again while it runs: the state
	// machine's DUP. It is empty where a repetition can't be told.
	RepeatID string

	// Happened and SessionID are of an accounting record that may be sent later and more than once.
	Happened  time.Time // what the record tells of; zero: when the request arrived
	SessionID string    // the session identifier of a record that brings none; empty: a random one

	Device *Device // the network device that sent the request; nil: a caller of the API did
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
	Stored    Outcome = "stored" // an accounting record is stored and delivered later
)

// Result is the answer to a Request that ended in an AAA answer, be it yes or no.
type Result struct {
	Outcome      Outcome
	IsAuthorized bool
	Document     AccountID // account of the document used; empty where none was
	Server       string    // name of the server that answered; empty where none was asked
	Attempts     int       // packets sent, over all servers
	State        string    // opaque; to be sent back as the key State after a challenge
	Prompt       string    // with a challenge: what to show the user
	Echo         bool      // with a challenge: the answer may be shown while it is typed
	RefusedBy    string    // the authoriser that said no, where it was not a server
	Reason       string    // with Stored: why no server took the record yet; empty where none was asked
	Keys         Values    // what the rules mapped back
	AVPs         AVPs      // reply attributes that no rule took
	Trace        *Trace
	Reply        *DeviceReply // of a Device's request that a server answered
}
