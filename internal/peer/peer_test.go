package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aaa-api/internal/aaa"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
)

// memKeys is what the test needs of store.Keys, in memory: the database that nodes share.
type memKeys struct {
	store.Keys
	asked atomic.Int32
	mu    sync.Mutex
	rows  map[aaa.AccountID][]byte
}

func (m *memKeys) Get(_ context.Context, account aaa.AccountID) ([]byte, error) {
	m.asked.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	if row, ok := m.rows[account]; ok {
		return row, nil
	}
	return nil, store.ErrNotFound
}

func (m *memKeys) Add(_ context.Context, account aaa.AccountID, wrapped []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows == nil {
		m.rows = map[aaa.AccountID][]byte{}
	}
	m.rows[account] = wrapped
	return wrapped, nil
}

func newVault(t *testing.T) *secmod.Vault {
	t.Helper()
	v, _ := newVaultOn(t, &memKeys{})
	return v
}

func newVaultOn(t *testing.T, keys *memKeys) (*secmod.Vault, secmod.KEK) {
	t.Helper()
	kek, err := secmod.CreateKeyFile(filepath.Join(t.TempDir(), "key"))
	ok(t, err)
	v := secmod.New(kek, keys)
	ok(t, v.Check(t.Context()))
	return v, kek
}

// unread notes whether anything is read of a body.
type unread struct {
	io.Reader
	read bool
}

func (u *unread) Read(b []byte) (int, error) {
	u.read = true
	return u.Reader.Read(b)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	account = aaa.AccountID("0123456789abcdef0123456789abcdef")
	sid     = "the-sid-of-somebody"
)

// pair is two nodes: client asks server. The last bodies that went over the wire are kept.
type pair struct {
	keys   *memKeys
	kek    secmod.KEK
	vault  *secmod.Vault
	client *Client
	server *Server
	door   *Door
	url    string
	log    bytes.Buffer

	mu     sync.Mutex
	bodies []string
	served int
}

