package httpapi

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whatever is sent, the answer is JSON and no fault of the service, and what the
// service is given holds no more than texts, numbers, booleans and lists of them.
func FuzzRequest(f *testing.F) {
	w := newWorld(f, func(o *worldOptions) {
		o.Service = instant{o.Service}
		o.Limits.Rate = -1
		o.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
	})
	w.allow(w.tenant, `{"requests_per_second":10000000,"api_requests_per_second":10000000}`)
	f.Add("POST", "/aaa/authn", "trace=true", "application/json", data(`{"User-Name":"bob","n":1.5e3,"l":["a",true]}`))
	f.Add("POST", "/aaa/accounting", "", "", `{"verb":"POST","data":{"a":"\ud83d\ude00"}}`)
	f.Add("POST", "/aaa", "verb=PUT", "application/x-www-form-urlencoded", data(aDocument))
	f.Add("PATCH", "/aaa", "", "application/merge-patch+json", data(`{"servers":null,"x-y":{"z":[1e309]}}`))
	f.Add("PUT", "/aaa/dictionary", "name=d", "text/plain", acmeText)
	f.Add("PUT", "/aaa/dictionary", "", "application/json", data(`{"name":"d","value":[{"attr":{"id":1,"type":"string","name":"A"}}]}`))
	f.Add("PUT", "/aaa/fsm", "name=t", "text/plain", aTable)
	f.Add("POST", "/aaa/fsm/check", "", "application/json", data(aTableInJSON))
	f.Add("POST", "/aaa/fsm/sequential/simulate", "", "application/json", data(`{"request":"AUTHEN","arrives":[{"action":"RADIUS","event":"ACK"}]}`))
	f.Add("PUT", "/aaa/users/u", "", "text/plain", aUsersFile)
	f.Add("GET", "/children", "page_size=1&start_key=%00&filter_name=x", "", "")
	f.Add("POST", "/move", "", "application/json", data(`{"to":"x"}`))
	f.Add("PUT", "/tokens", "", "application/json", data(`{"scopes":["read"],"expires_at":"2030-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, method, path, query, kind, body string) {
		if method == http.MethodHead || strings.ContainsAny(path, "?#%") || len(path) > 200 {
			return
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Method, r.URL.Path, r.URL.RawQuery = method, at(w.tenant, path), query
		r.Header.Set("X-Auth-Token", w.tenantToken)
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		out := httptest.NewRecorder()
		w.api.ServeHTTP(out, r)
		if out.Code >= 500 {
			t.Errorf("%s %q?%q: %d %s", method, path, query, out.Code, out.Body)
		}
		if strings.HasPrefix(out.Header().Get("Content-Type"), "application/json") && !json.Valid(out.Body.Bytes()) {
			t.Errorf("no JSON: %q", out.Body)
		}
	})
}
