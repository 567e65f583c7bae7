package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// aLargeDictionary is an upload of more than 64 KiB, whose answer is as long.
func aLargeDictionary() string {
	var b strings.Builder
	b.WriteString(`{"data":{"name":"large","value":[{"vendor":{"Large-0":40000}}`)
	for i := range 1500 {
		vendor := 40_000 + i/250
		if i%250 == 0 && i > 0 {
			fmt.Fprintf(&b, `,{"vendor":{"Large-%d":%d}}`, i, vendor)
		}
		fmt.Fprintf(&b, `,{"attr":{"vid":%d,"id":%d,"type":"string","name":"Large-Attribute-%d"}}`, vendor, i%250+1, i)
	}
	return b.String() + `]}}`
}

// blocked is a client that reads nothing until it is let go.
type blocked struct {
	statusOnly
	writing, release chan struct{}
	once             sync.Once
}

func newBlocked() *blocked {
	return &blocked{statusOnly: statusOnly{header: http.Header{}}, writing: make(chan struct{}), release: make(chan struct{})}
}

func (b *blocked) Write(p []byte) (int, error) {
	b.once.Do(func() { close(b.writing) })
	<-b.release
	return len(p), nil
}

// Answers that nobody reads hold a part of the budget: their account gets no more of them, others go on.
func TestUnreadAnswersAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) {
		o.Budget = admission.NewBudget(4<<20, nil)
	})
	w.document(w.tenant)
	for _, id := range []aaa.AccountID{w.tenant, w.sibling} {
		w.call(w.rootToken, "PUT", at(id, "/aaa/dictionary"), aLargeDictionary()).want(201)
	}
	if n := w.api.Budget.Held(); n != 0 {
		t.Fatalf("%d octets held by nobody", n)
	}
	path := at(w.tenant, "/aaa/dictionary/large")
	var unread []*blocked
	var done sync.WaitGroup
	for range 200 {
		b := newBlocked()
		req, err := http.NewRequestWithContext(t.Context(), "GET", path, nil)
		ok(t, err)
		req.Header.Set("X-Auth-Token", w.tenantToken)
		ended := make(chan struct{})
		done.Go(func() { w.api.ServeHTTP(b, req); close(ended) })
		<-b.writing
		if b.status != 200 {
			if b.status != 503 || b.header.Get("Retry-After") == "" {
				t.Errorf("status %d %v", b.status, b.header)
			}
			close(b.release)
			break
		}
		unread = append(unread, b)
	}
	if n := len(unread); n == 0 || n == 200 {
		t.Errorf("%d answers may be unread", n)
	}
	held := w.api.Budget.Held()
	if held == 0 || held > 5<<19 {
		t.Errorf("one account holds %d octets of %d", held, 4<<20)
	}
	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`)).want(200)
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/dictionary"), aLargeDictionary()).want(503)
	w.call(w.token(w.sibling, token.Scopes()...), "GET", at(w.sibling, "/aaa/dictionary/large"), "").want(200)
	for _, b := range unread {
		close(b.release)
	}
	done.Wait()
	if n := w.api.Budget.Held(); n != 0 {
		t.Errorf("%d octets are held after all ended", n)
	}
	w.call(w.tenantToken, "GET", path, "").want(200)
}

// A request whose token is in its body spends its account's part, as others do, and not that of strangers.
func TestTokenInTheBodySpendsItsAccountsPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	w.call(w.rootToken, "PUT", at(w.tenant, "/aaa/dictionary"), aLargeDictionary()).want(201)
	body := fmt.Sprintf(`{"verb":"GET","auth_token":%q%s}`, w.tenantToken, strings.Repeat(" ", 2*admission.FreeBody))
	req, err := http.NewRequestWithContext(t.Context(), "POST", at(w.tenant, "/aaa/dictionary/large"), strings.NewReader(body))
	ok(t, err)
	b := newBlocked()
	ended := make(chan struct{})
	go func() { w.api.ServeHTTP(b, req); close(ended) }()
	<-b.writing
	if n := w.api.Budget.Strangers().Used(aaa.LimitBodyOctets).Load(); n != 0 {
		t.Errorf("strangers hold %d octets", n)
	}
	if n := w.api.web.Holds(w.tenant); n < admission.FreeAnswer || b.status != 200 {
		t.Errorf("status %d, the account holds %d octets", b.status, n)
	}
	close(b.release)
	<-ended
	if n := w.api.Budget.Held(); n != 0 || w.api.web.Holds(w.tenant) != 0 {
		t.Errorf("%d octets are held after the end", n)
	}
}

// Bodies on their way hold their announced length, up to the account's body_octets. Those of strangers have a bound of their own.
func TestBodiesInFlightAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"limits":{"body_octets":100000}}`)).want(200)
	send := func(token, path string, octets int64) (*io.PipeWriter, chan int) {
		r, body := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), "PUT", path, r)
		ok(t, err)
		req.ContentLength = octets
		if token != "" {
			req.Header.Set("X-Auth-Token", token)
		}
		status := make(chan int, 1)
		go func() {
			rec := &statusOnly{header: http.Header{}}
			w.api.ServeHTTP(rec, req)
			status <- rec.status
			r.Close()
		}()
		return body, status
	}
	body, first := send(w.tenantToken, at(w.tenant, "/aaa/dictionary"), 60_000)
	_, err := body.Write([]byte(" ")) // it is being read: the octets are held
	ok(t, err)
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/dictionary"), strings.Repeat(" ", 50_000)).refused(429, "too_many_requests")
	if got := metric(w, `aaa_api_limited_total{limit="body_octets"}`); got != "1" {
		t.Errorf("counted %s refusals by body_octets", got)
	}
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/dictionary"), strings.Repeat(" ", 30_000)).refused(400, web.SlugInvalid)
	w.call(w.rootToken, "PUT", at(w.sibling, "/aaa/dictionary"), strings.Repeat(" ", 50_000)).refused(400, web.SlugInvalid)
	body.Close()
	if got := <-first; got != 400 {
		t.Errorf("a body that ended early: %d", got)
	}
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/dictionary"), strings.Repeat(" ", 50_000)).refused(400, web.SlugInvalid)

	var bodies []*io.PipeWriter
	for range admission.StrangersOctets / web.MaxShortBody {
		body, _ := send("", at(w.tenant, "/aaa/dictionary"), web.MaxShortBody)
		_, err := body.Write([]byte(" "))
		ok(t, err)
		bodies = append(bodies, body)
	}
	if _, status := send("", at(w.tenant, "/aaa/dictionary"), web.MaxShortBody); <-status != 503 {
		t.Error("strangers may send more than their part")
	}
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/dictionary"), strings.Repeat(" ", 50_000)).refused(400, web.SlugInvalid)
	for _, body := range bodies {
		body.Close()
	}
}