// newPair makes the nodes; serve is what the asked one does, nil for a plain yes.
func newPair(t *testing.T, serve Continue) *pair {
	t.Helper()
	keys := &memKeys{}
	vault, kek := newVaultOn(t, keys)
	p := &pair{vault: vault, keys: keys, kek: kek}
	log := slog.New(slog.NewJSONHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	serving := func(ctx context.Context, a aaa.AccountID, sid string, values aaa.Values, requestID string) (*aaa.SessionAnswer, error) {
		p.mu.Lock()
		p.served++
		p.mu.Unlock()
		if serve == nil {
			return &aaa.SessionAnswer{Result: aaa.SessionAuthenticated}, nil
		}
		return serve(ctx, a, sid, values, requestID)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		p.mu.Lock()
		p.bodies = append(p.bodies, string(body))
		p.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		if !p.door.Serve(w, r) {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(web.Close)
	p.server = NewServer(p.vault, web.URL, serving, log) // before the first request
	p.door = NewDoor(p.server)
	p.client, p.url = NewClient(p.vault, log), web.URL
	return p
}

func (p *pair) ask(t *testing.T, values aaa.Values) (*aaa.SessionAnswer, error) {
	t.Helper()
	return p.client.Continue(t.Context(), p.url, account, sid, values, "request-1")
}

// post sends a head and a body as they are and returns the status.
func (p *pair) post(t *testing.T, head, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", p.url+Path, strings.NewReader(body))
	ok(t, err)
	req.Header.Set(headName, head)
	resp, err := http.DefaultClient.Do(req)
	ok(t, err)
	resp.Body.Close()
	return resp.StatusCode
}

// message seals a head that is good, after change, and its message.
func (p *pair) message(t *testing.T, id nonce, change func(*head)) (first, body string) {
	t.Helper()
	h := head{To: p.url, At: time.Now().UnixMilli(), Nonce: id[:]}
	change(&h)
	first, err := p.client.seal(t.Context(), headPurpose, h)
	ok(t, err)
	body, err = p.client.seal(t.Context(), messagePurposeOf(id), message{Account: account, SID: sid})
	ok(t, err)
	return first, body
}

func TestWhatIsAskedAndAnsweredArrivesWhole(t *testing.T) {
	t.Parallel()
	values := aaa.Values{
		"answer": "hunter2<&>\u2028", "n": json.Number("18446744073709551615"), "f": json.Number("0.10"), "b": true,
		"list": []any{"x", json.Number("1"), false},
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	var avps aaa.AVPs
	avps.Add("Class", "0xff")
	want := &aaa.SessionAnswer{
		Result: aaa.SessionChallenge, Prompt: "Code?", Echo: true,
		Session: aaa.Session{
			ID: "abc", Account: account, State: aaa.SessionCont, User: "alice", Rounds: 3, CreatedAt: at,
			Counters: aaa.Counters{InputOctets: 1<<64 - 1},
		},
		Keys: aaa.Values{"message": "hello", "list": []any{"a"}}, AVPs: avps,
	}
	p := newPair(t, func(_ context.Context, a aaa.AccountID, s string, got aaa.Values, requestID string) (*aaa.SessionAnswer, error) {
		if a != account || s != sid || requestID != "request-1" {
			t.Errorf("got account %s, sid %s, request %s", a, s, requestID)
		}
		if d := cmp.Diff(values, got); d != "" {
			t.Errorf("values (-want +got):\n%s", d)
		}
		return want, nil
	})
	got, err := p.ask(t, values)
	ok(t, err)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("answer (-want +got):\n%s", d)
	}
	if wire := p.bodies[0] + p.log.String(); strings.Contains(wire, "hunter2") || strings.Contains(wire, sid) {
		t.Errorf("in the clear: %s", wire)
	}
}

func TestErrorsComeBackAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ give, want error }{
		{aaa.Invalid(aaa.Field{Path: "answer", Rule: "required", Message: "is needed", Target: "x"}), nil},
		{&aaa.Error{Kind: aaa.KindBusy, Message: "full", RetryAfter: 3 * time.Second}, nil},
		{aaa.Errorf(aaa.KindConflict, "the session is completed"), nil},
		{&aaa.Error{Kind: aaa.KindNotFound, Message: "not found", Err: errors.New("row 5 of table x")}, aaa.Errorf(aaa.KindNotFound, "not found")},
		{context.DeadlineExceeded, aaa.Errorf(aaa.KindNoAnswer, "the request took too long")},
		{errors.New("dsn postgres://secret"), aaa.Errorf(aaa.KindInternal, "an internal error: the log of the process where it arose has it under the request id")},
	} {
		p := newPair(t, func(context.Context, aaa.AccountID, string, aaa.Values, string) (*aaa.SessionAnswer, error) {
			return nil, tc.give
		})
		_, err := p.ask(t, nil)
		want := tc.want
		if want == nil {
			want = tc.give
		}
		if d := cmp.Diff(want, err, cmpopts.IgnoreUnexported(aaa.Error{})); d != "" {
			t.Errorf("%v (-want +got):\n%s", tc.give, d)
		}
	}
}

// A message serves once, also when it comes many times at the same moment.
func TestReplayIsRefused(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	first, body := p.message(t, nonce{1}, func(*head) {})
	var good, refused sync.Map
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			switch p.post(t, first, body) {
			case http.StatusOK:
				good.Store(i, true)
			case http.StatusNotFound:
				refused.Store(i, true)
			}
		})
	}
	all.Wait()
	count := func(m *sync.Map) (n int) {
		m.Range(func(any, any) bool { n++; return true })
		return n
	}
	if count(&good) != 1 || count(&refused) != 19 || p.served != 1 {
		t.Errorf("%d served, %d refused, %d reached the service", count(&good), count(&refused), p.served)
	}
	if !strings.Contains(p.log.String(), errSeen.Error()) {
		t.Error("the log does not tell why")
	}
}

