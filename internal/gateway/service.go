// Package gateway is the AAA service itself: one method per operation, each the
// straight line plan → pool → router.
package gateway

import (
	"context"
	"encoding/json"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Service is the AAA service as operations see it. What it takes and gives is plain data, which another process can be sent, and none of it
// gives a stored secret away.
type Service interface {
	// Handle runs an AAA request. An accounting request whose record no server takes now is answered by aaa.Stored. The errors are *aaa.Error: KindBadInput, KindNotFound,
	// KindForbidden (account disabled), KindBanned (a login), KindBusy, KindBadReply, KindNoAnswer, KindUnavailable; or ctx's, where the
	// caller goes away while the request waits for a worker.
	Handle(ctx context.Context, req *aaa.Request) (*aaa.Result, error)
	// Repeat tells the request that runs under a RepeatID of the account that it has come again. One that has ended, or not
	// begun, is told nothing, which is no error.
	Repeat(ctx context.Context, account aaa.AccountID, repeatID string) error
	// Workers is how many requests of the account may be at servers at once. The errors are Handle's.
	Workers(ctx context.Context, account aaa.AccountID) (int, error)
	// DryRun does all of Handle but sending: what would go to which server.
	DryRun(ctx context.Context, req *aaa.Request) (*DryRun, error)
	// Effective tells the documents in force for an operation and where each part came from.
	Effective(ctx context.Context, account aaa.AccountID, op aaa.Op) (*Effective, error)
	// Learnt tells what this node has learnt of the servers of an account's own document, by their names; nothing of
	// those that it has not used.
	Learnt(ctx context.Context, account aaa.AccountID) (map[string]Learnt, error)
	// MergeUsers checks a users file and seals it for the store. Passwords written as
	// aaa.Mask keep the hash of the user of that name in sealedStored, the file that is
	// replaced; empty where there is none. masked is the file as it may be shown. Faults
	// are one *aaa.Error of KindBadInput with paths like "line 12".
	MergeUsers(ctx context.Context, account aaa.AccountID, name, text, sealedStored string) (sealed, masked string, err error)
	// MaskUsers returns a stored users file with aaa.Mask for every password hash.
	MaskUsers(ctx context.Context, account aaa.AccountID, name, sealed string) (string, error)
	Records
	Sessions
}

// Sessions is the life of AAA sessions. A SID unknown or of another account is KindNotFound, a verb that the
// session's state does not allow, or that another caller was ahead of, KindConflict; else the errors are Handle's. A disabled account
// begins, continues and opens nothing (KindForbidden); what it has is reported and closed as any, and accounted to its end.
type Sessions interface {
	// StartSession (INIT) begins a session with an authn request: Op is ignored, Values are the
	// caller's keys. Where the request fails, so does the session, and nobody learns its SID.
	StartSession(ctx context.Context, req *aaa.Request) (*aaa.SessionAnswer, error)
	// ContinueSession (CONT) answers a challenge. values go over the keys of INIT, of which no password was kept;
	// the key answer stands for that of the document's rule for User-Password or password. The key challenge names
	// the challenge: KindConflict where another one is out, while a repetition gets the answer that it had. A login
	// whose server's dialogue is gone fails with KindBadInput or KindConflict: it must begin anew.
	ContinueSession(ctx context.Context, account aaa.AccountID, sid string, values aaa.Values, requestID string) (*aaa.SessionAnswer, error)
	// ContinueSessionHere is ContinueSession for what another node passes on: it is done here.
	ContinueSessionHere(ctx context.Context, account aaa.AccountID, sid string, values aaa.Values, requestID string) (*aaa.SessionAnswer, error)
	// OpenSession (OPEN) gives what the accept configured and makes the caller the session's holder. The first one begins accounting with
	// a Start: if that is neither delivered nor stored the session is not open, and the error is accounting's. A later one resumes the
	// session. Of the verbs after INIT and CONT, one that names a former holder (the key holder) is KindConflict.
	OpenSession(ctx context.Context, account aaa.AccountID, sid string, values aaa.Values) (*aaa.SessionAnswer, error)
	// ReportSession (INTERIM) takes counters. One smaller than before is KindBadInput, by the path that usage has for it.
	ReportSession(ctx context.Context, account aaa.AccountID, sid string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error)
	// SuspendSession (SUSPEND) takes the last counters of a client that went away: OPEN resumes the session within cookie_timeout, else
	// it ends with Lost-Carrier.
	SuspendSession(ctx context.Context, account aaa.AccountID, sid string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error)
	// CloseSession (CLOSE) ends a session, with a Stop where it was open; usage are the last counters. cause
	// is a name of RFC 2866 §5.10, User-Request where it is empty. The Stop is delivered later.
	CloseSession(ctx context.Context, account aaa.AccountID, sid, cause string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error)
	// CloseSessionByID is CloseSession by the derived id, for the account's administrators: an empty cause is Admin-Reset.
	CloseSessionByID(ctx context.Context, account aaa.AccountID, id, cause string, usage aaa.Usage, values aaa.Values) (*aaa.SessionAnswer, error)
	// Session returns a session.
	Session(ctx context.Context, account aaa.AccountID, sid string) (*aaa.Session, error)
	// SessionByID is Session by the derived id, for the account's administrators.
	SessionByID(ctx context.Context, account aaa.AccountID, id string) (*aaa.Session, error)
	// Sessions lists an account's sessions by derived id; next is where the next page starts, empty at the end. A page that is not
	// full may have a next one. A filter by an unknown state is KindBadInput.
	Sessions(ctx context.Context, account aaa.AccountID, filter aaa.SessionFilter, page store.Page) (list []aaa.Session, next string, err error)
	// SessionsBelow lists those of the account and of all below it, by account and derived id. A page that is not
	// full may have a next one.
	SessionsBelow(ctx context.Context, account aaa.AccountID, filter aaa.SessionFilter, page store.Page) (list []aaa.Session, next string, err error)
}

// DryRun is what a request would do.
type DryRun struct {
	Outcome aaa.Outcome // where the request would be answered with no server asked
	Packets []DryRunPacket
	Trace   *aaa.Trace
}

// DryRunPacket is the packet for one server of the failover list. Hidden
// attributes are encrypted under a throw-away secret, so that the octets tell nothing of the real one.
type DryRunPacket struct {
	Account aaa.AccountID
	Server  string
	Address string
	Engine  string
	AVPs    []aaa.NamedAVP // a hidden one has Mask for a word and no octets
	Packet  []byte         // empty with Error
	Error   string
}

// Learnt is what a node has learnt of a server.
type Learnt struct {
	// MessageAuthenticator tells of each kind of reply whether it must be signed: see engines.Learner.
	MessageAuthenticator map[string]string `json:"message_authenticator"`
}

// Effective is the configuration in force for one operation of an account.
type Effective struct {
	Account aaa.AccountID    `json:"account_id"`
	Op      aaa.Op           `json:"op"`
	Outcome string           `json:"outcome"` // servers, off, local_accept, authz_apps (external authorisers alone), no_servers
	Levels  []EffectiveLevel `json:"levels"`  // in the order in which they are tried; of off, the one document that says so
	Workers EffectiveWorkers `json:"workers"`
	Bans    []EffectiveBans  `json:"bans,omitempty"` // of authn: the documents that ban, the account's own first
}

// EffectiveBans is a document whose bans hold for an account. It may be none of the levels: one without servers bans too.
type EffectiveBans struct {
	Account aaa.AccountID `json:"account_id"`
	By      []string      `json:"by"` // without keys that hold secrets
}

// EffectiveLevel is one document in force, whole.
type EffectiveLevel struct {
	Account  aaa.AccountID               `json:"account_id"`
	Revision int64                       `json:"revision"`
	Mode     aaa.Mode                    `json:"aaa_mode"`
	Document json.RawMessage             `json:"document"` // secrets masked
	Servers  []string                    `json:"servers"`  // usable for the operation, in order
	Sources  map[string]aaa.AccountID    `json:"sources"`  // document member in force → account it came from
	Dicts    map[string]DictionarySource `json:"dicts"`    // dictionary name → where it was found
	FSM      TableSource                 `json:"fsm"`      // the table that the operation runs by
}

// TableSource is a state machine table and where it was found.
type TableSource struct {
	Name     string        `json:"name"`
	Owner    aaa.AccountID `json:"owner"`              // SystemConfig for a built-in one
	Revision int64         `json:"revision,omitempty"` // 0 for a built-in one
}

// EffectiveWorkers is how many requests may be at servers at once, with the account whose document says so.
type EffectiveWorkers struct {
	Value   int           `json:"value"`
	Account aaa.AccountID `json:"account_id"`
}

// DictionarySource is where a dictionary name led.
type DictionarySource struct {
	Owner    aaa.AccountID `json:"owner"`
	Revision int64         `json:"revision,omitempty"`
}
