package httpapi

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// counting is a body of unknown length that counts what is read of it.
type counting struct {
	io.Reader
	read int
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.read += n
	return n, err
}

func (c *counting) Close() error { return nil }

// Of a body that its sender may not send no more is read than a short one: to find a token or another method in it.
func TestBodiesAreReadByThoseWhoMaySendThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := strings.Repeat(" ", 8<<20)
	reader := w.token(w.tenant, token.ScopeRead)
	for name, c := range map[string]struct {
		method, path, token string
		status, most        int
	}{
		"without the scope":              {"PUT", at(w.tenant, "/aaa/dictionary"), reader, 403, 0},
		"without the scope, a POST":      {"POST", at(w.tenant, "/aaa/dictionary"), reader, 403, web.MaxShortBody},
		"out of reach":                   {"PUT", at(w.sibling, "/aaa/dictionary"), w.tenantToken, 404, 0},
		"with a token that is none":      {"PUT", at(w.tenant, "/aaa/dictionary"), "none", 401, 0},
		"a stranger":                     {"PUT", at(w.tenant, "/aaa/dictionary"), "", 401, web.MaxShortBody},
		"a stranger with a public route": {"PUT", "/v2/api_auth", "", 413, web.MaxShortBody},
		"a stranger at no route":         {"POST", "/v2/nothing", "", 404, 0},
		"a stranger at no POST":          {"POST", "/v2/whoami", "", 413, web.MaxShortBody},
		"a stranger at a public page":    {"GET", "/healthz", "", 200, 0},
		"what takes none":                {"GET", at(w.tenant, ""), w.tenantToken, 200, 0},
	} {
		for _, known := range []bool{false, true} {
			body := &counting{Reader: strings.NewReader(text)}
			req, err := http.NewRequestWithContext(t.Context(), c.method, c.path, body)
			ok(t, err)
			req.ContentLength = -1
			if known {
				req.ContentLength = 8 << 20
			}
			if c.token != "" {
				req.Header.Set("X-Auth-Token", c.token)
			}
			rec := &statusOnly{header: http.Header{}}
			w.api.ServeHTTP(rec, req)
			most := c.most + 1 // whoever reads to the bound looks for one more
			if known {
				most = 0
			}
			if rec.status != c.status || body.read > most {
				t.Errorf("%s: status %d, %d octets read of a body whose length is known: %v", name, rec.status, body.read, known)
			}
		}
	}
}

// statusOnly keeps the status of an answer.
type statusOnly struct {
	header http.Header
	status int
}

func (r *statusOnly) Header() http.Header         { return r.header }
func (r *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
func (r *statusOnly) WriteHeader(status int)      { r.status = status }
