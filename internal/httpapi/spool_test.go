package httpapi

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// record stores an accounting record of an account, changed by fn if there is one, and returns its id.
func (w *world) record(account aaa.AccountID, keys string, fn func(*store.SpoolRecord)) string {
	w.t.Helper()
	id := aaa.NewID()
	now := time.Now().UTC().Truncate(time.Microsecond)
	payload, err := w.vault.Seal(w.t.Context(), account, "spool/"+id, `{"request_id":"`+id[:8]+`","values":`+keys+`}`)
	ok(w.t, err)
	r := store.SpoolRecord{
		Account: account, ID: id, Revision: 1, Kind: store.SpoolStop, Session: id, Digest: id, State: store.SpoolWaiting, Payload: payload,
		AcctSessionID: "call-1", User: "bob", EventAt: now.Add(-time.Minute), ReceivedAt: now.Add(-time.Minute), KeepUntil: now.Add(time.Hour),
		DueAt: now.Add(time.Hour),
	}
	if fn != nil {
		fn(&r)
	}
	w.keep(r)
	return id
}

// keep brings a record into the store as a node does: appended with a lease, and settled by what became of the first attempt.
func (w *world) keep(r store.SpoolRecord) {
	w.t.Helper()
	first := r
	first.State, first.ParkedAt, first.DueAt, first.Tries, first.Attempts = store.SpoolWaiting, time.Time{}, r.ReceivedAt, 0, nil
	if first.Lease.Until.IsZero() {
		leased(&first)
	}
	_, err := w.store.Spool().Append(w.t.Context(), []store.SpoolRecord{first})
	ok(w.t, err)
	if !r.Lease.Until.IsZero() {
		return // it is on its way
	}
	end := store.SpoolSettlement{Account: r.Account, ID: r.ID, Revision: first.Revision, Session: r.Session, Outcome: store.SpoolReleased, DueAt: r.DueAt}
	if len(r.Attempts) > 0 {
		end.Outcome, end.Attempt = store.SpoolFailed, r.Attempts[0]
	}
	if r.State == store.SpoolParked {
		end.Outcome = store.SpoolRefused
	}
	ok(w.t, w.store.Spool().Settle(w.t.Context(), r.ReceivedAt, []store.SpoolSettlement{end}))
}

// failed makes a record one that a server did not take.
func failed(server string) func(*store.SpoolRecord) {
	return func(r *store.SpoolRecord) {
		r.Tries = 1
		r.Attempts = []store.SpoolAttempt{{At: r.ReceivedAt, Node: "node1", Server: server, Reason: server + ": silent, 4 attempts"}}
	}
}

// parked makes a record one that waits for nobody.
func parked(r *store.SpoolRecord) {
	r.State, r.ParkedAt, r.DueAt = store.SpoolParked, r.ReceivedAt, time.Time{}
}

// leased makes a record one that a node delivers at the moment.
func leased(r *store.SpoolRecord) {
	r.Lease = store.Lease{Node: "node2", Until: time.Now().UTC().Truncate(time.Microsecond).Add(time.Minute)}
}

const someKeys = `{"User-Name":"bob","Acct-Status-Type":"Stop"}`

