package aaa

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Limit names a bound on what one account may use. To add one, add a constant here and a row to LimitTable.
type Limit uint8

// The limits, in the order in which the API shows them.
const (
	LimitRequestsPerSecond Limit = iota
	LimitAPIRequests
	LimitPacketsPerRequest
	LimitUnansweredPackets
	LimitExpressionSteps
	LimitAccounts
	LimitTokens
	LimitDocumentOctets
	LimitDictionaries
	LimitDictionaryOctets
	LimitTables
	LimitUsersFiles
	LimitClients
	LimitSessions
	LimitSessionRecords
	LimitBodyOctets
	LimitConnections
	LimitSpoolRecords
	LimitSpoolOctets
	NumLimits
)

// LimitTable describes each Limit: its name in the API, what it counts, its default and the largest value it takes.
var LimitTable = [NumLimits]struct {
	Name, Unit   string
	Default, Max int64
}{
	LimitRequestsPerSecond: {"requests_per_second", "AAA requests a second, on each node", 50_000, 10_000_000},
	LimitAPIRequests:       {"api_requests_per_second", "other requests a second with tokens of the account, on each node", 1000, 10_000_000},
	LimitPacketsPerRequest: {"packets_per_request", "packets that one request may send, over all servers and attempts", 64, 10_000},
	LimitUnansweredPackets: {"unanswered_packets_per_second", "packets a second to servers that do not answer, on each node", 1000, 1_000_000},
	LimitExpressionSteps:   {"expression_steps", "cost of expressions times octets matched, for one request", 4_000_000, 1_000_000_000},
	LimitAccounts:          {"accounts", "accounts below this one, at every depth", 10_000, 1_000_000},
	LimitTokens:            {"tokens", "tokens and API keys", 1000, 100_000},
	LimitDocumentOctets:    {"document_octets", "octets of the AAA document", 262_144, 262_144},
	LimitDictionaries:      {"dictionaries", "dictionaries", 100, 10_000},
	LimitDictionaryOctets:  {"dictionary_octets", "octets of all dictionaries, as they are stored", 32 << 20, 1 << 30},
	LimitTables:            {"tables", "state machine tables", 100, 10_000},
	LimitUsersFiles:        {"users_files", "users files", 100, 10_000},
	LimitClients:           {"clients", "clients, the documents of network devices", 10_000, 1_000_000},
	LimitSessions:          {"sessions", "AAA sessions that are not ended", 100_000, 10_000_000},
	LimitSessionRecords:    {"session_records", "AAA sessions that are stored, those that ended within a day included", 1_000_000, 100_000_000},
	LimitBodyOctets:        {"body_octets", "octets of long bodies and answers in flight, on each node", 32 << 20, 1 << 30},
	LimitConnections:       {"connections", "connections to TACACS+ servers, and to RADIUS servers over TLS, of the account's document, on each node", 1000, 100_000},
	LimitSpoolRecords:      {"spool_records", "accounting records that are kept until a server takes them", 1_000_000, 100_000_000},
	LimitSpoolOctets:       {"spool_octets", "octets of those records, as they are stored", 1 << 30, 1 << 40},
}

// Name is the limit's name in the API.
func (l Limit) Name() string { return LimitTable[l].Name }

// LimitByName finds a limit by its name in the API.
func LimitByName(name string) (Limit, bool) {
	for l := range NumLimits {
		if LimitTable[l].Name == name {
			return l, true
		}
	}
	return 0, false
}

// LimitNames lists the names of all limits in their order.
func LimitNames() []string {
	names := make([]string, NumLimits)
	for l := range NumLimits {
		names[l] = l.Name()
	}
	return names
}

// NotSet stands in Limits for a limit that the account does not set.
const NotSet int64 = -1

// Limits are the values that one account's record sets, NotSet for the others. Its JSON is an object of the values set,
// by their names.
type Limits [NumLimits]int64

// NoLimits sets none.
func NoLimits() Limits {
	var l Limits
	for i := range l {
		l[i] = NotSet
	}
	return l
}

// MarshalJSON implements json.Marshaler.
func (l Limits) MarshalJSON() ([]byte, error) {
	set := make(map[string]int64)
	for i, v := range l {
		if v != NotSet {
			set[Limit(i).Name()] = v
		}
	}
	return json.Marshal(set)
}

// UnmarshalJSON implements json.Unmarshaler. It ignores names that this version does not know.
func (l *Limits) UnmarshalJSON(data []byte) error {
	var set map[string]int64
	if err := json.Unmarshal(data, &set); err != nil {
		return err
	}
	*l = NoLimits()
	for name, v := range set {
		if limit, ok := LimitByName(name); ok {
			l[limit] = v
		}
	}
	return nil
}

// OrNil returns l, nil if it sets no limit.
func (l Limits) OrNil() *Limits {
	if !slices.ContainsFunc(l[:], func(v int64) bool { return v != NotSet }) {
		return nil
	}
	return &l
}

// Excess is a limit that was reached.
type Excess struct {
	Limit   Limit
	Account AccountID // whose limit it is
	Allowed int64
	From    AccountID // the account on which it is set; empty for the default
}

// Error makes an Error of it. Its text names no account: whoever shows it knows which ones its reader may see.
func (e Excess) Error(kind Kind, retryAfter time.Duration) *Error {
	return &Error{
		Kind: kind, RetryAfter: retryAfter, Excess: &e,
		Message: fmt.Sprintf("the limit %s is reached: %d (%s)", e.Limit.Name(), e.Allowed, LimitTable[e.Limit].Unit),
	}
}
