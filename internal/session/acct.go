package session

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
)

// Acct-Status-Type by name (RFC 2866 §5.1).
const (
	statusStart   = "Start"
	statusInterim = "Interim-Update"
	statusStop    = "Stop"
)

// Acct-Terminate-Cause by name, those that sessions end of by themselves.
const (
	CauseUserRequest = "User-Request"
	causeLost        = "Lost-Service"
	causeIdle        = "Idle-Timeout"
	causeTimeout     = "Session-Timeout"
	causeUser        = "User-Error"
)

// causes are the values of RFC 2866 §5.10.
var causes = []string{
	CauseUserRequest, "Lost-Carrier", causeLost, causeIdle, causeTimeout, "Admin-Reset", "Admin-Reboot", "Port-Error", "NAS-Error",
	"NAS-Request", "NAS-Reboot", "Port-Unneeded", "Port-Preempted", "Port-Suspended", "Service-Unavailable", "Callback", causeUser, "Host-Request",
}

// acctSessionID is the request key under which a caller may bring an Acct-Session-Id of its own.
const acctSessionID = "Acct-Session-Id"

// account sends an accounting record that tells of the time at. Its request holds the caller's kept keys and, by the
// names of RADIUS attributes, what the session knows; the document's rules say what of it is sent.
func (m *Manager) account(ctx context.Context, s *session, status string, at time.Time, requestID string) (*aaa.Result, error) {
	values := maps.Clone(s.private.Keys)
	if values == nil {
		values = make(aaa.Values)
	}
	put := func(key string, n uint64) { values[key] = json.Number(strconv.FormatUint(n, 10)) }
	values["Acct-Status-Type"] = status
	values[acctSessionID] = s.AcctSessionID
	put("Event-Timestamp", uint64(max(at.Unix(), 0)))
	if late := m.now().Sub(at); late >= time.Second {
		put("Acct-Delay-Time", uint64(late/time.Second))
	}
	if s.private.Name != "" {
		values["User-Name"] = s.private.Name
	}
	if s.private.Class != nil {
		values["Class"] = s.private.Class
	}
	if status != statusStart {
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
	if status == statusStop {
		values["Acct-Terminate-Cause"] = s.Cause
	}
	return m.aaa.Account(ctx, &aaa.Request{ID: requestID, Account: s.rec.Account, Op: aaa.Accounting, Values: values})
}

// sessionTime is the session's Acct-Session-Time: the caller's own where it reports one, else the clock's. It never goes back.
func (s *session) sessionTime(now time.Time) uint64 {
	if s.OpenedAt.IsZero() {
		return 0
	}
	if !s.rec.EndedAt.IsZero() && s.rec.EndedAt.Before(now) {
		now = s.rec.EndedAt
	}
	n := s.Counters.SessionTime
	if !s.Timed {
		n = uint64(max(now.Sub(s.OpenedAt), 0) / time.Second)
	}
	return max(n, s.SentTime)
}

// report takes the caller's counters and keeps its keys. All faults are one error.
func (s *session) report(usage aaa.Usage, values aaa.Values, hidden []string, now time.Time) error {
	var faults []aaa.Field
	counters := s.Counters
	for k, r := range usage {
		at := counters.Of(aaa.Counter(k))
		switch {
		case r.Path == "":
		case r.Count < *at:
			faults = append(faults, aaa.Field{Path: r.Path, Rule: "minimum", Target: *at, Value: r.Count, Message: fmt.Sprintf("a counter never goes back: it was %d", *at)})
		default:
			*at = r.Count
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
