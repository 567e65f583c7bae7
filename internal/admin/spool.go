package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Spool is the accounting records that no server has taken yet.
type Spool struct{ *base }

// RecordOpener shows what is sealed of accounting records.
type RecordOpener interface {
	// MaskRecord returns the caller's keys of a stored record, with aaa.Mask for secrets, and the id of the request that brought it.
	MaskRecord(ctx context.Context, stored store.SpoolRecord) (keys aaa.Values, requestID string, err error)
	// KeepTime is how long the account's records wait for a server before they are parked.
	KeepTime(ctx context.Context, account aaa.AccountID) (time.Duration, error)
}

// Record is a stored accounting record as lists show it.
type Record struct {
	ID            string           `json:"id"`
	State         store.SpoolState `json:"state"`
	Kind          store.SpoolKind  `json:"kind"`
	AcctSessionID string           `json:"acct_session_id,omitempty"`
	User          string           `json:"user,omitempty"`
	EventAt       time.Time        `json:"event_at"`
	ReceivedAt    time.Time        `json:"received_at"`
	KeepUntil     time.Time        `json:"keep_until"`
	DueAt         time.Time        `json:"due_at,omitzero"`    // while it waits
	ParkedAt      time.Time        `json:"parked_at,omitzero"` // while it is parked
	InDelivery    bool             `json:"in_delivery"`        // a node sends it at this moment
	Tries         int              `json:"tries"`
	Server        string           `json:"server,omitempty"` // of the last attempt
	Reason        string           `json:"reason,omitempty"` // of the last attempt
}

// WholeRecord is a stored accounting record with all that is known of it.
type WholeRecord struct {
	Record
	RequestID  string               `json:"request_id,omitempty"` // of the request that brought it
	Attempts   []store.SpoolAttempt `json:"attempts"`             // the last ones, the oldest first
	Keys       aaa.Values           `json:"keys"`                 // secrets masked; null if unreadable
	Unreadable bool                 `json:"unreadable,omitempty"` // the node can't open the keys; its log says why
}

// Backlog tells of all of an account's records at once.
type Backlog struct {
	Counts  store.SpoolCounts
	Servers []store.SpoolServer // for which records wait, those with the most first
}

func recordOf(r store.SpoolRecord, now time.Time) Record {
	v := Record{
		ID: r.ID, State: r.State, Kind: r.Kind, AcctSessionID: r.AcctSessionID, User: r.User,
		EventAt: r.EventAt, ReceivedAt: r.ReceivedAt, KeepUntil: r.KeepUntil, DueAt: r.DueAt, ParkedAt: r.ParkedAt,
		InDelivery: r.Lease.Until.After(now), Tries: r.Tries,
	}
	if n := len(r.Attempts); n > 0 {
		v.Server, v.Reason = r.Attempts[n-1].Server, r.Attempts[n-1].Reason
	}
	return v
}

// maxRecords is how many records one reading of a list takes from the store.
const maxRecords = 1000

// List returns a page of the chosen records, by id. It may be shorter than asked for and still have a next one.
func (s *Spool) List(ctx context.Context, who *Caller, account aaa.AccountID, f store.SpoolFilter, p store.Page) ([]Record, string, error) {
	if p.Limit <= 0 || p.Limit > maxRecords {
		p.Limit = maxRecords
	}
	rows, next, err := s.Store.Spool().List(ctx, account, f, p)
	return views(rows, next, err, func(r store.SpoolRecord) Record { return recordOf(r, who.At) })
}

// Backlog returns the account's counts, and for which servers its records wait.
func (s *Spool) Backlog(ctx context.Context, account aaa.AccountID) (Backlog, error) {
	counts, err := s.Store.Spool().Counts(ctx, account)
	if err != nil {
		return Backlog{}, err
	}
	servers, err := s.Store.Spool().Servers(ctx, account)
	if err != nil {
		return Backlog{}, err
	}
	if servers == nil {
		servers = []store.SpoolServer{}
	}
	return Backlog{counts, servers}, nil
}

// noRecord is the message of a record that is not there.
const noRecord = "the account has no such accounting record waiting or parked; a delivered one is deleted"

// record reads one record.
func (s *Spool) record(ctx context.Context, account aaa.AccountID, id string) (store.SpoolRecord, error) {
	if !aaa.IsID(id) {
		return store.SpoolRecord{}, missing(store.ErrNotFound, noRecord)
	}
	r, err := s.Store.Spool().Get(ctx, account, id)
	return r, missing(err, noRecord)
}

// Get returns a record with the attempts to deliver it and its keys.
func (s *Spool) Get(ctx context.Context, who *Caller, account aaa.AccountID, id string) (WholeRecord, error) {
	r, err := s.record(ctx, account, id)
	if err != nil {
		return WholeRecord{}, err
	}
	v := WholeRecord{Record: recordOf(r, who.At), Attempts: r.Attempts}
	if v.Attempts == nil {
		v.Attempts = []store.SpoolAttempt{}
	}
	v.Keys, v.RequestID, err = s.Opener.MaskRecord(ctx, r)
	if kind := aaa.KindOf(err); kind == aaa.KindUnavailable || kind == aaa.KindNotFound || ctx.Err() != nil {
		return WholeRecord{}, err
	}
	if err != nil { // it can still be seen and dropped
		v.Unreadable = true
		s.Log.LogAttrs(ctx, slog.LevelWarn, "an accounting record can't be opened",
			slog.String("account", string(account)), slog.String("request_id", who.RequestID), slog.String("record", id), slog.String("error", err.Error()))
	}
	return v, nil
}