// The list shows what waits and why, with what all records of the account amount to.
func TestRecordsAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	base := at(w.tenant, "/aaa/spool")
	empty := w.call(w.tenantToken, "GET", base, "").want(200)
	if empty.at("counts", "waiting") != 0.0 || fmt.Sprint(empty.at("servers")) != "[]" || fmt.Sprint(empty.at("data")) != "[]" {
		t.Errorf("%s", empty.text)
	}
	w.record(w.tenant, someKeys, failed("server1"))
	w.record(w.tenant, someKeys, func(r *store.SpoolRecord) {
		failed("server2")(r)
		parked(r)
		r.User, r.Kind, r.AcctSessionID = "eve", store.SpoolInterim, "call+2"
		r.ReceivedAt = r.ReceivedAt.Add(-time.Hour)
	})
	w.record(w.tenant, someKeys, leased)
	w.record(w.child, someKeys, nil)
	r := w.call(w.tenantToken, "GET", base, "").want(200)
	if r.at("page_size") != 3.0 || r.at("counts", "waiting") != 2.0 || r.at("counts", "parked") != 1.0 || r.at("counts", "acknowledged") != 3.0 {
		t.Errorf("%s", r.text)
	}
	if strings.Contains(r.text, "sealed") || strings.Contains(r.text, "Acct-Status-Type") {
		t.Errorf("the list shows what is sealed: %s", r.text)
	}
	before := time.Now().Add(-30 * time.Minute)
	for query, want := range map[string]float64{
		"filter_state=waiting": 2, "filter_state=parked": 1, "filter_kind=interim": 1, "filter_kind=start": 0, "filter_acct_session_id=call%2B2": 1,
		"filter_user=eve": 1, "filter_user=EVE": 0, "filter_server=server1": 1, "filter_server=server": 0, "filter_in_delivery=true": 1, "filter_tries=1": 2,
		"filter_before=" + before.UTC().Format(time.RFC3339):                                         1,
		"filter_before=" + url.QueryEscape(before.In(time.FixedZone("", 3600)).Format(time.RFC3339)): 1,
		"filter_user=bob&filter_state=waiting&filter_kind=stop&filter_before=9999-12-31T23:59:59Z":   2,
		"filter_before=1970-01-01T00:00:00Z":                                                         0,
		"filter_user=bob&filter_tries=0":                                                             1,
	} {
		if got := w.call(w.tenantToken, "GET", base+"?"+query, "").want(200); got.at("page_size") != want || got.at("counts", "acknowledged") != 3.0 {
			t.Errorf("%s: %s", query, got.text)
		}
	}
}

// Filters that mean nothing are refused with their path, for lists and for what changes records: none is taken for "all".
func TestRecordFiltersAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/spool")
	w.record(w.tenant, someKeys, nil)
	for query, path := range map[string]string{
		"filter_state=": "filter_state", "filter_state=done": "filter_state", "filter_state=Parked": "filter_state", "filter_kind=": "filter_kind",
		"filter_kind=accounting-on": "filter_kind", "filter_user=": "filter_user", "filter_server=": "filter_server", "filter_acct_session_id=": "filter_acct_session_id",
		"filter_before=": "filter_before", "filter_before=yesterday": "filter_before", "filter_before=2026-11-30T07:00:00+01:00": "filter_before",
		"filter_before=1970-01-01T00:00:00%2B01:00": "filter_before", "filter_before=0001-01-01T00:00:00Z&filter_user=bob": "filter_before", "filter_before=9999-12-31T23:59:59-01:00": "filter_before", "filter_before=0000-01-01T00:00:00Z": "filter_before",
		"filter_user=" + strings.Repeat("u", 1025):   "filter_user",
		"filter_server=" + strings.Repeat("u", 9000): "filter_server",
		"filter_User=bob":                 "filter_User",
		"filter_user=a%00b":               "filter_user",
		"filter_user=%ff":                 "filter_user",
		"filter_user=bob&filter_user=eve": "filter_user",
		"filter=bob":                      "filter",
	} {
		for _, call := range [][2]string{{"GET", base}, {"DELETE", base}, {"POST", base + "/resend"}} {
			r := w.call(w.tenantToken, call[0], call[1]+"?"+query, "").refused(400, web.SlugInvalid)
			if r.at("data", path) == nil || len(r.text) > 2000 {
				t.Errorf("%s %.60s: %s is not named: %.500s", call[0], query, path, r.text)
			}
		}
	}
	for query, path := range map[string]string{
		"": "all", "all=false": "all", "all=": "all", "all=yes": "all", "all=true&filter_user=bob": "all", "filter_id=x": "filter_id", "filter_tries=0": "filter_tries",
		"page_size=1": "page_size", "state=parked": "state",
	} {
		for _, call := range [][2]string{{"DELETE", base}, {"POST", base + "/resend"}} {
			if r := w.call(w.tenantToken, call[0], call[1]+"?"+query, "").refused(400, web.SlugInvalid); r.at("data", path) == nil {
				t.Errorf("%s %s: %s is not named: %s", call[0], query, path, r.text)
			}
		}
	}
	// A server of the service does not even read a URL of 1 MB; the one of this test does.
	long := w.call(w.tenantToken, "DELETE", base+"?filter_user="+strings.Repeat("u", 1<<20), "").refused(400, web.SlugInvalid)
	if len(long.text) > 2000 {
		t.Errorf("a filter of 1 MB is answered with %d octets", len(long.text))
	}
	if r := w.call(w.tenantToken, "GET", base, "").want(200); r.at("page_size") != 1.0 {
		t.Errorf("a refused request changed something: %s", r.text)
	}
}

