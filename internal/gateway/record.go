package gateway

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
	"aaa-api/internal/session"
	"aaa-api/internal/spool"
	"aaa-api/internal/store"
)

// Attributes by which an accounting record is known (RFC 2866 §5, RFC 2869 §5.3).
const (
	statusType     = "Acct-Status-Type"
	acctSessionID  = "Acct-Session-Id"
	eventTimestamp = "Event-Timestamp"
	acctDelayTime  = "Acct-Delay-Time"
)

// identity finds attributes in a request's keys, by the accounting rules of a document.
type identity struct {
	level  *plans.CompiledDocument
	values aaa.Values
	plain  bool // the rules are not for the request: its keys are attributes
}

// key is the request key of an attribute: that of the document's first rule for it, else its own name.
func (d identity) key(attribute string) (key string, ruled bool) {
	if d.plain {
		return attribute, false
	}
	if key = d.level.Key(aaa.Accounting, attribute); key != "" {
		return key, true
	}
	return attribute, false
}

// text is the value of the first of some attributes that the request has.
func (d identity) text(attributes ...string) string {
	for _, a := range attributes {
		key, _ := d.key(a)
		if text := aaa.ValueText(d.values[key]); text != "" {
			return text
		}
	}
	return ""
}

// timed is the key of an attribute of time, empty where neither the request nor a rule has it.
func (d identity) timed(attribute string) (key string, given bool) {
	key, ruled := d.key(attribute)
	_, given = d.values[key]
	if !ruled && !given {
		return "", false
	}
	return key, given
}

// nas is the hash of the NAS that the request names.
func (d identity) nas() string {
	if d.plain {
		return session.NASOf(session.NASAttributes[:], d.values)
	}
	return session.NASOf(nasKeys(d.level), d.values)
}

// nasKeys are the request keys that name the NAS in accounting.
func nasKeys(level *plans.CompiledDocument) []string {
	d := identity{level: level}
	keys := make([]string, len(session.NASAttributes))
	for i, a := range session.NASAttributes {
		keys[i], _ = d.key(a)
	}
	return keys
}

// recordOf makes the record of a request. The document's rules say which keys identify it. If its time can't be read, the time of receipt
// counts.
func recordOf(level *plans.CompiledDocument, req *aaa.Request, received time.Time) (*spool.Record, error) {
	d := identity{level, req.Values, level.AsSent(req)}
	r := newRecord(level, d)
	r.Account, r.RequestID, r.Values, r.Device = req.Account, req.ID, req.Values, req.Device
	status := d.status()
	if id := d.text(acctSessionID, "task_id"); id != "" {
		r.AcctSessionID = listed(id)
		if r.Kind = kinds[status]; r.Kind == "" {
			r.Kind = store.SpoolOther
		} else {
			r.Session = hashed("session", d.nas(), id)
			if req.Device != nil {
				r.Session = hashed("session of a device", sourceOf(req.Device, d.nas()), id)
			}
		}
	}
	if status == accountingOn || status == accountingOff {
		r.Reboot = d.nasOf(req.Device)
	}
	var given bool
	r.DelayKey, _ = d.timed(acctDelayTime)
	r.TimeKey, given = d.timed(eventTimestamp)
	timestamp := aaa.ValueText(req.Values[r.TimeKey])
	if d.plain && timestamp == "" {
		timestamp = d.text(timeArguments(status)...)
	}
	r.EventAt = happened(timestamp, aaa.ValueText(req.Values[r.DelayKey]), received, r.Reboot != "")
	if r.Session != "" {
		var err error
		if r.Digest, err = digestOf(r); err != nil {
			return nil, err
		}
	}
	if r.TimeKey != "" && !given {
		r.Values = maps.Clone(r.Values)
		if r.Values == nil {
			r.Values = make(aaa.Values)
		}
		r.Values[r.TimeKey] = json.Number(strconv.FormatInt(max(r.EventAt.Unix(), 0), 10))
	}
	return r, nil
}

// recordOfSession makes a record of a session's own accounting. Its keys are known, whatever the document's rules say.
func recordOfSession(level *plans.CompiledDocument, rec *session.Record) *spool.Record {
	r := newRecord(level, identity{level: level, values: rec.Values})
	r.ID, r.Account, r.Kind, r.Session = rec.ID, rec.Account, rec.Kind, hashed("session of this service", rec.Session)
	r.AcctSessionID, r.EventAt = listed(aaa.ValueText(rec.Values[acctSessionID])), rec.At
	r.RequestID, r.Values = rec.RequestID, rec.Values
	r.TimeKey, r.DelayKey = eventTimestamp, acctDelayTime
	return r
}

