package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// A record is sent again with a new time to wait, and dropped with a line in the log. One that a node delivers is left alone.
func TestRecordIsResentAndDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	base := at(w.tenant, "/aaa/spool/")
	get := func(id string) reply { t.Helper(); return w.call(w.tenantToken, "GET", base+id, "").want(200) }
	instant := func(r reply, member string) time.Time {
		t.Helper()
		at, err := time.Parse(time.RFC3339, r.str("data", member))
		ok(t, err)
		return at
	}
	begun := time.Now()
	for _, change := range []func(*store.SpoolRecord){parked, nil} {
		id := w.record(w.tenant, someKeys, change)
		if r := w.call(w.tenantToken, "POST", base+id+"/resend", "").want(200); r.at("data", "records") != 1.0 {
			t.Errorf("%s", r.text)
		}
		r := get(id)
		if r.at("data", "state") != "waiting" || r.at("data", "parked_at") != nil || instant(r, "due_at").After(time.Now()) || instant(r, "keep_until").Before(begun.Add(24*time.Hour-time.Second)) {
			t.Errorf("%s", r.text)
		}
	}
	w.call(w.tenantToken, "PATCH", at(w.tenant, "/aaa"), data(`{"accounting_keep":604800}`)).want(200)
	long := w.record(w.tenant, someKeys, parked)
	w.call(w.tenantToken, "POST", base+long+"/resend", "").want(200)
	if r := get(long); instant(r, "keep_until").Before(begun.Add(7*24*time.Hour - time.Second)) {
		t.Errorf("the document's accounting_keep: %s", r.text)
	}
	busy := w.record(w.tenant, someKeys, leased)
	for _, call := range [][2]string{{"DELETE", ""}, {"POST", "/resend"}} {
		w.call(w.tenantToken, call[0], base+busy+call[1], "").refused(409, web.SlugConflict)
	}
	if r := get(busy); r.at("data", "in_delivery") != true {
		t.Errorf("%s", r.text)
	}
	id := w.record(w.tenant, someKeys, parked)
	if r := w.call(w.tenantToken, "DELETE", base+id, "").want(200); r.at("data", "records") != 1.0 {
		t.Errorf("%s", r.text)
	}
	w.call(w.tenantToken, "GET", base+id, "").refused(404, web.SlugIdentifier)
	w.call(w.tenantToken, "DELETE", base+id, "").refused(404, web.SlugIdentifier)
	if r := w.call(w.tenantToken, "GET", at(w.tenant, "/aaa/spool"), "").want(200); r.at("counts", "dropped") != 1.0 {
		t.Errorf("%s", r.text)
	}
	lines := w.logged("accounting records are dropped by hand")
	if len(lines) != 1 || lines[0]["account"] != string(w.tenant) || lines[0]["records"] != 1.0 || lines[0]["filter"] != `id="`+id+`"` || !aaa.IsID(fmt.Sprint(lines[0]["token"])) {
		t.Errorf("the log: %v", lines)
	}
}

// logged are the lines of the log with a message.
func (w *world) logged(message string) (lines []map[string]any) {
	w.t.Helper()
	for text := range strings.Lines(w.log.String()) {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) == nil && line["msg"] == message {
			lines = append(lines, line)
		}
	}
	return lines
}

