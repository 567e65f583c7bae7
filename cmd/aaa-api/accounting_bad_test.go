package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aaa-api/internal/journal"
)

// journalOfAnother leaves a journal of another database in a folder, as a process that is gone does. It returns its segment.
func journalOfAnother(t *testing.T, dir string) string {
	t.Helper()
	j, err := journal.Open(dir, [32]byte{1, 2, 3}, slog.New(slog.DiscardHandler), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Append(t.Context(), [][]byte{[]byte("theirs")}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	list, err := filepath.Glob(filepath.Join(dir, "node-*", "*.seg"))
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	return list[0]
}

// TestJournalsOfOthers: journals of another database or key, in a folder of their own and in the node's, are refused and kept as they are, and are told of in the log
// and in the metrics. The node serves.
func TestJournalsOfOthers(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	p := start(t, dir, nil)
	p.stop()
	own, err := filepath.Glob(filepath.Join(dir, "data", "journal", "node-*"))
	if err != nil || len(own) != 1 {
		t.Fatalf("%v, %v", own, err)
	}
	theirs := journalOfAnother(t, t.TempDir())
	text, err := os.ReadFile(theirs)
	if err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "data", "journal", filepath.Base(filepath.Dir(theirs)), filepath.Base(theirs))
	if err := os.Mkdir(filepath.Dir(foreign), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{foreign, filepath.Join(own[0], filepath.Base(theirs))} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p = start(t, dir, nil)
	aside := filepath.Join(own[0], "aside-database-"+filepath.Base(theirs))
	for _, path := range []string{foreign, aside} {
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s is not kept: %v", path, err)
		}
	}
	for _, name := range []string{filepath.Base(filepath.Dir(foreign)), filepath.Base(theirs)} {
		if !strings.Contains(p.log(), name) {
			t.Errorf("the log does not name %s", name)
		}
	}
	if m := call(t, "", "GET", p.url+"/metrics", "").want(t, http.StatusOK); !strings.Contains(m.Body, "\naaa_api_spool_journal_aside 2\n") {
		t.Error("the metrics do not tell of two")
	}
	b := startBilling(t)
	l := accountingTenant(t, p, readToken(t, dir, "admin.token"), "serves", b.port, "").quiet()
	code, _ := l.post(t.Context(), "one", "Start", "", "")
	if l.note("one", "Start", code); code != http.StatusOK {
		t.Errorf("a record is answered with %d", code)
	}
	l.delivered(t, b)
	p.stop()
}

// recordsThatCannotBeSent: a record that no dictionary can encode is refused, and parked with the reason where it was taken before its document changed. It is sent
// again and dropped by hand, alone and by a filter, and its account stays until then.
func recordsThatCannotBeSent(t *testing.T, p *process, token string) {
	t.Helper()
	b := startBilling(t)
	b.silent.Store(true)
	l := accountingTenant(t, p, token, "bad", b.port, "")
	at := *l.url.Load()
	record := func(session string) string {
		return `{"data":{"User-Name":"alice","Acct-Session-Id":"` + session + `","Acct-Status-Type":"Start"}}`
	}
	for n := range 3 {
		call(t, token, "POST", at+"/accounting?accept=stored", record(fmt.Sprint("bad-", n))).want(t, http.StatusOK).has(t, "AAA-Result", "stored")
	}
	rules, _ := json.Marshal([]any{rule("User-Name", "Acct-Output-Octets"), rule("Acct-Status-Type", "Acct-Status-Type"), rule("Acct-Session-Id", "Acct-Session-Id")})
	call(t, token, "PATCH", at, `{"data":{"accounting_avp_translation":`+string(rules)+`}}`).want(t, http.StatusOK)
	for _, query := range []string{"", "?accept=stored"} {
		call(t, token, "POST", at+"/accounting"+query, record("refused")).want(t, http.StatusBadRequest)
	}
	parked := func(n float64) {
		t.Helper()
		eventually(t, "the records are parked", func() bool { c := l.ledger(t); return c["parked"] == n && c["waiting"] == 0 })
	}
	parked(3)
	var list struct {
		Data []struct {
			ID     string
			Tries  int
			Reason string
		}
	}
	a := call(t, token, "GET", at+"/spool?filter_state=parked", "").want(t, http.StatusOK)
	if err := json.Unmarshal([]byte(a.Body), &list); err != nil || len(list.Data) != 3 || !strings.Contains(list.Data[0].Reason, "Acct-Output-Octets") {
		t.Fatalf("%v: %s", err, a.Body)
	}
	call(t, token, "DELETE", strings.TrimSuffix(at, "/aaa"), "").want(t, http.StatusConflict)
	call(t, token, "POST", at+"/spool/"+list.Data[0].ID+"/resend", "").want(t, http.StatusOK)
	parked(3)
	call(t, token, "POST", at+"/spool/resend?filter_acct_session_id=bad-1", "").want(t, http.StatusOK)
	parked(3)
	call(t, token, "DELETE", at+"/spool/"+list.Data[0].ID, "").want(t, http.StatusOK)
	parked(2)
	call(t, token, "DELETE", at+"/spool?filter_state=parked", "").want(t, http.StatusOK)
	parked(0)
	if c := l.ledger(t); c["dropped"] != 3 || c["acknowledged"] != 3 || b.count() != 0 {
		t.Errorf("%v, and the server got %d", c, b.count())
	}
	call(t, token, "DELETE", strings.TrimSuffix(at, "/aaa"), "").want(t, http.StatusOK)
	call(t, token, "POST", at+"/accounting?accept=stored", record("late")).want(t, http.StatusNotFound)
}
