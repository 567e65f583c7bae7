package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestBacklogAges: records that wait although their server takes others are an alarm, in the log and in the metrics, also after a restart.
func TestBacklogAges(t *testing.T) {
	t.Parallel()
	if !soaking() {
		t.Skip("waits for the second look at what waits, 10 s; part of make soak")
	}
	dir := migratedDir(t)
	b := startBilling(t, func(session, _ string) bool { return session == "passed over" })
	p := start(t, dir, nil)
	token := readToken(t, dir, "admin.token")
	l := accountingTenant(t, p, token, "ages", b.port, `"accounting_delivery":"stored",`).quiet()
	l.post(t.Context(), "passed over", "Start", "", "")
	p.stop()
	db, err := sql.Open("sqlite", filepath.Join(dir, "data", "aaa-api.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `UPDATE spool SET received_at = received_at - 3600 * 1000000`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	p = start(t, dir, nil)
	l.moved(p, l.id)
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() { l.run(ctx, 1, 5) })
	eventually(t, "the alarm is in the metrics", func() bool {
		return strings.Contains(call(t, "", "GET", p.url+"/metrics", "").Body, "\naaa_api_spool_stuck_accounts 1\n")
	})
	stop()
	load.Wait()
	const told = `"msg":"accounting records wait although the account's servers take others"`
	eventually(t, "the alarm is in the log", func() bool { return strings.Contains(p.log(), told) })
	p.stop()
}

// TestKilledWithinARecord kills the node while half of the 50th of 100 records is sent: those before and after it, which are answered, are delivered, and that one,
// which never was, is not.
func TestKilledWithinARecord(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	b := startBilling(t)
	p := start(t, dir, nil)
	token := readToken(t, dir, "admin.token")
	l := accountingTenant(t, p, token, "within", b.port, `"accounting_delivery":"stored",`).quiet()
	for n := range 100 {
		session := fmt.Sprint("record-", n+1)
		if n+1 != 50 {
			if code, _ := l.post(t.Context(), session, "Start", "", ""); !l.note(session, "Start", code) {
				t.Fatalf("%s: %d", session, code)
			}
			continue
		}
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		body := `{"data":{"User-Name":"alice","Acct-Session-Id":"` + session + `","Acct-Status-Type":"Start"}}`
		path := strings.TrimPrefix(*l.url.Load(), p.url) + "/accounting"
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: a\r\nX-Auth-Token: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			path, token, len(body), body[:len(body)/2]); err != nil {
			t.Fatal(err)
		}
		p.kill()
		if line, err := bufio.NewReader(conn).ReadString('\n'); err == nil {
			t.Errorf("half a record is answered: %s", line)
		}
		_ = conn.Close()
		p = start(t, dir, nil)
		l.moved(p, l.id)
	}
	l.delivered(t, b)
	if got := b.of("record-50"); len(got) != 0 {
		t.Errorf("half a record is delivered: %v", got)
	}
	p.stop()
}

// TestOneNASInASecond: a NAS sends many records at once while its server is slow. The node's memory is bounded, and records of a session come in their order.
func TestOneNASInASecond(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	b := startBilling(t)
	b.slow.Store(int64(20 * time.Millisecond))
	p := start(t, dir, nil)
	token := readToken(t, dir, "admin.token")
	l := accountingTenant(t, p, token, "burst", b.port, "").quiet()
	before := p.residentPeak() >> 10
	sessions := short(6667, 300)
	var calls sync.WaitGroup
	for from := 0; from < sessions; from += 1000 {
		calls.Go(func() {
			for _, status := range accountingStatuses { // what is sent at the same time has no order
				var lines strings.Builder
				for n := from; n < min(from+1000, sessions); n++ {
					fmt.Fprintf(&lines, `{"id":"%d","op":"accounting","data":{"User-Name":"alice","NAS-IP-Address":"192.0.2.1","Acct-Session-Id":"burst-%d","Acct-Status-Type":%q}}`+"\n", n, n, status)
				}
				a := call(t, token, "POST", *l.url.Load()+"/batch?accept=stored", lines.String())
				if a.Status != http.StatusOK {
					t.Errorf("a batch is answered with %d: %s", a.Status, a.Body)
				}
				for line := range strings.Lines(a.Body) {
					var one struct {
						ID, Status string
					}
					if err := json.Unmarshal([]byte(line), &one); err != nil {
						t.Errorf("%v: %s", err, line)
					}
					if one.ID != "" && one.Status == "success" {
						l.note("burst-"+one.ID, status, http.StatusOK)
					} else if one.ID != "" {
						t.Errorf("not taken: %s", line)
					}
				}
			}
		})
	}
	calls.Wait()
	if n := l.count(); n != 3*sessions {
		t.Errorf("%d records are taken", n)
	}
	l.delivered(t, b)
	after := p.residentPeak() >> 10
	t.Logf("%d KiB at rest, %d at most", before, after)
	if after-before > 256<<10 && !raced {
		t.Errorf("the node took %d KiB for %d records", after-before, 3*sessions)
	}
	p.stop()
}

// TestQuotaOfRecords fills an account's quota: a warning first, then Interims are refused, then Starts and others, then Stops. What is delivered makes room.
func TestQuotaOfRecords(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	b := startBilling(t)
	b.silent.Store(true)
	p := start(t, dir, nil)
	token := readToken(t, dir, "admin.token")
	l := accountingTenant(t, p, token, "quota", b.port, `"accounting_delivery":"stored",`).quiet()
	const bound = 80
	call(t, token, "PATCH", strings.TrimSuffix(*l.url.Load(), "/aaa"), fmt.Sprintf(`{"data":{"limits":{"spool_records":%d}}}`, bound)).want(t, http.StatusOK)
	number := 0
	post := func(status string) bool {
		t.Helper()
		number++
		session := fmt.Sprint("quota-", number)
		code, result := l.post(t.Context(), session, status, "", "")
		if code != http.StatusOK && code != http.StatusTooManyRequests {
			t.Fatalf("%s: %d %s", session, code, result)
		}
		return l.note(session, status, code)
	}
	const told = "an account comes near the limit of its accounting records"
	for _, c := range []struct {
		status string
		until  int
	}{{"Interim-Update", 76}, {"Start", 78}, {"Accounting-On", 78}, {"Stop", 80}} {
		for post(c.status) {
		}
		if n := l.count(); n != c.until {
			t.Errorf("%s is refused at %d records of %d, want %d", c.status, n, bound, c.until)
		}
	}
	eventually(t, "a warning is in the log", func() bool { return strings.Contains(p.log(), told) })
	a := call(t, token, "POST", *l.url.Load()+"/accounting", `{"data":{"User-Name":"alice","Acct-Session-Id":"over","Acct-Status-Type":"Stop"}}`).want(t, http.StatusTooManyRequests)
	if !strings.Contains(a.Body, "limits.spool_records") {
		t.Errorf("the limit is not named: %s", a.Body)
	}
	a = call(t, token, "POST", *l.url.Load()+"/batch", `{"id":"1","op":"accounting","data":{"User-Name":"alice","Acct-Session-Id":"over","Acct-Status-Type":"Stop"}}`).want(t, http.StatusOK)
	if !strings.Contains(a.Body, `"429"`) || !strings.Contains(a.Body, "limits.spool_records") {
		t.Errorf("the limit is not named in a batch: %s", a.Body)
	}
	b.silent.Store(false)
	l.delivered(t, b)
	eventually(t, "what is delivered makes room", func() bool { return post("Interim-Update") })
	p.stop()
}
