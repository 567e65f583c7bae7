package operations

import (
	"context"
	"fmt"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/store"
)

// RecordFilters are the filters by which the store chooses accounting records.
var RecordFilters = []string{"state", "kind", "acct_session_id", "user", "server", "before"}

// RecordsPart asks for a page of the chosen records.
type RecordsPart struct {
	Filters map[string]string // by RecordFilters, as the caller wrote them
	Page    store.Page
}

// Record names an accounting record.
type Record struct{ ID string }

// Chosen says which records are meant.
type Chosen struct {
	Filters map[string]string // by RecordFilters, as the caller wrote them
	All     bool              // without a filter: every record of the account
}

// The operations on accounting records that no server has taken yet: see admin.Spool.
var (
	ListRecords = define("spool.list", reads, func(ctx context.Context, s *Served, q *RecordsPart) (Listed[admin.Record], error) {
		f, err := recordFilter(q.Filters)
		if err == nil {
			err = checkPage(q.Page)
		}
		if err != nil {
			return Listed[admin.Record]{}, err
		}
		return listed(s.Admin.Spool.List(ctx, s.Who, s.Account, f, q.Page))
	})
	GetBacklog = define("spool.backlog", reads, func(ctx context.Context, s *Served, _ *None) (admin.Backlog, error) {
		return s.Admin.Spool.Backlog(ctx, s.Account)
	})
	GetRecord = define("spool.get", reads, func(ctx context.Context, s *Served, q *Record) (admin.WholeRecord, error) {
		return s.Admin.Spool.Get(ctx, s.Who, s.Account, q.ID)
	})
	ResendRecord = define("spool.resend", writes, func(ctx context.Context, s *Served, q *Record) (admin.Changed, error) {
		return s.Admin.Spool.Resend(ctx, s.Who, s.Account, q.ID)
	})
	DropRecord = define("spool.drop", writes, func(ctx context.Context, s *Served, q *Record) (admin.Changed, error) {
		return s.Admin.Spool.Drop(ctx, s.Who, s.Account, q.ID)
	})
	ResendRecords = define("spool.resend_all", writes, func(ctx context.Context, s *Served, q *Chosen) (admin.Changed, error) {
		f, err := recordFilter(q.Filters)
		if err != nil {
			return admin.Changed{}, err
		}
		return s.Admin.Spool.ResendAll(ctx, s.Who, s.Account, f, q.All)
	})
	DropRecords = define("spool.drop_all", writes, func(ctx context.Context, s *Served, q *Chosen) (admin.Changed, error) {
		f, err := recordFilter(q.Filters)
		if err != nil {
			return admin.Changed{}, err
		}
		return s.Admin.Spool.DropAll(ctx, s.Who, s.Account, f, q.All)
	})
)

// maxFilter is how many octets a filter may have.
const maxFilter = 1024

// recordFilter reads filters of accounting records. An empty one is refused, since to the store it would choose every record.
func recordFilter(sent map[string]string) (store.SpoolFilter, error) {
	f := store.SpoolFilter{
		State: store.SpoolState(sent["state"]), Kind: store.SpoolKind(sent["kind"]),
		AcctSessionID: sent["acct_session_id"], User: sent["user"], Server: sent["server"],
	}
	var faults []aaa.Field
	refuse := func(key, rule, message string, target any) {
		faults = append(faults, aaa.Field{Path: "filter_" + key, Rule: rule, Message: message, Target: target, Value: sent[key]})
	}
	for _, key := range RecordFilters {
		text, given := sent[key]
		switch {
		case !given:
		case text == "":
			refuse(key, "minLength", "must not be empty: leave it out to choose all", 1)
		case len(text) > maxFilter:
			refuse(key, "maxLength", fmt.Sprintf("must have at most %d octets", maxFilter), maxFilter)
		case !storable(text):
			refuse(key, "utf8", "must be UTF-8 without the character U+0000", nil)
		case key == "state" && !slices.Contains(recordStates, text):
			refuse(key, "enum", "must be waiting or parked", recordStates)
		case key == "kind" && !slices.Contains(recordKinds, text):
			refuse(key, "enum", "must be start, interim, stop or other", recordKinds)
		case key == "before":
			t, err := time.Parse(time.RFC3339, text)
			f.Before = t.UTC()
			if year := f.Before.Year(); err != nil || year < 1970 || year > 9999 { // the zero time would choose all
				refuse(key, "format", "must be a time from 1970 on, like 2026-11-30T07:00:00Z (RFC 3339; in a URL, + is written %2B)", "date-time")
			}
		}
	}
	if faults != nil {
		return store.SpoolFilter{}, aaa.Invalid(faults...)
	}
	return f, nil
}

var (
	recordStates = []string{string(store.SpoolWaiting), string(store.SpoolParked)}
	recordKinds  = []string{string(store.SpoolStart), string(store.SpoolInterim), string(store.SpoolStop), string(store.SpoolOther)}
)