// A body may not become much more than it is.
func TestMembersAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/dictionary"), data(`[`+strings.Repeat("0,", 2*web.MaxMembers+1)+`0]`)).refused(413, web.SlugTooLarge)
	if n := w.api.Budget.Held(); n != 0 {
		t.Errorf("%d octets are held", n)
	}
}

// A node whose memory is nearly full takes small requests alone.
func TestTightMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/dictionary"), aLargeDictionary()).want(201)
	w.api.Budget.SetTight(true)
	large := data(`{"User-Name":"` + strings.Repeat("x", 20_000) + `"}`)
	for _, r := range []reply{
		w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), large),
		w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn?trace=true"), data(`{"User-Name":"bob"}`)),
		w.call(w.tenantToken, "GET", at(w.tenant, "/aaa/dictionary/large"), ""),
		w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/dictionary/large"), aLargeDictionary()),
	} {
		if r.refused(503, "overloaded"); r.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`)).want(200)
	w.call(w.tenantToken, "GET", at(w.tenant, "/aaa"), "").want(200)
	w.api.Budget.SetTight(false)
	w.call(w.tenantToken, "GET", at(w.tenant, "/aaa/dictionary/large"), "").want(200)
}

// smallBuffers makes the network take little of an answer that nobody reads.
type smallBuffers struct{ net.Listener }

func (s smallBuffers) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetWriteBuffer(4 << 10) //nolint:errcheck // the test tells
	}
	return c, err
}

// Who sends a body too slowly is refused, who does not read an answer is cut off; both give back what they held.
func TestLeastRate(t *testing.T) {
	t.Parallel()
	ended := make(chan int, 10)
	w := newWorld(t, func(o *worldOptions) {
		o.Limits.Grace, o.Limits.LeastRate = 50*time.Millisecond, 1<<30
		o.Meter = func(method, _ string) func(int, time.Duration) {
			return func(status int, _ time.Duration) {
				if method == "GET" {
					ended <- status
				}
			}
		}
	})
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/dictionary"), aLargeDictionary()).want(201)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	s := web.NewHTTPServer("", w.api)
	go func() { _ = s.Serve(web.NewConnections(0, nil).Listener(smallBuffers{l})) }()
	defer s.Close()
	dial := func(request string) *net.TCPConn {
		c, err := net.Dial("tcp", l.Addr().String())
		ok(t, err)
		t.Cleanup(func() { c.Close() })
		tcp := c.(*net.TCPConn)
		ok(t, tcp.SetReadBuffer(4<<10))
		_, err = fmt.Fprintf(tcp, request+"Host: x\r\nX-Auth-Token: %s\r\n", w.tenantToken)
		ok(t, err)
		return tcp
	}
	slow := dial("PUT " + at(w.tenant, "/aaa/dictionary") + " HTTP/1.1\r\n")
	_, err = slow.Write([]byte("Content-Length: 100000\r\n\r\n{"))
	ok(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(slow), nil)
	ok(t, err)
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 400 || !strings.Contains(string(text), "too slowly") || !resp.Close {
		t.Errorf("a slow body: %d %s %v", resp.StatusCode, text, err)
	}
	for range 20 { // as much as does not fit into what the network takes
		_, err = dial("GET " + at(w.tenant, "/aaa/dictionary/large") + " HTTP/1.1\r\n").Write([]byte("\r\n"))
		ok(t, err)
	}
	for range 20 {
		<-ended
	}
	if n := w.api.Budget.Held(); n != 0 {
		t.Errorf("%d octets are held", n)
	}
}
