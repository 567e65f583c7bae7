package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
)

// billing is an accounting server that notes what it takes.
type billing struct {
	port   int
	silent atomic.Bool
	slow   atomic.Int64 // a time.Duration before each answer

	mu    sync.Mutex
	taken map[string][]taken // by Acct-Session-Id, in order
	total int
}

// taken is a record as it arrived.
type taken struct {
	status string
	event  uint32
	delay  uint32
	at     time.Time
}

// startBilling runs the server until the test ends. It never answers the records that one of ignores picks.
func startBilling(t *testing.T, ignores ...func(session, status string) bool) *billing {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &billing{port: conn.LocalAddr().(*net.UDPAddr).Port, taken: make(map[string][]taken)}
	server := &radius.PacketServer{
		SecretSource: radius.StaticSecretSource([]byte(demoSecret)),
		Handler: radius.HandlerFunc(func(w radius.ResponseWriter, r *radius.Request) {
			if r.Code != radius.CodeAccountingRequest {
				_ = w.Write(r.Response(radius.CodeAccessAccept)) // a probe: the client asks again
				return
			}
			session, status := rfc2866.AcctSessionID_GetString(r.Packet), rfc2866.AcctStatusType_Get(r.Packet).String()
			if b.silent.Load() || slices.ContainsFunc(ignores, func(f func(string, string) bool) bool { return f(session, status) }) {
				return
			}
			time.Sleep(time.Duration(b.slow.Load()))
			one := taken{status: status, delay: uint32(rfc2866.AcctDelayTime_Get(r.Packet)), at: time.Now()}
			if at := rfc2869.EventTimestamp_Get(r.Packet); !at.IsZero() {
				one.event = uint32(at.Unix())
			}
			b.mu.Lock()
			b.taken[session] = append(b.taken[session], one)
			b.total++
			b.mu.Unlock()
			_ = w.Write(r.Response(radius.CodeAccountingResponse)) // the client asks again
		}),
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(conn) }()
	t.Cleanup(func() {
		_ = server.Shutdown(context.Background())
		<-done
	})
	return b
}

// of returns what came of a session.
func (b *billing) of(session string) []taken {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.taken[session])
}

// second is when the second record came.
func (b *billing) second() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []time.Time
	for _, list := range b.taken {
		for _, r := range list {
			all = append(all, r.at)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all[1]
}

func (b *billing) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.total
}

// accountingDocument is a document with one accounting server that loses patience soon.
func accountingDocument(port int, members string) string {
	rules := []any{}
	for _, name := range []string{"User-Name", "Acct-Status-Type", "Acct-Session-Id", "Event-Timestamp", "Acct-Delay-Time", "Acct-Output-Octets", "NAS-IP-Address"} {
		rules = append(rules, rule(name, name))
	}
	translation, _ := json.Marshal(rules)
	doc := strings.Replace(documentFor(port), `"accounting":[]`, members+`"accounting":["one"],"accounting_avp_translation":`+string(translation), 1)
	doc = strings.Replace(doc, `"workers":32`, `"workers":128`, 1) // on a lossy network most wait for another attempt
	return strings.Replace(doc, `"retries":2,"timeout":20000`, `"retries":2,"timeout":300`, 1)
}

// records is a load of accounting records, of which it notes those that the service has taken.
type records struct {
	url   atomic.Pointer[string] // of the account's AAA document
	token string
	id    string // of the account
	name  string // that begins each Acct-Session-Id

	mu       sync.Mutex
	taken    map[string][]string // Acct-Session-Id → statuses that were acknowledged, in order
	refused  map[int]int         // by HTTP status; 0: no answer
	answered int
}

var accountingStatuses = []string{"Start", "Interim-Update", "Stop"}

// post sends one record and reports whether the service has taken it.
func (l *records) post(ctx context.Context, session, status, query string, more string) (int, string) {
	body := fmt.Sprintf(`{"data":{"User-Name":"alice","Acct-Session-Id":%q,"Acct-Status-Type":%q,"Acct-Output-Octets":"4711"%s}}`, session, status, more)
	a, err := tryCall(ctx, l.token, "POST", *l.url.Load()+"/accounting"+query, body)
	if err != nil {
		return 0, err.Error()
	}
	return a.Status, fmt.Sprint(a.Data["AAA-Result"])
}

