package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Record is an accounting record of a session. One that is handed over twice under one ID is one record.
type Record struct {
	ID        string
	RequestID string
	Account   aaa.AccountID
	Session   string // names the session among those of the account
	Kind      store.SpoolKind
	At        time.Time // what it tells of
	Values    aaa.Values
}

// statuses are Acct-Status-Type by name (RFC 2866 §5.1), and order marks the kinds in the ids of records.
var (
	statuses = map[store.SpoolKind]string{store.SpoolStart: "Start", store.SpoolInterim: "Interim-Update", store.SpoolStop: "Stop"}
	order    = map[store.SpoolKind]string{store.SpoolStart: "1", store.SpoolInterim: "2", store.SpoolStop: "3"}
)

// Acct-Terminate-Cause by name, those that sessions end of by themselves.
const (
	CauseUserRequest = "User-Request"
	causeCarrier     = "Lost-Carrier"
	causeLost        = "Lost-Service"
	causeIdle        = "Idle-Timeout"
	causeTimeout     = "Session-Timeout"
	causeUser        = "User-Error"
	causeAdmin       = "Admin-Reset"
	causeReboot      = "NAS-Reboot"
)

// causes are the values of RFC 2866 §5.10.
var causes = []string{
	CauseUserRequest, causeCarrier, causeLost, causeIdle, causeTimeout, causeAdmin, "Admin-Reboot", "Port-Error", "NAS-Error",
	"NAS-Request", causeReboot, "Port-Unneeded", "Port-Preempted", "Port-Suspended", "Service-Unavailable", "Callback", causeUser, "Host-Request",
}

// acctSessionID is the request key under which a caller may bring an Acct-Session-Id of its own.
const acctSessionID = "Acct-Session-Id"

// recordID is the id of the session's latest record: of two of a kind the later one has the greater id.
func (s *session) recordID(kind store.SpoolKind) string {
	sum := sha256.Sum256(append([]byte("accounting "), s.rec.Hash[:]...))
	return hex.EncodeToString(sum[:])[:19] + order[kind] + fmt.Sprintf("%012x", s.Records&(1<<48-1))
}

// account hands over the session's latest record, which tells of the time at. It holds the caller's kept keys and, by the
// names of RADIUS attributes, what the session knows; the document's rules say what of it is sent.
func (m *Manager) account(ctx context.Context, s *session, kind store.SpoolKind, at time.Time) (*aaa.Result, error) {
	values := maps.Clone(s.private.Keys)
	if values == nil {
		values = make(aaa.Values)
	}
	put := func(key string, n uint64) { values[key] = json.Number(strconv.FormatUint(n, 10)) }
	values["Acct-Status-Type"] = statuses[kind]
	values[acctSessionID] = s.AcctSessionID
	put("Event-Timestamp", uint64(max(at.Unix(), 0)))
	if s.private.Name != "" {
		values["User-Name"] = s.private.Name
	}
	if s.private.Class != nil {
		values["Class"] = s.private.Class
	}
	if s.private.CUI != nil {
		values["Chargeable-User-Identity"] = s.private.CUI
	}
	if kind != store.SpoolStart {
		for k, c := range aaa.CounterTable {
			n := *s.Counters.Of(aaa.Counter(k))
			if k == int(aaa.SessionTime) {
				n = s.SentTime
			}
			put(c.Attribute, n&math.MaxUint32)
			if c.Carry != "" {
				put(c.Attribute+"-64", n)
				put(c.Carry, n>>32)
			}
		}
	}
	if kind == store.SpoolStop {
		values["Acct-Terminate-Cause"] = s.Cause
	}
	return m.aaa.Account(ctx, &Record{
		ID: s.recordID(kind), RequestID: aaa.NewID(), Account: s.rec.Account, Session: s.rec.ID, Kind: kind, At: at, Values: values,
	})
}

// sessionTime is the session's Acct-Session-Time: the caller's own where it reports one, else the clock's, which stands still while
// the session is suspended. It never goes back.
func (s *session) sessionTime(now time.Time) uint64 {
	if s.OpenedAt.IsZero() {
		return 0
	}
	for _, end := range []time.Time{s.SuspendedAt, s.rec.EndedAt} {
		if !end.IsZero() && end.Before(now) {
			now = end
		}
	}
	n := s.Counters.SessionTime
	if !s.Timed {
		n = s.Base.SessionTime + uint64(max(now.Sub(s.heldAt()), 0)/time.Second)
	}
	return max(n, s.SentTime)
}

// report takes the caller's counters, which count from its OPEN, and keeps its keys. All faults are one error.
func (s *session) report(usage aaa.Usage, values aaa.Values, hidden []string, now time.Time) error {
	var faults []aaa.Field
	counters := s.Counters
	for k, r := range usage {
		at, base := counters.Of(aaa.Counter(k)), *s.Base.Of(aaa.Counter(k))
		before, most := *at-base, math.MaxUint64-base
		switch {
		case r.Path == "":
		case r.Count < before:
			faults = append(faults, aaa.Field{Path: r.Path, Rule: "minimum", Target: before, Value: r.Count, Message: fmt.Sprintf("a counter never goes back: it was %d", before)})
		case r.Count > most:
			faults = append(faults, aaa.Field{Path: r.Path, Rule: "maximum", Target: most, Value: r.Count, Message: "with what was used before the session was resumed, the counter exceeds 64 bits"})
		default:
			*at = base + r.Count
		}
	}
	if len(faults) > 0 {
		return aaa.Invalid(faults...)
	}
	moved := counters
	moved.SessionTime = s.Counters.SessionTime // which moves by itself
	if moved != s.Counters {
		s.ChangedAt = now
	}
	s.Counters = counters
	s.Timed = usage[aaa.SessionTime].Path != "" || s.Timed
	values = maps.Clone(values)
	delete(values, acctSessionID) // it can't change any more
	return s.keep(values, hidden)
}