// Changed says how many records were sent again or dropped.
type Changed struct {
	Records int64 `json:"records"`
	More    bool  `json:"more,omitempty"` // the time of one call was over before all chosen records were looked at
}

// Resend has a record delivered at once, with a new time to wait.
func (s *Spool) Resend(ctx context.Context, who *Caller, account aaa.AccountID, id string) (Changed, error) {
	return s.one(ctx, account, id, func(f store.SpoolFilter) (Changed, error) { return s.resend(ctx, who, account, f) })
}

// Drop deletes a record that no server took.
func (s *Spool) Drop(ctx context.Context, who *Caller, account aaa.AccountID, id string) (Changed, error) {
	return s.one(ctx, account, id, func(f store.SpoolFilter) (Changed, error) { return s.drop(ctx, who, account, f) })
}

// one runs what is done to one record, and says why it was not done.
func (s *Spool) one(ctx context.Context, account aaa.AccountID, id string, do func(store.SpoolFilter) (Changed, error)) (Changed, error) {
	if !aaa.IsID(id) {
		return Changed{}, missing(store.ErrNotFound, noRecord)
	}
	done, err := do(store.SpoolFilter{ID: id})
	if done.Records > 0 || err != nil {
		return done, err
	}
	if _, err := s.record(ctx, account, id); err != nil {
		return Changed{}, err
	}
	return Changed{}, &aaa.Error{Kind: aaa.KindConflict, Message: "a node is delivering this record at the moment: look again in a minute"}
}

// ResendAll does what Resend does to the chosen records. Those that a node is delivering at the moment are left alone.
// Without a filter, all must say that every record is meant.
func (s *Spool) ResendAll(ctx context.Context, who *Caller, account aaa.AccountID, f store.SpoolFilter, all bool) (Changed, error) {
	if err := checkChosen(f, all); err != nil {
		return Changed{}, err
	}
	return s.resend(ctx, who, account, f)
}

// DropAll does what Drop does to the chosen records, as ResendAll.
func (s *Spool) DropAll(ctx context.Context, who *Caller, account aaa.AccountID, f store.SpoolFilter, all bool) (Changed, error) {
	if err := checkChosen(f, all); err != nil {
		return Changed{}, err
	}
	return s.drop(ctx, who, account, f)
}

// checkChosen refuses a call without a filter, unless all says that every record is meant.
func checkChosen(f store.SpoolFilter, all bool) error {
	switch chosen := f != (store.SpoolFilter{}); {
	case !chosen && !all:
		return aaa.Invalid(aaa.Field{Path: "all", Rule: "required", Message: "give a filter, or all=true for every record of the account"})
	case chosen && all:
		return aaa.Invalid(aaa.Field{Path: "all", Rule: "conflict", Message: "give either filters or all=true"})
	}
	return nil
}

func (s *Spool) resend(ctx context.Context, who *Caller, account aaa.AccountID, f store.SpoolFilter) (Changed, error) {
	keep, err := s.Opener.KeepTime(ctx, account)
	if err != nil {
		return Changed{}, err
	}
	now := who.At.UTC().Truncate(time.Microsecond)
	done, err := s.bounded(ctx, func(ctx context.Context) (int64, error) {
		return s.Store.Spool().Resend(ctx, account, f, now, now.Add(keep))
	})
	if done.Records > 0 && s.Resent != nil {
		s.Resent(account)
	}
	return done, err
}

// drop deletes records. Once begun it goes on if the caller goes away, so that the log has the whole number.
func (s *Spool) drop(ctx context.Context, who *Caller, account aaa.AccountID, f store.SpoolFilter) (Changed, error) {
	done, err := s.bounded(context.WithoutCancel(ctx), func(ctx context.Context) (int64, error) {
		return s.Store.Spool().Drop(ctx, account, f)
	})
	if done.Records > 0 {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "accounting records are dropped by hand",
			slog.String("account", string(account)), slog.String("request_id", who.RequestID), slog.String("token", who.TokenID),
			slog.Int64("records", done.Records), slog.String("filter", filterText(f)))
	}
	return done, err
}

// bounded runs a change of many records for as long as a client waits for its answer.
func (s *Spool) bounded(ctx context.Context, change func(context.Context) (int64, error)) (Changed, error) {
	bounded, cancel := context.WithTimeout(ctx, s.Bounds.Bulk)
	defer cancel()
	n, err := change(bounded)
	if n > 0 && errors.Is(bounded.Err(), context.DeadlineExceeded) {
		return Changed{n, err != nil}, nil
	}
	return Changed{Records: n}, err
}

// filterText is a filter as the log shows it: without the user, whose name the log has only where the operator wants names.
func filterText(f store.SpoolFilter) string {
	text := ""
	add := func(name, value string) {
		if value != "" {
			text += fmt.Sprintf(" %s=%q", name, value)
		}
	}
	add("id", f.ID)
	add("state", string(f.State))
	add("kind", string(f.Kind))
	add("acct_session_id", f.AcctSessionID)
	if f.User != "" {
		add("user", aaa.Mask)
	}
	add("server", f.Server)
	if !f.Before.IsZero() {
		add("before", f.Before.UTC().Format(time.RFC3339Nano))
	}
	if text == "" {
		return "all"
	}
	return text[1:]
}