// Many records are sent again or dropped by a filter, or all of them if the caller says so; those that a node delivers are left alone.
func TestRecordsAreResentAndDroppedByFilter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	base := at(w.tenant, "/aaa/spool")
	for range 3 {
		w.record(w.tenant, someKeys, parked)
		w.record(w.tenant, someKeys, func(r *store.SpoolRecord) { failed("server2")(r); parked(r); r.User = "eve" })
		w.record(w.tenant, someKeys, leased)
	}
	other := w.record(w.child, someKeys, parked)
	change := func(method, path string, want float64) {
		t.Helper()
		if r := w.call(w.tenantToken, method, base+path, "").want(200); r.at("data", "records") != want {
			t.Errorf("%s %s: %s, want %v", method, path, r.text, want)
		}
	}
	change("POST", "/resend?filter_user=eve&filter_state=parked", 3)
	change("POST", "/resend?filter_user=eve&filter_state=parked", 0)
	change("POST", "/resend?filter_server=server2", 3)
	change("DELETE", "?filter_user=nobody", 0)
	change("DELETE", "?filter_state=parked", 3)
	change("DELETE", "?filter_user=eve&filter_server=server2&filter_before=9999-01-01T00:00:00Z", 3)
	change("POST", "/resend?all=true", 0) // what is left is being delivered
	change("DELETE", "?all=true", 0)
	r := w.call(w.tenantToken, "GET", base, "").want(200)
	if r.at("counts", "waiting") != 3.0 || r.at("counts", "dropped") != 6.0 || r.at("counts", "acknowledged") != 9.0 {
		t.Errorf("%s", r.text)
	}
	w.call(w.tenantToken, "DELETE", at(w.child, "/aaa/spool/"+other), "").want(200)
	w.record(w.child, someKeys, nil)
	w.call(w.tenantToken, "DELETE", at(w.child, "/aaa/spool?all=true"), "").want(200)
	lines := w.logged("accounting records are dropped by hand")
	if len(lines) != 4 || lines[3]["filter"] != "all" || lines[3]["account"] != string(w.child) || lines[0]["filter"] != `state="parked"` || lines[1]["filter"] != `user="********" server="server2" before="9999-01-01T00:00:00Z"` || lines[1]["records"] != 3.0 {
		t.Errorf("the log: %v", lines)
	}
	// By the verb in the query a POST drops too.
	w.do(ask{method: "POST", path: base + "?verb=DELETE&filter_state=waiting", token: w.tenantToken}).want(200)
}

// This node's delivery learns of records that are sent again, unless there were none.
func TestResendTellsDelivery(t *testing.T) {
	t.Parallel()
	var resent []aaa.AccountID
	w := newWorld(t, func(o *worldOptions) {
		o.config.Resent = func(account aaa.AccountID) { resent = append(resent, account) }
	})
	base := at(w.tenant, "/aaa/spool")
	w.call(w.tenantToken, "POST", base+"/resend?all=true", "").want(200)
	if len(resent) > 0 {
		t.Errorf("without records: %v", resent)
	}
	id := w.record(w.tenant, someKeys, nil)
	w.call(w.tenantToken, "POST", base+"/"+id+"/resend", "").want(200)
	w.call(w.tenantToken, "POST", base+"/resend?all=true", "").want(200)
	if !slices.Equal(resent, []aaa.AccountID{w.tenant, w.tenant}) {
		t.Errorf("%v", resent)
	}
}

// slowSpool is one that has changed five records when its caller's time is over.
type slowSpool struct{ store.Spool }

func (slowSpool) Resend(ctx context.Context, _ aaa.AccountID, _ store.SpoolFilter, _, _ time.Time) (int64, error) {
	<-ctx.Done()
	return 5, store.ErrUnavailable
}

func (slowSpool) Drop(ctx context.Context, _ aaa.AccountID, _ store.SpoolFilter) (int64, error) {
	<-ctx.Done()
	return 5, ctx.Err()
}

// A change of more records than there is time for says so, before the client gives up.
func TestLongChangesOfRecords(t *testing.T) {
	t.Parallel()
	slow := &goneSpool{}
	w := newWorld(t, func(o *worldOptions) {
		slow.Store, slow.records = o.config.Store, slowSpool{o.config.Store.Spool()}
		o.config.Store, o.config.Bounds.Bulk = slow, time.Millisecond
	})
	for _, call := range [][2]string{{"POST", "/resend?all=true"}, {"DELETE", "?all=true"}} {
		r := w.call(w.tenantToken, call[0], at(w.tenant, "/aaa/spool")+call[1], "").want(200)
		if r.at("data", "records") != 5.0 || r.at("data", "more") != true {
			t.Errorf("%v: %s", call, r.text)
		}
	}
	if lines := w.logged("accounting records are dropped by hand"); len(lines) != 1 || lines[0]["records"] != 5.0 {
		t.Errorf("the log: %v", lines)
	}
}
