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
		put("Acct-Session-Time", s.SentTime)
		for _, c := range counterKeys {
			n := *c.of(&s.Counters)
			put(c.name, n&math.MaxUint32)
			if c.carry != "" {
				put(c.name+"-64", n)
				put(c.carry, n>>32)
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

// counterKey is a counter that callers report.
type counterKey struct {
	name  string
	carry string // the attribute of what is over 32 bits (RFC 2869 §5.1, §5.2)
	of    func(*aaa.Counters) *uint64
}

var counterKeys = []counterKey{
	{"Acct-Input-Octets", "Acct-Input-Gigawords", func(c *aaa.Counters) *uint64 { return &c.InputOctets }},
	{"Acct-Output-Octets", "Acct-Output-Gigawords", func(c *aaa.Counters) *uint64 { return &c.OutputOctets }},
	{"Acct-Input-Packets", "", func(c *aaa.Counters) *uint64 { return &c.InputPackets }},
	{"Acct-Output-Packets", "", func(c *aaa.Counters) *uint64 { return &c.OutputPackets }},
}

const timeKey = "Acct-Session-Time"

// report takes counters out of the caller's values and keeps the other keys. All faults are one error.
func (s *session) report(values aaa.Values, hidden []string, now time.Time) error {
	values = maps.Clone(values)
	var faults []aaa.Field
	take := func(key string, counter *uint64) (given bool) {
		v, ok := values[key]
		if !ok {
			return false
		}
		delete(values, key)
		n, err := strconv.ParseUint(fmt.Sprint(v), 10, 64)
		switch {
		case err != nil:
			faults = append(faults, aaa.Field{Path: key, Rule: "type", Message: "is not a whole number of at most 64 bits"})
		case n < *counter:
			faults = append(faults, aaa.Field{Path: key, Rule: "minimum", Target: *counter, Value: n, Message: fmt.Sprintf("a counter never goes back: it was %d", *counter)})
		default:
			*counter = n
		}
		return true
	}
	before := s.Counters
	for _, c := range counterKeys {
		if _, ok := values[c.carry]; ok && c.carry != "" {
			faults = append(faults, aaa.Field{Path: c.carry, Rule: "unknown", Message: "give the whole count of 64 bits in " + c.name})
		}
		take(c.name, c.of(&s.Counters))
	}
	moved := s.Counters != before
	s.Timed = take(timeKey, &s.Counters.SessionTime) || s.Timed
	if len(faults) > 0 {
		return aaa.Invalid(faults...)
	}
	if moved {
		s.ChangedAt = now
	}
	delete(values, acctSessionID) // it can't change any more
	return s.keep(values, hidden)
}
