package httpapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answersAt asks a handler and returns all of its answer but the time.
func answersAt(t *testing.T, h http.Handler, method, target, body string) (status int, whole string) {
	t.Helper()
	rec := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(body))
	u, err := r.URL.Parse("http://host" + target)
	ok(t, err)
	r.URL = u
	r.Header.Set("X-Request-Id", "same")
	h.ServeHTTP(rec, r)
	before, rest, _ := strings.Cut(rec.Body.String(), `"timestamp"`)
	_, after, _ := strings.Cut(rest, ",")
	return rec.Code, fmt.Sprint(rec.Code, rec.Header(), before, after)
}

// With an admin listener what is the operator's is at no address of the API's port, in no spelling.
func TestAdminApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.Peers, o.AdminApart = peersOf{}, true })
	_, nothing := answersAt(t, w.api, "GET", "/no/such/path", "")
	_, nothingHere := answersAt(t, w.api, "POST", "/no/such/path", "good")
	for _, path := range []string{"metrics", "internal/continue", "internal/", "internal"} {
		first := fmt.Sprintf("%%%X", path[0])
		for _, spelling := range []string{
			"/" + path, "/" + first + path[1:], "//" + path, "/./" + path, "/docs/../" + path, "/" + path + "/", "/" + path + "?x=y", "/" + path + "%00",
			"/" + strings.ToUpper(path), "/%2F" + path, "/%2e/" + path, "/" + path + ";a", "/v2/../" + path, "/" + path + "%20", `/\` + path,
		} {
			if _, got := answersAt(t, w.api, "GET", spelling, ""); got != nothing {
				t.Errorf("GET %s: %s", spelling, got)
			}
			for _, verb := range []string{"", "?verb=GET"} {
				if strings.Contains(spelling, "?") && verb != "" {
					continue
				}
				if _, got := answersAt(t, w.api, "POST", spelling+verb, "good"); got != nothingHere {
					t.Errorf("POST %s: %s", spelling+verb, got)
				}
			}
		}
	}

	admin := w.api.Operators()
	for _, tc := range []struct {
		method, path, body string
		status             int
		has                string
	}{
		{"GET", "/metrics", "", 200, "aaa_api_http_requests_total"},
		{"GET", "/readyz", "", 200, `"checks":`},
		{"GET", "/healthz", "", 200, `"ok"`},
		{"POST", "/internal/continue", "good", 200, ""},
		{"POST", "/internal/continue", "bad one", 404, "not_found"},
		{"GET", "/v2/whoami", "", 404, "not_found"},
		{"GET", "/docs", "", 404, "not_found"},
		{"GET", "/", "", 404, "not_found"},
		{"PUT", "/metrics", "", 405, "invalid_method"},
	} {
		if status, got := answersAt(t, admin, tc.method, tc.path, tc.body); status != tc.status || !strings.Contains(got, tc.has) {
			t.Errorf("%+v: %s", tc, got)
		}
	}
	if r := w.call("", "GET", "/readyz", "").want(200); r.text != `{"status":"ok"}`+"\n" {
		t.Errorf("the API's port tells more than the status: %s", r.text)
	}
	w.call("", "GET", "/healthz", "").want(200)
	w.call(w.tenantToken, "GET", "/v2/whoami", "").want(200)

	whole := newWorld(t, func(o *worldOptions) { o.Peers = peersOf{} }) // without one, one port has it all
	for _, path := range []string{"/metrics", "/readyz"} {
		if status, got := answersAt(t, whole.api, "GET", path, ""); status != 200 || strings.Contains(got, `{"status":"ok"}`) {
			t.Errorf("without an admin listener %s: %s", path, got)
		}
	}
}