// Pages are as long as asked for, and one beyond the end is empty. The first alone tells of all records.
func TestRecordsInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/spool")
	want := make(map[string]bool)
	for i := range 7 {
		want[w.record(w.tenant, someKeys, func(r *store.SpoolRecord) { r.User = []string{"bob", "eve"}[i%2] })] = true
	}
	for _, query := range []string{"page_size=2", "page_size=3&filter_kind=stop", "page_size=1&filter_tries=0"} {
		seen, start := 0, ""
		for {
			r := w.call(w.tenantToken, "GET", base+"?"+query+start, "").want(200)
			if (start == "") != (r.at("counts") != nil) {
				t.Errorf("counts after %q: %s", start, r.text)
			}
			rows, _ := r.at("data").([]any)
			for i := range rows {
				if !want[r.str("data", fmt.Sprint(i), "id")] {
					t.Errorf("%s", r.text)
				}
				seen++
			}
			next, more := r.at("next_start_key").(string)
			if !more {
				break
			}
			start = "&start_key=" + next
		}
		if seen != len(want) {
			t.Errorf("%s: %d records", query, seen)
		}
	}
	for _, start := range []string{"g", strings.Repeat("f", 32), strings.Repeat("f", 256), "%F0%9F%98%80"} {
		if r := w.call(w.tenantToken, "GET", base+"?start_key="+start, "").want(200); r.at("page_size") != 0.0 || r.at("next_start_key") != nil {
			t.Errorf("%s: %s", start, r.text)
		}
	}
	if r := w.call(w.tenantToken, "GET", base+"?paginate=false", "").want(200); r.at("page_size") != 7.0 {
		t.Errorf("%s", r.text)
	}
	for _, bad := range []string{"page_size=0", "page_size=1001", "start_key=" + strings.Repeat("f", 257), "paginate=no"} {
		w.call(w.tenantToken, "GET", base+"?"+bad, "").refused(400, web.SlugInvalid)
	}
}

