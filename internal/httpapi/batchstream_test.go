package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/gateway"
	"aaa-api/internal/logging"
	"aaa-api/internal/web"
)

// scripted is a service whose requests a test answers.
type scripted struct {
	gateway.Service
	workers int
	handle  func(ctx context.Context, req *aaa.Request) (*aaa.Result, error)
}

func (s scripted) Workers(ctx context.Context, id aaa.AccountID) (int, error) {
	if s.workers == 0 {
		return s.Service.Workers(ctx, id)
	}
	return s.workers, nil
}

func (s scripted) Handle(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
	return s.handle(ctx, req)
}

var accepted = &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true}

// duplex is a call under way: lines go into it, answers come out.
type duplex struct {
	t    testing.TB
	in   *io.PipeWriter
	resp *http.Response
	out  *bufio.Reader
}

// open begins a call with its first line.
func (w *world) open(client *http.Client, url, first string) *duplex {
	w.t.Helper()
	r, in := io.Pipe()
	req, err := http.NewRequestWithContext(w.t.Context(), "POST", url+at(w.tenant, "/aaa/batch"), r)
	ok(w.t, err)
	req.Header.Set("X-Auth-Token", w.tenantToken)
	req.Header.Set("Content-Type", web.NDJSON)
	go func() { _, _ = io.WriteString(in, first) }()
	resp, err := client.Do(req)
	ok(w.t, err)
	w.t.Cleanup(func() { in.Close(); resp.Body.Close() })
	return &duplex{w.t, in, resp, bufio.NewReader(resp.Body)}
}

func (d *duplex) send(line string) {
	d.t.Helper()
	_, err := io.WriteString(d.in, line)
	ok(d.t, err)
}

func (d *duplex) answer() (a answerLine) {
	d.t.Helper()
	text, err := d.out.ReadString('\n')
	ok(d.t, err)
	ok(d.t, json.Unmarshal([]byte(text), &a))
	return a
}

// A batch answers while it is asked, over HTTP/1.1 and HTTP/2, and the connection serves further calls.
func TestBatchAnswersWhileItIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	second := httptest.NewUnstartedServer(w.api)
	second.EnableHTTP2 = true
	second.StartTLS()
	defer second.Close()
	for proto, s := range map[string]*httptest.Server{"HTTP/1.1": w.server, "HTTP/2.0": second} {
		var dialled atomic.Int64
		client := s.Client()
		transport := client.Transport.(*http.Transport)
		dial := net.Dialer{}
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled.Add(1)
			return dial.DialContext(ctx, network, address)
		}
		for range 3 {
			d := w.open(client, s.URL, fmt.Sprintf(goodLine, 0))
			for i := range 20 {
				if i > 0 {
					d.send(fmt.Sprintf(goodLine, i))
				}
				if a := d.answer(); a.ID != fmt.Sprint(i) || a.Status != "success" {
					t.Fatalf("%s: %+v", proto, a)
				}
			}
			d.send(`{"id":"half","op":"authn","data":{"User-Name":"bob"}}`) // no line break at the end
			d.in.Close()
			if a := d.answer(); a.ID != "half" || a.Status != "success" {
				t.Errorf("%s: %+v", proto, a)
			}
			if a := d.answer(); !a.Done || a.Lines != 21 || a.Errors != 0 {
				t.Errorf("%s: %+v", proto, a)
			}
			if rest, err := io.ReadAll(d.out); len(rest) > 0 || err != nil || d.resp.Proto != proto {
				t.Errorf("%s: %q %v over %s", proto, rest, err, d.resp.Proto)
			}
		}
		if n := dialled.Load(); n > 1 {
			t.Errorf("%s: three calls took %d connections", proto, n)
		}
	}
}

// raw is a connection on which a test writes HTTP itself.
type raw struct {
	t testing.TB
	*net.TCPConn
	in *bufio.Reader
}

func (w *world) dial(address string) *raw {
	w.t.Helper()
	c, err := net.Dial("tcp", address)
	ok(w.t, err)
	w.t.Cleanup(func() { c.Close() })
	return &raw{w.t, c.(*net.TCPConn), bufio.NewReader(c)}
}

