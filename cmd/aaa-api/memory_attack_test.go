package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// mostResident is what a node may take while every attack on its memory goes on.
const mostResident = 512 << 20

// TestMemoryUnderAttack plays a tenant and strangers who attack a node's memory in all known ways at once: unread answers,
// bodies that stall or may not be sent, traces kept for a repetition, messages of no node, idle connections. Another
// tenant's requests are answered meanwhile.
func TestMemoryUnderAttack(t *testing.T) {
	if raced {
		t.Skip("the race detector multiplies memory: go-test.sh runs it without")
	}
	dir := migratedDir(t)
	p := start(t, dir, nil, "--demo", "--max-connections=2000")
	a := newAttack(t, dir, p)
	before := p.residentPeak()

	ctx, stop := context.WithTimeout(t.Context(), 8*time.Second)
	defer stop()
	var all sync.WaitGroup
	crowd := func(n int, name string, f func(context.Context) error) {
		for range n {
			all.Go(func() {
				for ctx.Err() == nil {
					if err := f(ctx); err == nil {
						a.counted(name)
					}
				}
			})
		}
	}
	crowd(100, "unread answers", a.unreadAnswer)
	crowd(100, "stalled uploads", a.stalledUpload)
	crowd(20, "uploads without the scope", a.forbiddenUpload)
	crowd(300, "strangers' bodies", a.strangersBody)
	crowd(50, "messages of no node", a.message)
	crowd(20, "traces to be repeated", a.keptTrace)
	crowd(10, "bodies of many elements", a.manyElements)
	crowd(500, "idle connections", a.idle)

	quiet, failed := 0, 0
	for ctx.Err() == nil {
		got, err := tryCall(ctx, a.quiet, "POST", p.url+"/v2/accounts/"+string(demoTenant)+"/aaa/authn", `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`)
		switch {
		case ctx.Err() != nil:
		case err != nil || got.Status != http.StatusOK:
			failed++
			t.Logf("a quiet tenant's request: %d %s %v", got.Status, got.Body, err)
		default:
			quiet++
		}
	}
	all.Wait()
	peak := p.residentPeak()
	t.Logf("peak %d MiB, before the attack %d MiB; %d requests of a quiet tenant, %d failed", peak>>20, before>>20, quiet, failed)
	a.each(func(name string, n int64) { t.Logf("%s: %d", name, n) })
	if failed > 0 || quiet == 0 {
		t.Errorf("%d requests of a quiet tenant were answered, %d failed", quiet, failed)
	}
	if peak > mostResident {
		t.Errorf("the node took %d MiB", peak>>20)
	}
}

// attack is what an attacker has: an account with a large dictionary, a token of it with all scopes, and one that only reads.
type attack struct {
	host, account, quiet  string
	token, reader         string
	counts                sync.Map
	key                   atomic.Int64
	traced, many, upload8 string
}

func newAttack(t *testing.T, dir string, p *process) *attack {
	t.Helper()
	admin := readToken(t, dir, "admin.token")
	base := p.url + "/v2/accounts/"
	a := &attack{host: strings.TrimPrefix(p.url, "http://")}
	token := func(account, scopes string) string {
		got := call(t, admin, "PUT", base+account+"/tokens", `{"data":{"scopes":[`+scopes+`]}}`).want(t, http.StatusCreated)
		return fmt.Sprint(got.Data["token"])
	}
	a.quiet = token(string(demoTenant), `"request"`)
	made := call(t, admin, "PUT", base+string(demoProvider), `{"data":{"name":"attacker"}}`).want(t, http.StatusCreated)
	a.account = fmt.Sprint(made.Data["id"])
	a.token, a.reader = token(a.account, `"read","write","request"`), token(a.account, `"read"`)
	doc := call(t, admin, "GET", base+string(demoTenant)+"/aaa", "").want(t, http.StatusOK)
	text, err := json.Marshal(map[string]any{"data": doc.Data})
	if err != nil {
		t.Fatal(err)
	}
	call(t, admin, "PUT", base+a.account+"/aaa", string(text)).want(t, http.StatusCreated)

	var b strings.Builder
	b.WriteString(`{"data":{"name":"large","value":[`)
	for i := range 60_000 {
		if i%250 == 0 {
			fmt.Fprintf(&b, `{"vendor":{"Large-%d":%d}},`, i, 100_000+i)
		}
		fmt.Fprintf(&b, `{"attr":{"vid":%d,"id":%d,"type":"string","name":"Large-Attribute-%048d"}},`, 100_000+i/250*250, i%250+1, i)
	}
	call(t, a.token, "PUT", base+a.account+"/aaa/dictionary", strings.TrimSuffix(b.String(), ",")+`]}}`).want(t, http.StatusCreated)

	values := make([]string, 256)
	for i := range values {
		values[i] = `"` + strings.Repeat("<", 60) + `"`
	}
	a.traced = `{"data":{"User-Name":[` + strings.Join(values, ",") + `],"Acct-Status-Type":"Stop"}}`
	a.many = `{"data":[` + strings.Repeat("{},", 900_000) + `{}]}`
	a.upload8 = strings.Repeat(" ", 8<<20-1)
	return a
}

