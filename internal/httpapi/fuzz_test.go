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

// Whatever a batch consists of, each line of its answer is JSON, its last line says that it is whole, there is an answer to each line
// that is taken, and nothing stays held.
func FuzzBatch(f *testing.F) {
	w := newWorld(f, func(o *worldOptions) {
		o.Service = scripted{o.Service, 100, instant{}.Handle}
		o.Limits.Rate = -1
		o.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
	})
	f.Add(`{"id":"1","op":"authn","data":{"User-Name":"bob"}}`+"\n"+`{"id":"1","op":"translate","of":"authn","data":{}}`, 7)
	f.Add("\n\r\n \t{\"id\":\"\\ud83d\"}\nnull\n[]", 1)
	f.Add(`{"id":"a","id":"b"}`+"\n"+`{"id":"\u0000","op":"x"}`+"\n\xff\x00", 3)
	f.Add(strings.Repeat("x", maxLine+2)+"\n{}", 1<<16)
	f.Fuzz(func(t *testing.T, body string, piece int) {
		r := httptest.NewRequest(http.MethodPost, at(w.tenant, "/aaa/batch"), &pieces{body, max(1, piece)})
		r.Header.Set("X-Auth-Token", w.tenantToken)
		out := httptest.NewRecorder()
		w.api.ServeHTTP(out, r)
		if w.api.Budget.Held() != 0 || len(w.api.lanes.accounts) != 0 {
			t.Fatalf("%q: something is held", body)
		}
		if out.Code == http.StatusBadRequest || out.Code == http.StatusRequestEntityTooLarge {
			return
		}
		byID, others, done := answerLines(t, out.Body.String())
		if answers := len(byID) + len(others); out.Code != 200 || !done.Done || answers < done.Lines || answers > done.Lines+1 || done.Errors < len(others)-1 {
			t.Errorf("%q: %d %s", body, out.Code, out.Body)
		}
	})
}

// pieces gives a text in pieces of a length.
type pieces struct {
	text string
	each int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.text == "" {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.each)], p.text)
	p.text = p.text[n:]
	return n, nil
}
