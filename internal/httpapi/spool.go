package httpapi

import (
	"context"
	"fmt"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// recordFilters are the filters by which the store chooses accounting records. A list has one by each other member of its entries too.
var recordFilters = []string{"state", "kind", "acct_session_id", "user", "server", "before"}

// listRecords lists the accounting records that no server has taken yet. The envelope of the first page tells of all records of the account.
func (a *API) listRecords(c *web.Call) error {
	f, err := recordFilter(c.TakeFilters(recordFilters...))
	if err != nil {
		return err
	}
	var members []web.Member
	if c.Query().Get("start_key") == "" {
		b, err := a.Admin.Spool.Backlog(c.Context(), c.Account())
		if err != nil {
			return err
		}
		members = []web.Member{{Name: "counts", Value: b.Counts}, {Name: "servers", Value: b.Servers}}
	}
	who := caller(c)
	return web.ServeList(c, func(ctx context.Context, p store.Page) ([]admin.Record, string, error) {
		return a.Admin.Spool.List(ctx, who, c.Account(), f, p)
	}, func(r admin.Record) string { return r.ID }, func(r admin.Record) any { return r }, members...)
}

func (a *API) getRecord(c *web.Call) error {
	r, err := a.Admin.Spool.Get(c.Context(), caller(c), c.Account(), c.Param("record"))
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: r})
}

func (a *API) resendRecord(c *web.Call) error { return changeRecord(c, a.Admin.Spool.Resend) }
func (a *API) dropRecord(c *web.Call) error   { return changeRecord(c, a.Admin.Spool.Drop) }

func (a *API) resendRecords(c *web.Call) error { return changeRecords(c, a.Admin.Spool.ResendAll) }
func (a *API) dropRecords(c *web.Call) error   { return changeRecords(c, a.Admin.Spool.DropAll) }

func changeRecord(c *web.Call, change func(context.Context, *admin.Caller, aaa.AccountID, string) (admin.Changed, error)) error {
	done, err := change(c.Context(), caller(c), c.Account(), c.Param("record"))
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: done})
}

func changeRecords(c *web.Call, change func(context.Context, *admin.Caller, aaa.AccountID, store.SpoolFilter, bool) (admin.Changed, error)) error {
	sent, err := c.OnlyFilters(recordFilters...)
	if err != nil {
		return err
	}
	f, err := recordFilter(sent)
	if err != nil {
		return err
	}
	all, err := c.Flag("all")
	if err != nil {
		return err
	}
	done, err := change(c.Context(), caller(c), c.Account(), f, all)
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: done})
}

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
	for _, key := range recordFilters {
		text, given := sent[key]
		switch {
		case !given:
		case text == "":
			refuse(key, "minLength", "must not be empty: leave it out to choose all", 1)
		case len(text) > maxFilter:
			refuse(key, "maxLength", fmt.Sprintf("must have at most %d octets", maxFilter), maxFilter)
		case key == "state" && !slices.Contains(recordStates, f.State):
			refuse(key, "enum", "must be waiting or parked", recordStates)
		case key == "kind" && !slices.Contains(recordKinds, f.Kind):
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
	recordStates = []store.SpoolState{store.SpoolWaiting, store.SpoolParked}
	recordKinds  = []store.SpoolKind{store.SpoolStart, store.SpoolInterim, store.SpoolStop, store.SpoolOther}
)
