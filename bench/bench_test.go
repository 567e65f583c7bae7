package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2869"

	"aaa-api/bench/naive"
	codec "aaa-api/internal/radius"
)

// TestHTTPLoad runs the load generator against a real HTTP server: every answer
// is counted, and those that are not what is wanted are counted as bad.
func TestHTTPLoad(t *testing.T) {
	t.Parallel()
	var served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("X-Auth-Token") == "" {
			t.Errorf("%v %v", r.Header, err)
		}
		switch served.Add(1) % 10 {
		case 0:
			w.WriteHeader(http.StatusTeapot)
		case 5:
			_, _ = io.WriteString(w, "chunk ") // flushed: the answer comes in chunks
			w.(http.Flusher).Flush()
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	l := load{Address: address, Clients: 4, Want: "hello"}
	for range 100 {
		l.Requests = append(l.Requests, postRequest(address, "/x", "token", []byte("hello "+strings.Repeat("x", 5000))))
	}
	got, err := l.run()
	if err != nil {
		t.Fatal(err)
	}
	if got.Requests != 100 || got.Bad != 10 || served.Load() != 100 || !strings.Contains(got.FirstBad, "418") || got.rate() <= 0 {
		t.Errorf("%+v after %d requests", got, served.Load())
	}
	l.Seconds, l.Requests = 0.05, l.Requests[:1]
	if got, err := l.run(); err != nil || got.Requests < 4 {
		t.Errorf("for a time: %+v, %v", got, err)
	}
}

func TestHTTPLoadTellsOfADeadServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	_, err := load{Address: address, Clients: 1, Requests: [][]byte{postRequest(address, "/", "", nil)}}.run()
	if err == nil || !strings.Contains(err.Error(), "closed the connection") {
		t.Errorf("got %v", err)
	}
}