func (a *attack) counted(name string) {
	n, _ := a.counts.LoadOrStore(name, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

func (a *attack) each(f func(string, int64)) {
	a.counts.Range(func(name, n any) bool { f(name.(string), n.(*atomic.Int64).Load()); return true })
}

// dial opens a connection that takes little of what it does not read, and ends with ctx.
func (a *attack) dial(ctx context.Context) (*net.TCPConn, func(), error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", a.host)
	if err != nil {
		pause(ctx)
		return nil, nil, err
	}
	tcp := c.(*net.TCPConn)
	_ = tcp.SetReadBuffer(4 << 10)
	end := context.AfterFunc(ctx, func() { tcp.Close() })
	return tcp, func() { end(); tcp.Close() }, nil
}

// pause keeps attackers from spending the test's own time.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
}

// send sends text and then what of the body there is, and reads the first octets of an answer, if one comes.
func (a *attack) send(ctx context.Context, text, body string, stall bool) error {
	c, end, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer end()
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	if _, err := io.WriteString(c, body); err != nil {
		return err
	}
	status := make([]byte, 12)
	if _, err := io.ReadFull(c, status); err != nil {
		return err
	}
	if stall && string(status[9:]) == "200" {
		<-ctx.Done()
	}
	pause(ctx)
	return nil
}

func (a *attack) head(method, path, token string, octets int, more string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n", method, path, token, octets, more)
}

func (a *attack) at(path string) string { return "/v2/accounts/" + a.account + "/aaa" + path }

func (a *attack) unreadAnswer(ctx context.Context) error {
	return a.send(ctx, a.head("GET", a.at("/dictionary/large"), a.token, 0, ""), "", true)
}

func (a *attack) stalledUpload(ctx context.Context) error {
	return a.send(ctx, a.head("PUT", a.at("/dictionary"), a.token, 8<<20, ""), a.upload8, false)
}

func (a *attack) forbiddenUpload(ctx context.Context) error {
	return a.send(ctx, a.head("PUT", a.at("/dictionary"), a.reader, 8<<20, ""), a.upload8, false)
}

func (a *attack) strangersBody(ctx context.Context) error {
	return a.send(ctx, "PUT "+a.at("/dictionary")+" HTTP/1.1\r\nHost: x\r\nContent-Length: 65536\r\n\r\n", a.upload8[:65_535], false)
}

func (a *attack) message(ctx context.Context) error {
	return a.send(ctx, a.head("POST", "/internal/continue", "", 700<<10, "X-Aaa-Api-Head: sealed:v1:"+strings.Repeat("A", 200)+"\r\n"), a.upload8[:700<<10], false)
}

func (a *attack) keptTrace(ctx context.Context) error {
	key := fmt.Sprintf("Idempotency-Key: %d\r\n", a.key.Add(1))
	return a.send(ctx, a.head("POST", a.at("/accounting?trace=true"), a.token, len(a.traced), key), a.traced, false)
}

func (a *attack) manyElements(ctx context.Context) error {
	return a.send(ctx, a.head("PUT", a.at("/dictionary"), a.token, len(a.many), ""), a.many, false)
}

func (a *attack) idle(ctx context.Context) error {
	c, end, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer end()
	_, err = c.Read(make([]byte, 1)) // until the node closes it
	pause(ctx)
	return err
}