func TestWhatIsNoGoodMessageIsRefusedWithoutAWord(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	first, good := p.message(t, nonce{1}, func(*head) {})
	ctx := t.Context()
	elsewhere := func(v HeldVault, account aaa.AccountID, purpose string) string {
		sealed, err := v.Seal(ctx, account, purpose, `{"to":"`+p.url+`"}`)
		ok(t, err)
		return sealed
	}
	changed := func(change func(*head)) string {
		first, _ := p.message(t, nonce{1}, change)
		return first
	}
	heads := map[string]string{
		"empty": "", "clear": `{"to":"` + p.url + `"}`, "cut": first[:len(first)-5], "longer": first + "A",
		"another key":           elsewhere(newVault(t), aaa.SystemConfig, headPurpose),
		"another purpose":       elsewhere(p.vault, aaa.SystemConfig, "servers/x/secret"),
		"a message":             good[:min(len(good), MaxHead)],
		"an answer":             elsewhere(p.vault, aaa.SystemConfig, answerPurposeOf(nonce{1})),
		"a tenant's key":        elsewhere(p.vault, account, headPurpose),
		"too long":              first + strings.Repeat("A", MaxHead),
		"too old":               changed(func(h *head) { h.At -= (window + time.Second).Milliseconds() }),
		"of the future":         changed(func(h *head) { h.At += (window + 5*time.Second).Milliseconds() }),
		"for another node":      changed(func(h *head) { h.To = "http://192.0.2.1:8000" }),
		"for nobody":            changed(func(h *head) { h.To = "" }),
		"without a nonce":       changed(func(h *head) { h.Nonce = nil }),
		"with half of one":      changed(func(h *head) { h.Nonce = h.Nonce[:8] }),
		"a moment out of range": changed(func(h *head) { h.At = -1 << 62 }),
	}
	for i := 0; i < len(first); i += 7 { // every seventh character is another
		c := byte('A')
		if first[i] == c {
			c = 'B'
		}
		heads["changed at "+first[:i]] = first[:i] + string(c) + first[i+1:]
	}
	for name, text := range heads {
		body := &unread{Reader: strings.NewReader(good)}
		r := httptest.NewRequestWithContext(ctx, "POST", Path, body)
		r.ContentLength = int64(len(good))
		r.Header.Set(headName, text)
		w := httptest.NewRecorder()
		if p.door.Serve(w, r) || w.Body.Len() > 0 || len(w.Header()) > 0 || body.read {
			t.Errorf("%s: answered, or its body was read: %v", name, body.read)
		}
	}
	if n := p.keys.asked.Load(); n > 3 { // by Seal once for each account, and once for all heads that don't open
		t.Errorf("the store was asked %d times", n)
	}
	_, other := p.message(t, nonce{2}, func(*head) {})
	n := byte(10)
	for name, body := range map[string]string{
		"cut": good[:len(good)-5], "longer": good + "A", "line end": good + "\n", "of another head": other, "too long": good + strings.Repeat("A", MaxMessage),
	} {
		n++
		first, _ := p.message(t, nonce{n}, func(*head) {})
		if status := p.post(t, first, body); status != http.StatusNotFound {
			t.Errorf("%s: status %d", name, status)
		}
	}
	for _, r := range []*http.Request{
		httptest.NewRequestWithContext(ctx, "GET", Path, strings.NewReader(good)),
		httptest.NewRequestWithContext(ctx, "POST", Path+"/", strings.NewReader(good)),
		httptest.NewRequestWithContext(ctx, "POST", Path, io.MultiReader(strings.NewReader(good))), // of no known length
	} {
		w := httptest.NewRecorder()
		r.Header.Set(headName, first)
		if p.door.Serve(w, r) || w.Body.Len() > 0 || len(w.Header()) > 0 {
			t.Errorf("%s %s was answered: %v", r.Method, r.URL, w)
		}
	}
	if p.served != 0 {
		t.Errorf("%d reached the service", p.served)
	}
	if status := p.post(t, first, good); status != http.StatusOK {
		t.Errorf("the good one: status %d", status)
	}
}

// A node whose key in memory is not that of the database any more, since a backup was put back, takes up the other.
func TestKeyIsTakenUp(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	p.keys.mu.Lock()
	p.keys.rows = nil
	p.keys.mu.Unlock()
	other := secmod.New(p.kek, p.keys)
	ok(t, other.Check(t.Context()))
	p.client.vault = other
	if _, err := p.ask(t, nil); err != nil {
		t.Errorf("with the database's key: %v", err)
	}
}

// Clocks that differ by less than a minute don't matter.
func TestClocksMayDifferALittle(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	for _, by := range []time.Duration{-window + 10*time.Second, window - 10*time.Second} {
		p.client.clock = func() time.Time { return time.Now().Add(by) }
		if _, err := p.ask(t, nil); err != nil {
			t.Errorf("%v: %v", by, err)
		}
	}
	p.client.clock = func() time.Time { return time.Now().Add(2 * window) }
	if _, err := p.ask(t, nil); !errors.Is(err, ErrGone) || aaa.KindOf(err) != aaa.KindConflict {
		t.Errorf("two minutes: %v", err)
	}
	if !strings.Contains(p.log.String(), "clocks") {
		t.Error("the log does not tell of the clocks")
	}
}

func TestNoncesAreKeptAsLongAsTheyMatter(t *testing.T) {
	t.Parallel()
	now := time.Now()
	n := nonces{limit: 3}
	ok(t, n.use(nonce{1}, now))
	for _, later := range []time.Duration{0, window, 2*window - 1, 2 * window, 3 * window} {
		if err := n.use(nonce{1}, now.Add(later)); !errors.Is(err, errSeen) {
			t.Errorf("after %v: %v", later, err)
		}
	}
	ok(t, n.use(nonce{2}, now.Add(3*window)))
	ok(t, n.use(nonce{3}, now.Add(3*window)))
	if err := n.use(nonce{4}, now.Add(3*window)); !errors.Is(err, errFull) {
		t.Errorf("a fourth of three: %v", err)
	}
	ok(t, n.use(nonce{4}, now.Add(4*window+1))) // the first is forgotten
	if err := n.use(nonce{3}, now.Add(4*window+1)); !errors.Is(err, errSeen) {
		t.Errorf("the third is forgotten too early: %v", err)
	}
	ok(t, n.use(nonce{3}, now.Add(20*window)))
}

