package aaa

import "time"

// SessionState is where an AAA session stands. The five are those of ocserv's security module.
type SessionState string

// The states of an AAA session.
const (
	SessionInactive  SessionState = "inactive"  // known, nothing done yet
	SessionInit      SessionState = "init"      // an authentication is under way: a server is being asked
	SessionCont      SessionState = "cont"      // a challenge is out, its answer awaited
	SessionCompleted SessionState = "completed" // authenticated: to be opened, open, or closed again
	SessionFailed    SessionState = "failed"    // rejected, failed, or ended before it was authenticated
)

// Session is an AAA session as answers show it. Its SID, which is its holder's key to it, is never part of it.
type Session struct {
	ID            string // derived of the SID: what logs and lists show
	Account       AccountID
	State         SessionState
	Open          bool // a suspended one too
	User          string
	Server        string // that answered last
	Rounds        int    // challenges answered
	AcctSessionID string // Acct-Session-Id of its accounting (RFC 2866 §5.5); empty before it is opened

	Counters        Counters
	InterimInterval int // seconds between interim updates; 0: none
	SessionTimeout  int // seconds from its opening; 0: none
	IdleTimeout     int // seconds without a change of the counters; 0: none

	CreatedAt time.Time
	OpenedAt  time.Time // zero before it is opened
	// SuspendedAt is when its client went away; zero unless the session is suspended.
	SuspendedAt time.Time
	EndedAt     time.Time // zero before its end
	ExpiresAt   time.Time // when it ends by itself unless something happens; zero: never
	Cause       string    // of its end: Acct-Terminate-Cause (RFC 2866 §5.10) by name

	Device SessionDevice // zero unless a device keeps the session
}

// SessionDevice is the network device that keeps a session: its accounting records tell of it.
type SessionDevice struct {
	Owner   AccountID `json:"owner"`   // of the client's document
	Client  string    `json:"client"`  // the name of the client's document
	Address string    `json:"address"` // that its last record came from
}

// IsZero reports that no device keeps the session.
func (d SessionDevice) IsZero() bool { return d.Client == "" }

// Disconnected is a device's answer to a Disconnect-Request (RFC 5176).
type Disconnected struct {
	Acknowledged bool
	ErrorCause   uint32 // RFC 5176 §3.5; 0: it gave none
}

// noSuchSession is the Error-Cause of a device that does not know the session: Session-Context-Not-Found.
const noSuchSession = 503

// Over reports that the device has the session no more.
func (d Disconnected) Over() bool { return d.Acknowledged || d.ErrorCause == noSuchSession }

// SessionFilter says which sessions a list has; the zero value is all.
type SessionFilter struct {
	User string // the user's name
	// State is a SessionState, or one of three parts of SessionCompleted: open, suspended, closed. Open does not include suspended.
	State string
}

// DefaultCookieTimeout is for how many seconds a suspended session can be resumed if its document does not say.
const DefaultCookieTimeout = 300

// Counters are what a session has used. They never go back.
type Counters struct {
	InputOctets   uint64
	OutputOctets  uint64
	InputPackets  uint64
	OutputPackets uint64
	SessionTime   uint64 // seconds
}

// SessionResult is what a verb did to a session.
type SessionResult string

// The results of a session's verbs.
const (
	SessionAuthenticated SessionResult = "authenticated"
	SessionRejected      SessionResult = "rejected"
	SessionChallenge     SessionResult = "challenge"
	SessionOpened        SessionResult = "opened"
	SessionResumed       SessionResult = "resumed"
	SessionUpdated       SessionResult = "updated"
	SessionSuspended     SessionResult = "suspended"
	SessionClosed        SessionResult = "closed"
)

// SessionAnswer is the answer to a verb.
type SessionAnswer struct {
	Result SessionResult
	SID    string // of a new session alone: 256 random bits, base64url; nobody is told twice
	Prompt string // with a challenge: what to show the user
	Echo   bool   // with a challenge: what is typed may be shown
	// Challenge is the id of a challenge. Its answer brings it back, so that it answers no other one.
	Challenge string
	Holder    string // of OPEN: later verbs bring it back, so that a former holder is known
	Session   Session
	Keys      Values // what the rules mapped back
	AVPs      AVPs   // reply attributes that no rule took
	// Disconnected is the answer of the device that kept a closed session; nil: none was asked.
	Disconnected *Disconnected
}