// TestResponder checks the backend with a client that is not ours: its replies
// are authentic, with a Message-Authenticator that verifies.
func TestResponder(t *testing.T) {
	t.Parallel()
	address := startResponder(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for code, want := range map[radius.Code]radius.Code{
		radius.CodeAccessRequest: radius.CodeAccessAccept, radius.CodeStatusServer: radius.CodeAccessAccept,
		radius.CodeAccountingRequest: radius.CodeAccountingResponse,
	} {
		p := radius.New(code, []byte(backendSecret))
		reply, err := radius.Exchange(ctx, p, address)
		if err != nil || reply.Code != want {
			t.Fatalf("%v: %v, %v", code, reply, err)
		}
		if code == radius.CodeAccountingRequest {
			continue
		}
		ma := rfc2869.MessageAuthenticator_Get(reply)
		raw, ok := respond(nil, mustEncode(t, p), codec.NewKey([]byte(backendSecret)))
		if !ok || len(ma) != 16 || string(raw[22:38]) != string(ma) {
			t.Errorf("%v: Message-Authenticator %x", code, ma)
		}
	}
	for _, bad := range [][]byte{nil, make([]byte, 19), {1, 0, 1, 0}, append([]byte{2, 0, 0, 20}, make([]byte, 16)...)} {
		if _, ok := respond(nil, bad, codec.NewKey(nil)); ok {
			t.Errorf("%x is answered", bad)
		}
	}
}

func mustEncode(t *testing.T, p *radius.Packet) []byte {
	t.Helper()
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func startResponder(t *testing.T) string {
	t.Helper()
	conn, err := listenResponder(false)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serveResponder(conn, codec.NewKey([]byte(backendSecret))) }()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return conn.LocalAddr().String()
}

// TestNaiveGateway shows that what the service is held against does its work.
func TestNaiveGateway(t *testing.T) {
	t.Parallel()
	for want, handler := range map[string]http.Handler{
		`"AAA-Result":"accept"`:         naive.Gateway(startResponder(t), backendSecret),
		`"User-Name":"bob@example.com"`: naive.Echo(),
	} {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		address := strings.TrimPrefix(server.URL, "http://")
		got, err := load{Address: address, Clients: 2, Want: want, Requests: append(authnRequests(address, "a", "x"), authnRequests(address, "b", "")...)}.run()
		if err != nil || got.Requests != 2 || got.Bad != 0 {
			t.Errorf("%s: %+v, %v", want, got, err)
		}
	}
}

func TestClientsExchange(t *testing.T) {
	t.Parallel()
	address := startResponder(t)
	for _, client := range []string{"own", "layeh"} {
		list, done, err := radiusLoad{Client: client, Address: address}.exchanges()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(done)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if err := list[0](ctx); err != nil {
			t.Errorf("%s: %v", client, err)
		}
		cancel()
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	rows := []row{
		{name: "speed", format: "%.2f×", value: 2.5, target: 2, detail: "5/s against 2/s"},
		{name: "memory", format: "%.0f MiB", value: 101, target: 100, atMost: true},
	}
	if !printTable(&b, rows) {
		t.Error("a missed target is taken for a failure")
	}
	want := `measured  value    target             from
speed     2.50×    ≥ 2.00×    met     5/s against 2/s
memory    101 MiB  ≤ 100 MiB  MISSED  
`
	if b.String() != want {
		t.Errorf("got\n%s", b.String())
	}
	if printTable(io.Discard, append(rows, row{name: "third", err: errors.New("no backend")})) {
		t.Error("a measurement that did not run is taken for one that did")
	}
}

func TestRatio(t *testing.T) {
	t.Parallel()
	order := ""
	run := func(name string, rate float64) contender {
		return contender{name, func() (float64, error) { order += name; return rate, nil }}
	}
	rates, err := alternate(3, run("a", 6), run("b", 2))
	if err != nil || order != "abbaab" || ratio(rates["a"], rates["b"]) != 3 {
		t.Errorf("%v in order %s, %v", rates, order, err)
	}
	if got := ratio([]float64{10, 20, 90}, []float64{10, 10, 10}); got != 2 {
		t.Errorf("ratio %v", got)
	}
	if got := median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("median %v", got)
	}
}

// TestProcess reads the figures of a child and of the child's own child from /proc.
func TestProcess(t *testing.T) {
	t.Parallel()
	// The inner shell works for a while, says so, and stays.
	p, err := startProcess(t.Context(), "sh", "-c", `sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; exec tail -f /dev/null' & wait`)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := p.stdout.ReadString('\n'); err != nil || line != "done\n" {
		t.Fatalf("%q, %v", line, err)
	}
	pids, err := family(p.cmd.Process.Pid)
	if err != nil || len(pids) != 2 || pids[0] != p.cmd.Process.Pid {
		t.Fatalf("the family is %v, %v", pids, err)
	}
	defer syscall.Kill(pids[1], syscall.SIGKILL) //nolint:errcheck // nothing waits for it
	outer, err := residentOf(pids[0])
	if sum, serr := p.resident(); err != nil || serr != nil || outer < 1<<16 || sum <= outer {
		t.Errorf("resident %d of the child and %d of both, %v, %v", outer, sum, err, serr)
	}
	inner, err := statOf(pids[1])
	if sum, serr := p.processor(); err != nil || serr != nil || inner.processor < 20*time.Millisecond || sum < inner.processor || inner.parent != pids[0] {
		t.Errorf("%+v of the inner process, %v of both, %v, %v", inner, sum, err, serr)
	}
	if n, err := p.descriptors(); err != nil || n < 6 {
		t.Errorf("%d descriptors, %v", n, err)
	}
}

// TestWrk: wrk sends the requests as they are, and answers of another status are counted as bad.
func TestWrk(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("wrk"); err != nil {
		t.Skip("wrk is not installed")
	}
	var bad atomic.Bool
	body := `a "body" \ with` + "\r\n" + `quotes`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got, err := io.ReadAll(r.Body); err != nil || string(got) != body || r.Header.Get("X-Auth-Token") != "token" {
			bad.Store(true)
		}
		if bad.Load() {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	l := load{Address: address, Clients: 2, Seconds: 1, Requests: [][]byte{postRequest(address, "/x", "token", []byte(body))}}
	if got, err := runWrk(t.Context(), l, t.TempDir()); err != nil || got.Requests < 2 || got.Bad != 0 || got.Seconds < 0.9 {
		t.Errorf("%+v, %v", got, err)
	}
	bad.Store(true)
	if got, err := runWrk(t.Context(), l, t.TempDir()); err != nil || got.Requests < 2 || got.Bad != got.Requests {
		t.Errorf("a server that refuses all: %+v, %v", got, err)
	}
}
