package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/gateway"
	"aaa-api/internal/logging"
	"aaa-api/internal/web"
)

// instant is a service that answers without doing anything.
type instant struct{ gateway.Service }

func (instant) Handle(context.Context, *aaa.Request) (*aaa.Result, error) {
	return &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true, Server: "server1", Attempts: 1, Keys: map[string]any{"Reply-Message": "hello bob"}}, nil
}

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkAuthn is what the HTTP side costs of one request, net/http itself and the
// service behind it left out.
func BenchmarkAuthn(b *testing.B) {
	w := newWorld(b, func(o *worldOptions) {
		o.Service = instant{o.Service}
		o.Limits.Rate = 1e9
		o.Requests = logging.NewRequests(io.Discard, slog.LevelInfo, "node1")
	})
	body := []byte(data(`{"User-Name":"bob@example.com","User-Password":"secret","Calling-Station-Id":"00-11-22-33-44-55","NAS-Identifier":"nas1"}`))
	req, err := http.NewRequestWithContext(b.Context(), "POST", at(w.tenant, "/aaa/authn"), nil)
	ok(b, err)
	req.Header.Set("X-Auth-Token", w.tenantToken)
	req.Header.Set("Content-Type", "application/json")
	req.ContentLength = int64(len(body))
	reader := bytes.NewReader(body)
	out := discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		req.Body = io.NopCloser(reader)
		clear(out.header)
		w.api.ServeHTTP(out, req)
	}
}

// BenchmarkBatch is what the HTTP side costs of one line of a batch, beside BenchmarkAuthn.
func BenchmarkBatch(b *testing.B) {
	for name, c := range map[string]struct {
		op, query string
		pause     time.Duration // a commit
	}{
		"authn": {op: "authn"}, "stored": {"accounting", "?accept=stored", 0}, "committed": {"accounting", "?accept=stored", 3 * time.Millisecond},
	} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, func(o *worldOptions) {
				o.Service = scripted{o.Service, 512, func(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
					if c.pause > 0 {
						time.Sleep(c.pause)
					}
					return instant{}.Handle(ctx, req)
				}}
				o.Requests = logging.NewRequests(io.Discard, slog.LevelInfo, "node1")
			})
			var body bytes.Buffer
			for i := range batchLines {
				fmt.Fprintf(&body, `{"id":"%d","op":"%s","data":{"User-Name":"bob@example.com","User-Password":"secret","Calling-Station-Id":"00-11-22-33-44-55","NAS-Identifier":"nas1"}}`+"\n", i, c.op)
			}
			b.ReportAllocs()
			for at0 := 0; at0 < b.N; at0 += batchLines {
				req, err := http.NewRequestWithContext(b.Context(), "POST", at(w.tenant, "/aaa/batch"+c.query), bytes.NewReader(body.Bytes()))
				ok(b, err)
				req.Header.Set("X-Auth-Token", w.tenantToken)
				req.Header.Set("Content-Type", web.NDJSON)
				w.api.ServeHTTP(discard{http.Header{}}, req)
			}
		})
	}
}

// BenchmarkOverHTTP compares requests one by one over a kept connection with a batch of them, by the processor time that both ends
// take together. The client is as cheap as one can be, so most of it is the service's.
func BenchmarkOverHTTP(b *testing.B) {
	const text = `{"User-Name":"bob@example.com","User-Password":"secret","Calling-Station-Id":"00-11-22-33-44-55","NAS-Identifier":"nas1"}`
	w := newWorld(b, func(o *worldOptions) {
		o.Service = scripted{o.Service, 512, instant{}.Handle}
		o.Limits.Rate = 1e9
		o.Requests = logging.NewRequests(io.Discard, slog.LevelInfo, "node1")
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(b, err)
	s := web.NewHTTPServer("", w.api)
	go func() { _ = s.Serve(web.NewConnections(0, nil).Listener(l)) }()
	defer s.Close()
	head := func(path, kind string, length int) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nX-Auth-Token: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", at(w.tenant, path), w.tenantToken, kind, length)
	}
	var lines bytes.Buffer
	for i := range batchLines {
		fmt.Fprintf(&lines, `{"id":"%d","op":"authn","data":%s}`+"\n", i, text)
	}
	for name, c := range map[string]struct {
		request, end string
		each         int
	}{
		"one by one": {head("/aaa/authn", "application/json", len(data(text))) + data(text), `"node":"`, 1},
		"batch":      {head("/aaa/batch", web.NDJSON, lines.Len()) + lines.String(), "0\r\n\r\n", batchLines},
	} {
		b.Run(name, func(b *testing.B) {
			conn, err := net.Dial("tcp", l.Addr().String())
			ok(b, err)
			defer conn.Close()
			var before, after syscall.Rusage
			ok(b, syscall.Getrusage(syscall.RUSAGE_SELF, &before))
			in := make([]byte, 256<<10)
			for n := 0; n < b.N; n += c.each {
				go io.WriteString(conn, c.request) //nolint:errcheck // the reader tells
				for kept := 0; ; {
					n, err := conn.Read(in[kept:])
					ok(b, err)
					if seen := in[:kept+n]; bytes.Contains(seen, []byte(c.end)) {
						break
					}
					kept = copy(in, in[max(0, kept+n-16):kept+n])
				}
			}
			ok(b, syscall.Getrusage(syscall.RUSAGE_SELF, &after))
			took := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
			b.ReportMetric(float64(took.Nanoseconds())/float64((b.N+c.each-1)/c.each*c.each), "cpu-ns/request")
		})
	}
}