func (r *raw) send(format string, args ...any) {
	r.t.Helper()
	_, err := fmt.Fprintf(r, format, args...)
	ok(r.t, err)
}

// head sends the head of a call.
func (w *world) head(r *raw, token, more string) {
	w.t.Helper()
	r.send("POST %s HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\nContent-Type: application/x-ndjson\r\n%s\r\n\r\n", at(w.tenant, "/aaa/batch"), token, more)
}

func (r *raw) response() (*http.Response, string) {
	r.t.Helper()
	resp, err := http.ReadResponse(r.in, nil)
	ok(r.t, err)
	text, err := io.ReadAll(resp.Body)
	ok(r.t, err)
	return resp, string(text)
}

// served is a server as a node has it, whose connections are counted.
func (w *world) served() string {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(w.t, err)
	s := web.NewHTTPServer("", w.api)
	go func() { _ = s.Serve(web.NewConnections(0, nil).Listener(smallBuffers{l})) }()
	w.t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

// A caller who waits with the body is refused without it, or told to go on; the connection serves the next call in either form.
func TestBatchExpectAndKeepAlive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	address := w.served()
	line := fmt.Sprintf(goodLine, 1)

	refused := w.dial(address)
	w.head(refused, "none", "Expect: 100-continue\r\nContent-Length: 1000000")
	if resp, _ := refused.response(); resp.StatusCode != 401 {
		t.Errorf("status %d", resp.StatusCode)
	}
	c := w.dial(address)
	w.head(c, w.tenantToken, fmt.Sprintf("Expect: 100-continue\r\nContent-Length: %d", len(line)))
	resp, err := http.ReadResponse(c.in, nil)
	ok(t, err)
	if resp.StatusCode != http.StatusContinue {
		t.Fatalf("status %d", resp.StatusCode)
	}
	c.send("%s", line)
	for _, chunked := range []bool{false, true, false} {
		resp, text := c.response()
		if _, _, done := answerLines(t, text); resp.StatusCode != 200 || !done.Done || done.Errors != 0 {
			t.Errorf("%d %s", resp.StatusCode, text)
		}
		if chunked {
			w.head(c, w.tenantToken, "Transfer-Encoding: chunked")
			c.send("5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", line[:5], len(line)-5, line[5:])
		} else {
			w.head(c, w.tenantToken, fmt.Sprintf("Content-Length: %d", len(line)))
			c.send("%s", line)
		}
	}
	c.response()
}

// Lines that come too slowly end the call, with what was taken answered.
func TestBatchLeastRate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.Limits.Grace, o.Limits.LeastRate = 50*time.Millisecond, 1<<30 })
	w.document(w.tenant)
	address := w.served()
	silent := w.dial(address)
	w.head(silent, w.tenantToken, "Transfer-Encoding: chunked")
	if resp, text := silent.response(); resp.StatusCode != 400 || !resp.Close || !strings.Contains(text, "too slowly") {
		t.Errorf("no line at all: %d %s", resp.StatusCode, text)
	}
	slow := w.dial(address)
	w.head(slow, w.tenantToken, "Content-Length: 100000")
	slow.send(goodLine+`{"id":"2","op":"accounting",`, 1)
	resp, text := slow.response()
	byID, others, done := answerLines(t, text)
	if resp.StatusCode != 200 || byID["1"].Status != "success" || len(others) != 1 || others[0].Error != "400" || !done.Done || done.Lines != 1 {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
	if _, err := slow.in.ReadByte(); err == nil {
		t.Error("the connection goes on")
	}
	slow.Close()
	for w.api.Budget.Held() != 0 { // until the node has seen the end
		time.Sleep(time.Millisecond)
	}
}

// What follows a body that can't be read is no request, whether the answer had begun or not.
func TestBatchLeavesNoRequestBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	address := w.served()
	line := fmt.Sprintf(goodLine, 1)
	for _, first := range []string{"", fmt.Sprintf("%x\r\n%s\r\n", len(line), line)} {
		c := w.dial(address)
		w.head(c, w.tenantToken, "Transfer-Encoding: chunked")
		c.send("%szz\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", first)
		c.response()
		if rest, _ := io.ReadAll(c.in); len(rest) > 0 {
			t.Errorf("after the answer: %s", rest)
		}
	}
}

