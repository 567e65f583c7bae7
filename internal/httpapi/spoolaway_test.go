package httpapi

import (
	"context"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// While the store is away, nothing is known of records.
func TestRecordsWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	gone := &goneSpool{}
	w := newWorld(t, func(o *worldOptions) {
		gone.Store, gone.records = o.config.Store, o.config.Store.Spool()
		o.config.Store = gone
	})
	w.document(w.tenant)
	id := w.record(w.tenant, someKeys, nil)
	gone.records = awaySpool{}
	base := at(w.tenant, "/aaa/spool")
	for _, call := range [][2]string{{"GET", ""}, {"GET", "?start_key=0"}, {"GET", "/" + id}, {"DELETE", "?all=true"}, {"POST", "/resend?all=true"}, {"DELETE", "/" + id}, {"POST", "/" + id + "/resend"}} {
		if r := w.call(w.tenantToken, call[0], base+call[1], "").want(503); r.header.Get("Retry-After") == "" {
			t.Errorf("%v: %v", call, r.header)
		}
	}
}

// noOpener is a security module that can't be reached.
type noOpener struct{}

func (noOpener) MaskRecord(context.Context, store.SpoolRecord) (aaa.Values, string, error) {
	return nil, "", store.ErrUnavailable
}

func (noOpener) KeepTime(context.Context, aaa.AccountID) (time.Duration, error) {
	return 0, store.ErrUnavailable
}

// A record that can't be opened just now is not shown as one that never can, and it can be dropped.
func TestRecordsWithoutTheSecurityModule(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.config.Opener = noOpener{} })
	id := w.record(w.tenant, someKeys, nil)
	base := at(w.tenant, "/aaa/spool")
	w.call(w.tenantToken, "GET", base, "").want(200)
	w.call(w.tenantToken, "GET", base+"/"+id, "").want(503)
	w.call(w.tenantToken, "POST", base+"/"+id+"/resend", "").want(503)
	w.call(w.tenantToken, "DELETE", base+"/"+id, "").want(200)
}

// goneSpool is a store whose records can be taken away.
type goneSpool struct {
	store.Store
	records store.Spool
}

func (s *goneSpool) Spool() store.Spool { return s.records }

// awaySpool answers nothing.
type awaySpool struct{ store.Spool }

func (awaySpool) Get(context.Context, aaa.AccountID, string) (store.SpoolRecord, error) {
	return store.SpoolRecord{}, store.ErrUnavailable
}

func (awaySpool) List(context.Context, aaa.AccountID, store.SpoolFilter, store.Page) ([]store.SpoolRecord, string, error) {
	return nil, "", store.ErrUnavailable
}

func (awaySpool) Resend(context.Context, aaa.AccountID, store.SpoolFilter, time.Time, time.Time) (int64, error) {
	return 0, store.ErrUnavailable
}

func (awaySpool) Drop(context.Context, aaa.AccountID, store.SpoolFilter) (int64, error) {
	return 0, store.ErrUnavailable
}

func (awaySpool) Counts(context.Context, aaa.AccountID) (store.SpoolCounts, error) {
	return store.SpoolCounts{}, store.ErrUnavailable
}