// With all places taken, where messages are read or where they are served, the next is told to come again.
func TestMessagesInFlightAreBounded(t *testing.T) {
	t.Parallel()
	for _, few := range []func(*pair){
		func(p *pair) { p.server.places = make(chan struct{}, 1) },
		func(p *pair) { p.door.places = make(chan struct{}, 1) },
	} {
		entered, release := make(chan struct{}), make(chan struct{})
		p := newPair(t, func(context.Context, aaa.AccountID, string, aaa.Values, string) (*aaa.SessionAnswer, error) {
			entered <- struct{}{}
			<-release
			return &aaa.SessionAnswer{}, nil
		})
		few(p)
		first := make(chan error, 1)
		go func() {
			_, err := p.ask(t, nil)
			first <- err
		}()
		<-entered
		_, err := p.ask(t, nil)
		var e *aaa.Error
		if !errors.As(err, &e) || e.Kind != aaa.KindBusy || e.RetryAfter == 0 {
			t.Errorf("the second: %v", err)
		}
		close(release)
		ok(t, <-first)
	}
}

// What stands in for the other node can neither lead the client elsewhere nor make up an answer.
func TestClientBelievesNobodyElse(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer other.Close()
	for name, tc := range map[string]struct {
		answer func(p *pair, w http.ResponseWriter)
		kind   aaa.Kind
	}{
		"redirect":  {func(_ *pair, w http.ResponseWriter) { w.Header().Set("Location", other.URL); w.WriteHeader(307) }, aaa.KindNoAnswer},
		"not there": {func(_ *pair, w http.ResponseWriter) { w.WriteHeader(404) }, aaa.KindConflict},
		"a fault":   {func(_ *pair, w http.ResponseWriter) { w.WriteHeader(502) }, aaa.KindNoAnswer},
		"clear":     {func(_ *pair, w http.ResponseWriter) { io.WriteString(w, `{"answer":{"Result":"authenticated"}}`) }, aaa.KindNoAnswer},
		"too long":  {func(_ *pair, w http.ResponseWriter) { io.WriteString(w, strings.Repeat("A", maxAnswer+1)) }, aaa.KindNoAnswer},
		"empty":     {func(*pair, http.ResponseWriter) {}, aaa.KindNoAnswer},
		"the answer to another message": {func(p *pair, w http.ResponseWriter) {
			sealed, err := p.server.seal(t.Context(), nonce{7}, outcome{Answer: &aaa.SessionAnswer{Result: aaa.SessionAuthenticated}})
			ok(t, err)
			io.WriteString(w, sealed)
		}, aaa.KindNoAnswer},
		"cut off": {func(_ *pair, w http.ResponseWriter) { w.Header().Set("Content-Length", "100"); io.WriteString(w, "A") }, aaa.KindNoAnswer},
	} {
		p := newPair(t, nil)
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tc.answer(p, w) }))
		got, err := p.client.Continue(t.Context(), web.URL, account, sid, nil, "r")
		if got != nil || aaa.KindOf(err) != tc.kind || errors.Is(err, ErrGone) != (tc.kind == aaa.KindConflict) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		web.Close()
		if _, err := p.client.Continue(t.Context(), web.URL, account, sid, nil, "r"); !errors.Is(err, ErrGone) || aaa.KindOf(err) != aaa.KindConflict {
			t.Errorf("%s, then gone: %v", name, err)
		}
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"http://10.0.0.1:8000", "https://node1.example", "http://[::1]:8000"} {
		if !IsURL(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{
		"", "10.0.0.1:8000", "ftp://a", "file:///etc/passwd", "http://", "http://:8000", "http://a/", "http://a/x", "http://a?x",
		"http://a#x", "http://u:p@a", "http://a:b", "HTTP://a", "//a", "http:a", "http://a b",
	} {
		if IsURL(bad) {
			t.Errorf("%q is taken", bad)
		}
		p := Client{}
		if _, err := p.post(t.Context(), bad, "", ""); !errors.Is(err, ErrGone) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A node whose TLS fails was never asked: its certificate is unknown here, or it speaks none.
func TestNodeWithoutGoodTLSIsGone(t *testing.T) {
	t.Parallel()
	p := newPair(t, nil)
	unknown := httptest.NewUnstartedServer(http.NotFoundHandler())
	unknown.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	unknown.StartTLS()
	t.Cleanup(unknown.Close)
	plain := "https://" + strings.TrimPrefix(p.url, "http://")
	for _, url := range []string{unknown.URL, plain} {
		if _, err := p.client.Continue(t.Context(), url, account, sid, nil, "request-1"); !errors.Is(err, ErrGone) || aaa.KindOf(err) != aaa.KindConflict {
			t.Errorf("%s: %v", url, err)
		}
	}
}