// A caller that stops reading holds no worker, and a bounded part of the memory. After a time the call ends.
func TestBatchWhoseAnswersAreNotRead(t *testing.T) {
	t.Parallel()
	var running, ran atomic.Int64
	large := *accepted
	large.Keys = aaa.Values{"k": strings.Repeat("x", 10_000)}
	var log syncBuffer
	w := newWorld(t, func(o *worldOptions) {
		o.Limits.Grace, o.Limits.LeastRate = 300*time.Millisecond, 1<<30
		o.Requests = logging.NewRequests(&log, slog.LevelInfo, "node1")
		o.Service = scripted{o.Service, 100, func(context.Context, *aaa.Request) (*aaa.Result, error) {
			running.Add(1)
			defer running.Add(-1)
			ran.Add(1)
			return &large, nil
		}}
	})
	address := w.served()
	c := w.dial(address)
	ok(t, c.SetReadBuffer(4<<10))
	w.head(c, w.tenantToken, "Transfer-Encoding: chunked")
	go func() {
		for i := range 5000 {
			line := fmt.Sprintf(goodLine, i)
			if _, err := fmt.Fprintf(c, "%x\r\n%s\r\n", len(line), line); err != nil {
				return
			}
		}
	}()
	var most int64
	for !strings.Contains(log.String(), `"operation":"batch"`) {
		most = max(most, w.api.Budget.Held())
		time.Sleep(time.Millisecond)
	}
	if n := ran.Load(); n < 100 || n > 2000 || running.Load() != 0 {
		t.Errorf("%d of 5000 lines were run, %d run still", n, running.Load())
	}
	if n := w.api.Budget.Held(); n != 0 || most < maxUnread || most > 4*maxUnread {
		t.Errorf("%d octets are held, and were %d", n, most)
	}
	if !strings.Contains(log.String(), `"result":"unread"`) {
		t.Errorf("the log: %s", log.String())
	}
}

// A caller who reads when all is sent gets all answers.
func TestBatchOfAPlainClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.Service = instant{o.Service} })
	c := w.dial(w.served())
	ok(t, c.SetReadBuffer(64<<10))
	var body strings.Builder
	for i := range batchLines {
		fmt.Fprintf(&body, goodLine, i)
	}
	w.head(c, w.tenantToken, fmt.Sprintf("Content-Length: %d", body.Len()))
	c.send("%s", body.String())
	if _, text := c.response(); strings.Count(text, "success") != batchLines {
		t.Errorf("%d answers", strings.Count(text, "success"))
	}
}

// The log has one line for a batch; a panic of one line is its own.
func TestBatchLine(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	w := newWorld(t, func(o *worldOptions) {
		o.Requests = logging.NewRequests(&log, slog.LevelInfo, "node1")
		o.Service = scripted{o.Service, 10, func(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
			if req.ID == "mine/2" {
				panic("oh")
			}
			return accepted, nil
		}}
	})
	before := len(log.String())
	r := w.do(ask{
		method: "POST", path: at(w.tenant, "/aaa/batch"), token: w.tenantToken, body: fmt.Sprintf(goodLine+goodLine+goodLine, 1, 2, 3),
		header: map[string]string{"Content-Type": web.NDJSON, "X-Request-ID": "mine"},
	})
	byID, _, done := answerLines(t, r.text)
	if byID["2"].Error != "500" || byID["3"].Status != "success" || done.Errors != 1 {
		t.Errorf("%s", r.text)
	}
	var line map[string]any
	ok(t, json.Unmarshal([]byte(log.String()[before:]), &line))
	for member, want := range map[string]any{"operation": "batch", "lines": 3.0, "errors": 1.0, "result": "done", "status": 200.0, "request_id": "mine"} {
		if line[member] != want {
			t.Errorf("%s is %v, want %v", member, line[member], want)
		}
	}
	if n := strings.Count(w.log.String(), `"panic"`); n == 0 || !strings.Contains(w.log.String(), `"request_id":"mine/2"`) {
		t.Errorf("the panic is not logged: %s", w.log.String())
	}
}
