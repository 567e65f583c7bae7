package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
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
