package authorizer

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"aaa-api/internal/aaa"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secretText = "s3cr3t-of-the-provider"

func newClient(t *testing.T) *Client {
	c := New()
	t.Cleanup(c.Close)
	return c
}

func newServer(t *testing.T, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// TestAnswers asks authorisers that answer in all the ways they can, each
// registered with and without fail_open.
func TestAnswers(t *testing.T) {
	t.Parallel()
	moved := newServer(t, func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	var silent http.HandlerFunc = func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server notices a client that goes away only once the body is read
		<-r.Context().Done()
	}
	var stalled http.HandlerFunc = func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"authorized": true`)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, `{"authorized": true}`)
		}
	}
	cut := func(code int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(code)
			_, _ = io.WriteString(w, text)
		}
	}
	stalledAfter := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(code)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}
	const yes, no, none, down = "yes", "no", "none", "down"
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
		fault   string // in the error
	}{
		{"yes", answer(`{"authorized": true}`), yes, ""},
		{"no", answer(`{"authorized": false, "reason": "no credit", "more": {"authorized": true}}`), no, ""},
		{"space around", answer(" \n{ \"authorized\" :true } \n"), yes, ""},
		{"other case", answer(`{"Authorized": true}`), none, "is not a JSON object"},
		{"twice", answer(`{"authorized": false, "authorized": true}`), none, "is not a JSON object"},
		{"text", answer(`{"authorized": "true"}`), none, "is not a JSON object"},
		{"number", answer(`{"authorized": 1}`), none, "is not a JSON object"},
		{"null", answer(`{"authorized": null}`), none, "is not a JSON object"},
		{"absent", answer(`{}`), none, "is not a JSON object"},
		{"nested", answer(`[{"authorized": true}]`), none, "is not a JSON object"},
		{"two documents", answer(`{"authorized": true}{"authorized": false}`), none, "is not a JSON object"},
		{"cut off", answer(`{"authorized": true`), none, "is not a JSON object"},
		{"garbage", answer("\x00\xff<html>"), none, "is not a JSON object"},
		{"empty", answer(""), none, "is not a JSON object"},
		{"huge", answer(`{"authorized": true, "x": "` + strings.Repeat("x", maxAnswer) + `"}`), none, "longer than 65536"},
		{"just fits", answer(`{"authorized": true}` + strings.Repeat(" ", maxAnswer-20)), yes, ""},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, moved.URL, http.StatusTemporaryRedirect)
		}, none, "status 307"},
		{"created", status(201), none, "status 201"},
		{"bad request", status(400), none, "status 400"},
		{"no credential", status(401), none, "status 401"},
		{"forbidden", status(403), none, "status 403"},
		{"not found", status(404), none, "status 404"},
		{"too many", status(429), none, "status 429"},
		{"unavailable", status(503), down, "status 503"},
		{"error", status(500), down, "status 500"},
		{"silent", silent, down, "deadline exceeded"},
		{"stalled", stalled, none, "deadline exceeded"}, // it has answered, perhaps by a refusal
		{"refused, cut off", cut(403, `{"authorized"`), none, "status 403"},
		{"refused, stalled", stalledAfter(403), none, "status 403"},
		{"another protocol", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Upgrade", "other")
			w.Header().Set("Connection", "Upgrade")
			stalledAfter(101)(w, r)
		}, none, "status 101"},
		{"out of order, stalled", stalledAfter(500), down, "status 500"},
		{"no, cut off", cut(200, `{"authorized": false}`), no, ""},
		{"yes, cut off", cut(200, `{"authorized": true}`), none, "EOF"},
		{"half an answer", cut(200, `{"authorized": false,`), none, "EOF"},
		{"out of order, cut off", cut(503, `{`), down, "status 503"},
		{"hung up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, down, "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t, c.handler)
			for _, failOpen := range []bool{false, true} {
				p := aaa.AuthzProvider{URL: server.URL + "/ask?key=hush", Secret: aaa.NewSecret(secretText), Timeout: 5000, FailOpen: failOpen}
				if strings.Contains(c.fault, "deadline") {
					p.Timeout = 50
				}
				v, err := newClient(t).Ask(t.Context(), "jonny5", p, Question{})
				wantOutcome := map[string]string{yes: Authorized, no: Refused, none: NoAnswer, down: NoAnswer}[c.want]
				if c.want == down && failOpen {
					wantOutcome = FailedOpen
				}
				if v.Outcome != wantOutcome || v.Authorized != (wantOutcome == Authorized || wantOutcome == FailedOpen) {
					t.Errorf("fail_open %v: %+v, want %s", failOpen, v, wantOutcome)
				}
				checkError(t, err, c.fault)
			}
		})
	}
}

func checkError(t *testing.T, err error, fault string) {
	t.Helper()
	switch {
	case fault == "" && err != nil:
		t.Error(err)
	case fault != "" && (err == nil || !strings.Contains(err.Error(), fault) || !strings.Contains(err.Error(), "jonny5")):
		t.Errorf("error %v, want one about %q that names the authoriser", err, fault)
	case err != nil && (strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), secretText)):
		t.Errorf("the error gives a credential away: %v", err)
	}
}

// newTLSServer is one whose certificate nobody trusts.
func newTLSServer(t *testing.T) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// newAlertingServer is one that refuses every TLS handshake.
func newAlertingServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = conn.Write([]byte{21, 3, 3, 0, 2, 2, 40}) // an alert: fatal, handshake_failure
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// TestIdleConnectionClosed: an authoriser that closes an idle connection just as a question comes is asked again over a new one: its
// word counts, and the end of a connection does not authorise in its place.
func TestIdleConnectionClosed(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]bool{}
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if seen[r.RemoteAddr] {
			panic(http.ErrAbortHandler)
		}
		seen[r.RemoteAddr] = true
		_, _ = io.WriteString(w, `{"authorized": false}`)
	})
	c := newClient(t)
	p := aaa.AuthzProvider{URL: server.URL, Secret: aaa.NewSecret(secretText), Timeout: 5000, FailOpen: true}
	for range 3 {
		if v, err := c.Ask(t.Context(), "jonny5", p, Question{}); v.Outcome != Refused || err != nil {
			t.Errorf("%+v, %v", v, err)
		}
	}
}

// TestNobodyThere covers what fails before anything is sent.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "http://" + l.Addr().String() + "/?key=hush"
	l.Close()
	secret := aaa.NewSecret(secretText)
	for _, c := range []struct {
		provider aaa.AuthzProvider
		fault    string
		opens    bool // with fail_open: it was asked, and is not there
	}{
		{aaa.AuthzProvider{URL: refused, Secret: secret}, "connection refused", true},
		{aaa.AuthzProvider{URL: "https://" + newTLSServer(t) + "/?key=hush", Secret: secret}, "certificate", false},
		{aaa.AuthzProvider{URL: "https://" + newAlertingServer(t) + "/?key=hush", Secret: secret}, "handshake failure", false},
		{aaa.AuthzProvider{URL: "ftp://127.0.0.1/?key=hush", Secret: secret}, "http or https", false},
		{aaa.AuthzProvider{URL: "/relative?key=hush", Secret: secret}, "http or https", false},
		{aaa.AuthzProvider{URL: "http://hush:hush@127.0.0.1/", Secret: secret}, "user name", false},
		{aaa.AuthzProvider{URL: "http://[::1?hush", Secret: secret}, "http or https", false},
		{aaa.AuthzProvider{URL: refused}, "no secret", false},
	} {
		for _, failOpen := range []bool{false, true} {
			c.provider.FailOpen = failOpen
			v, err := newClient(t).Ask(t.Context(), "jonny5", c.provider, Question{})
			if v.Authorized != (failOpen && c.opens) {
				t.Errorf("%s, fail_open %v: %+v", c.fault, failOpen, v)
			}
			checkError(t, err, c.fault)
		}
	}
}

// TestTurnedAway: an authoriser that ends the handshake for want of a certificate has refused, fail_open or not.
func TestTurnedAway(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	c := newClient(t)
	c.http.Transport.(*http.Transport).TLSClientConfig.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	p := aaa.AuthzProvider{URL: server.URL, Secret: aaa.NewSecret(secretText), Timeout: 5000, FailOpen: true}
	v, err := c.Ask(t.Context(), "jonny5", p, Question{})
	if v.Authorized || v.Outcome != NoAnswer {
		t.Errorf("%+v", v)
	}
	checkError(t, err, "certificate required")
}

// TestCallerGone shows that fail_open is about the authoriser: when the request itself has ended, nothing is authorised.
func TestCallerGone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	p := aaa.AuthzProvider{URL: server.URL, Secret: aaa.NewSecret(secretText), FailOpen: true}
	v, err := newClient(t).Ask(ctx, "jonny5", p, Question{})
	if v.Authorized || v.Outcome != NoAnswer || !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", v, err)
	}
	ended, end := context.WithTimeout(t.Context(), time.Millisecond)
	defer end()
	v, err = newClient(t).Ask(ended, "jonny5", p, Question{})
	if v.Authorized || v.Outcome != NoAnswer || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the request's time is over: %+v, %v", v, err)
	}
}

// TestQuestion shows what an authoriser is sent: signed, and without secrets.
func TestQuestion(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_790_000_000, 0)
	secret := aaa.NewSecret(secretText)
	var body []byte
	var header http.Header
	server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		header = r.Header
		if r.Method != http.MethodPost || r.URL.Path != "/ask" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		_, _ = io.WriteString(w, `{"authorized": true}`)
	})
	c := newClient(t)
	c.now = func() time.Time { return now }
	_, err := c.Ask(t.Context(), "jonny5", aaa.AuthzProvider{URL: server.URL + "/ask", Secret: secret}, Question{
		Account: "5157b7a3b843668a6baf83f6fa5e0bf4", RequestID: "r-1", Op: aaa.Authz,
		Values: map[string]any{
			"User-Name": "bob", "Amount": json.Number("12"), "Prepaid": true, "Numbers": []any{"1", "2"},
			"User-Password": "hush", "userPin": "hush", "auth_token": "hush", "Hash": "hush",
		},
		Hidden: []string{"Hash"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"name": "jonny5", "account_id": "5157b7a3b843668a6baf83f6fa5e0bf4", "request_id": "r-1", "op": "authz",
		"data": map[string]any{"User-Name": "bob", "Amount": 12.0, "Prepaid": true, "Numbers": []any{"1", "2"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if err := Verify(secret, header, body, now.Add(30*time.Second), time.Minute); err != nil {
		t.Errorf("the receiver can't verify the question: %v", err)
	}
}

// TestNoProxy shows that the environment's proxy is not used: the question would go to whoever set it.
func TestNoProxy(t *testing.T) {
	t.Parallel()
	if tr, ok := New().http.Transport.(*http.Transport); !ok || tr.Proxy != nil {
		t.Error("the transport asks for a proxy")
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, s := range []string{`{"authorized": true}`, `{"a":[{}],"authorized":false}`, `{"authorized":tru`, `[`, `{"authorized":true,}`, `{1:2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		yes, err := parseAnswer(body)
		if err == nil && !json.Valid(body) {
			t.Fatalf("%q is taken for JSON", body)
		}
		if yes && !strings.Contains(string(body), "true") {
			t.Fatalf("%q authorises", body)
		}
	})
}