// One record is shown with its attempts and the caller's keys, without what is secret by a rule or by its name.
func TestRecordIsShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rule := `{"request_key":"phrase","attribute":"User-Password","request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}`
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa"), data(strings.Replace(aDocument, `"authn_avp_translation":[`, `"authn_avp_translation":[`+rule+`,`, 1))).want(201)
	keys := `{"User-Name":"bob","User-Password":"sesame1","phrase":"sesame2","api_token":"sesame3","pin":["sesame4"],"Acct-Session-Time":61,"Class":["a",2,true]}`
	base := at(w.tenant, "/aaa/spool/")
	id := w.record(w.tenant, keys, failed("server1"))
	r := w.call(w.tenantToken, "GET", base+id, "").want(200)
	want := map[string]any{
		"User-Name": "bob", "User-Password": aaa.Mask, "phrase": aaa.Mask, "api_token": aaa.Mask, "pin": aaa.Mask,
		"Acct-Session-Time": 61.0, "Class": []any{"a", 2.0, true},
	}
	if fmt.Sprint(r.at("data", "keys")) != fmt.Sprint(want) || strings.Contains(r.text, "sesame") || strings.Contains(r.text, "sealed:") {
		t.Errorf("%s", r.text)
	}
	if r.at("data", "attempts", "0", "server") != "server1" || r.at("data", "reason") != "server1: silent, 4 attempts" || r.at("data", "request_id") != id[:8] ||
		r.at("data", "id") != id || r.at("data", "unreadable") != nil {
		t.Errorf("%s", r.text)
	}
	// By a document that has no rules, nobody knows which keys are secrets.
	w.call(w.tenantToken, "PATCH", at(w.tenant, "/aaa"), data(`{"servers":[],"authentication":[],"authorization":[],"accounting":[],"custom":[]}`)).want(200)
	if r := w.call(w.tenantToken, "GET", base+id, "").want(200); r.at("data", "keys", "User-Name") != aaa.Mask || strings.Contains(r.text, "sesame") {
		t.Errorf("without rules: %s", r.text)
	}
	// What can't be opened is shown without its keys.
	for name, payload := range map[string]string{"torn": "sealed:v1:AAAA", "of another record": "", "clear": `{"values":{"a":"sesame"}}`} {
		torn := w.record(w.tenant, someKeys, func(r *store.SpoolRecord) {
			if r.Payload = payload; payload == "" {
				var err error
				r.Payload, err = w.vault.Seal(t.Context(), w.tenant, "spool/"+id, `{"values":{"a":"sesame"}}`)
				ok(t, err)
			}
		})
		r := w.call(w.tenantToken, "GET", base+torn, "").want(200)
		if r.at("data", "unreadable") != true || r.at("data", "keys") != nil || strings.Contains(r.text, "sesame") {
			t.Errorf("%s: %s", name, r.text)
		}
		w.call(w.tenantToken, "DELETE", base+torn, "").want(200)
	}
	if log := w.log.String(); strings.Contains(log, "sesame") || !strings.Contains(log, "an accounting record can't be opened") {
		t.Errorf("the log: %s", log)
	}
}

// Ids that are none, or another account's, are of no record.
func TestRecordsOfNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	of := w.record(w.child, someKeys, nil)
	for _, id := range []string{"resend", "x", strings.ToUpper(of), of[1:], of + "0", aaa.NewID(), "%27%20OR%201%3D1", strings.Repeat("a", 8000), "%E2%98%83", of} {
		base := at(w.tenant, "/aaa/spool/"+id)
		w.call(w.tenantToken, "GET", base, "").refused(404, web.SlugIdentifier)
		w.call(w.tenantToken, "DELETE", base, "").refused(404, web.SlugIdentifier)
		w.call(w.tenantToken, "POST", base+"/resend", "").refused(404, web.SlugIdentifier)
	}
	w.call(w.tenantToken, "GET", at(w.child, "/aaa/spool/"+of), "").want(200)
}

// Who may only read changes no record, and who may only send requests sees none.
func TestRecordsNeedTheirScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	id := w.record(w.tenant, someKeys, nil)
	base := at(w.tenant, "/aaa/spool")
	for scope, reads := range map[string]int{token.ScopeRead: 200, token.ScopeRequest: 403, token.ScopeWrite: 403} {
		text := w.token(w.tenant, scope)
		w.call(text, "GET", base, "").want(reads)
		w.call(text, "GET", base+"/"+id, "").want(reads)
		if scope == token.ScopeWrite {
			w.call(text, "POST", base+"/"+id+"/resend", "").want(200)
			continue
		}
		for _, call := range [][2]string{{"DELETE", "?all=true"}, {"POST", "/resend?all=true"}, {"DELETE", "/" + id}, {"POST", "/" + id + "/resend"}} {
			w.call(text, call[0], base+call[1], "").refused(403, web.SlugForbidden)
		}
	}
}