func newRecord(level *plans.CompiledDocument, d identity) *spool.Record {
	r := &spool.Record{Kind: store.SpoolOther, User: listed(d.text("User-Name", "user")), Keep: level.AccountingKeep}
	if r.Keep == 0 {
		r.Keep = aaa.DefaultAccountingKeep
	}
	return r
}

// Values of Acct-Status-Type (RFC 2866 §5.1).
const (
	statusStart   = 1
	statusStop    = 2
	statusInterim = 3
	accountingOn  = 7
	accountingOff = 8
)

var statuses = map[string]uint64{
	"start": statusStart, "stop": statusStop, "interim-update": statusInterim, "alive": statusInterim,
	"accounting-on": accountingOn, "accounting-off": accountingOff,
}

var kinds = map[uint64]store.SpoolKind{statusStart: store.SpoolStart, statusInterim: store.SpoolInterim, statusStop: store.SpoolStop}

// status is the record's Acct-Status-Type, 0 if that is unknown. Of several the greatest counts: a TACACS+ watchdog may be a
// start with an update (RFC 8907 §7.2). Engines make a record without one a Stop if it has a duration or an end, else a Start.
func (d identity) status() (most uint64) {
	key, _ := d.key(statusType)
	list, ok := d.values[key].([]any)
	if !ok {
		list = []any{d.values[key]}
	}
	none := true
	for _, value := range list {
		text := aaa.ValueText(value)
		n, named := statuses[strings.ToLower(text)]
		if !named {
			n, _ = strconv.ParseUint(text, 0, 32) // 0 is none
		}
		most, none = max(most, n), none && text == ""
	}
	switch {
	case !none:
		return most
	case d.text("Acct-Session-Time", "Acct-Terminate-Cause", "elapsed_time", "stop_time") != "":
		return statusStop
	}
	return statusStart
}

// An Event-Timestamp is believed that is no older than a record can be kept, and ahead by no more than clocks differ. A NAS without a clock counts
// from 1970.
const (
	oldestEvent = 30 * 24 * time.Hour
	newestEvent = 5 * time.Minute
)

// happened is when what a record tells of happened, on this service's clock: its Event-Timestamp, or its receipt without the delay. A NAS that was
// rebooted may have a wrong clock, and what it says decides which sessions are closed: there the delay goes first, and no time is after the receipt.
func happened(timestamp, delay string, received time.Time, reboot bool) time.Time {
	at, late := eventTime(timestamp), received.Add(-delayOf(delay))
	switch {
	case at.IsZero(), at.Before(received.Add(-oldestEvent - time.Second)), at.After(received.Add(newestEvent)):
		return late
	case reboot && (delay != "" || at.After(received)):
		return late
	}
	return at
}

// eventTime reads an Event-Timestamp as dictionaries take it; zero where that is none.
func eventTime(text string) time.Time {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return time.Unix(int64(n), 0).UTC()
	}
	for _, layout := range [...]string{time.RFC3339, "Jan _2 2006 15:04:05 MST"} {
		t, err := time.Parse(layout, text)
		if err != nil || t.Location() != time.UTC && layout != time.RFC3339 {
			continue
		}
		if n := t.Unix(); n == int64(uint32(n)) {
			return t.UTC().Truncate(time.Microsecond)
		}
	}
	return time.Time{}
}

// delayOf reads an Acct-Delay-Time; 0 where that is none.
func delayOf(text string) time.Duration {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// digestOf is equal for two records of a session that differ in their delay alone.
func digestOf(r *spool.Record) (string, error) {
	values := r.Values
	if _, ok := values[r.DelayKey]; ok {
		values = maps.Clone(values)
		delete(values, r.DelayKey)
	}
	text, err := json.Marshal(values) // with sorted keys
	if err != nil {
		return "", aaa.Errorf(aaa.KindBadInput, "the request's keys are no plain JSON: %w", err)
	}
	return hashed(r.Session, string(r.Kind), string(text)), nil
}

// maxListed is how many octets of a caller's name a list shows: as many as an attribute may have.
const maxListed = 253

// listed is a caller's text as lists show and filter it. Databases take no zero octet.
func listed(text string) string {
	text = strings.ReplaceAll(text[:min(len(text), maxListed)], "\x00", "\uFFFD")
	return strings.ToValidUTF8(text, "")
}