// run sends sessions of three records, each as soon as the one before is taken, about rate records a second, until ctx ends. A session
// whose record is not taken ends there.
func (l *records) run(ctx context.Context, writers, rate int) {
	l.mu.Lock()
	if l.taken == nil {
		l.quiet()
	}
	l.mu.Unlock()
	var all sync.WaitGroup
	var number atomic.Int64
	for w := range writers {
		all.Go(func() {
			pace := time.NewTicker(time.Second * time.Duration(writers) / time.Duration(rate))
			defer pace.Stop()
			for ctx.Err() == nil {
				session := fmt.Sprintf("%s-%d", l.name, number.Add(1))
				for i, status := range accountingStatuses {
					select {
					case <-pace.C:
					case <-ctx.Done():
						return
					}
					query := ""
					if (w+i)%2 == 0 {
						query = "?accept=stored"
					}
					code, _ := l.post(context.WithoutCancel(ctx), session, status, query, fmt.Sprintf(`,"Event-Timestamp":"%d"`, time.Now().Unix()))
					if !l.note(session, status, code) {
						break
					}
				}
			}
		})
	}
	all.Wait()
}

// quiet prepares a load whose records are sent one by one.
func (l *records) quiet() *records {
	l.taken, l.refused = make(map[string][]string), make(map[int]int)
	return l
}

// note keeps what became of a record.
func (l *records) note(session, status string, code int) (taken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if code != http.StatusOK {
		l.refused[code]++
		return false
	}
	l.taken[session] = append(l.taken[session], status)
	l.answered++
	return true
}

// count is how many records were taken.
func (l *records) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered
}

// delivered waits until the node owes nothing of the account, and fails the test unless the server has every record that was taken, in the
// order of its session, and the ledger adds up. It returns how many records came twice.
func (l *records) delivered(t *testing.T, b *billing) (twice int) {
	t.Helper()
	counts := l.settled(t)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answered == 0 {
		t.Fatal("no record was taken: nothing is shown")
	}
	lost := 0
	for session, statuses := range l.taken {
		came := b.of(session)
		last := -1
		for _, status := range statuses {
			at := slices.IndexFunc(came, func(r taken) bool { return r.status == status })
			switch {
			case at < 0:
				if lost++; lost <= 10 {
					t.Errorf("session %s: the server lacks the %s, it has %v", session, status, came)
				}
			case at < last:
				t.Errorf("session %s: %s came before the record that was taken before it: %v", session, status, came)
			}
			last = max(last, at)
		}
		for i, r := range came {
			if first := slices.IndexFunc(came, func(o taken) bool { return o.status == r.status }); first != i {
				twice++
				if came[first].event != r.event {
					t.Errorf("session %s: %s has another Event-Timestamp when it comes again", session, r.status)
				}
			}
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d records that were taken are lost", lost, l.answered)
	}
	if sum := counts["waiting"] + counts["parked"] + counts["delivered"] + counts["replaced"] + counts["dropped"]; sum != counts["acknowledged"] {
		t.Errorf("the ledger does not add up: %v", counts)
	}
	t.Logf("%d records taken, %d came twice, not taken: %v, ledger %v", l.answered, twice, l.refused, counts)
	return twice
}

// settled waits until no record of the account waits, in the store and in the node's journal, and returns its ledger.
func (l *records) settled(t *testing.T) (counts map[string]float64) {
	t.Helper()
	within(t, time.Duration(short(5, 1))*time.Minute, "all records are delivered", func() bool {
		at, _, _ := strings.Cut(*l.url.Load(), "/v2/")
		m, err := tryCall(t.Context(), "", "GET", at+"/metrics", "")
		if err != nil || !strings.Contains(m.Body, "\naaa_api_spool_journal_entries 0\n") {
			return false
		}
		counts = l.ledger(t)
		return counts != nil && counts["waiting"] == 0
	})
	return counts
}

// ledger is the account's ledger, nil while it can't be read.
func (l *records) ledger(t *testing.T) map[string]float64 {
	t.Helper()
	a, err := tryCall(t.Context(), l.token, "GET", *l.url.Load()+"/spool", "")
	if err != nil || a.Status != http.StatusOK {
		return nil
	}
	var envelope struct{ Counts map[string]any }
	if err := json.Unmarshal([]byte(a.Body), &envelope); err != nil || envelope.Counts == nil {
		t.Fatalf("no counts in %s", a.Body)
	}
	counts := make(map[string]float64)
	for name, v := range envelope.Counts {
		if n, ok := v.(float64); ok {
			counts[name] = n
		}
	}
	return counts
}
