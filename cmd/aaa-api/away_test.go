package main

import (
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// wire is a connection to a database that can be made to hang: what is sent stays unread, and nobody is told.
type wire struct {
	t        *testing.T
	listener net.Listener
	network  string // of the database's server, and its address there
	address  string

	flowing sync.RWMutex // held to let nothing through
	mu      sync.Mutex
	open    []net.Conn
}

// newWire puts a wire in front of a database and returns it with the address of the database behind it.
func newWire(t *testing.T, database string) (*wire, string) {
	t.Helper()
	behind, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t}
	w.network, w.address = pgconn.NetworkAddress(behind.Host, behind.Port)
	if w.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() { w.accept(&done) })
	t.Cleanup(func() {
		w.listener.Close()
		w.mu.Lock()
		for _, c := range w.open {
			c.Close()
		}
		w.mu.Unlock()
		done.Wait()
	})
	address.Host, address.RawQuery = w.listener.Addr().String(), "sslmode=disable"
	return w, address.String()
}

func (w *wire) accept(done *sync.WaitGroup) {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial(w.network, w.address)
		if err != nil {
			near.Close()
			continue
		}
		w.mu.Lock()
		w.open = append(w.open, near, far)
		w.mu.Unlock()
		done.Go(func() { w.carry(near, far) })
		done.Go(func() { w.carry(far, near) })
	}
}

func (w *wire) carry(from, to net.Conn) {
	defer to.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		w.flowing.RLock()
		_, werr := to.Write(b[:n])
		w.flowing.RUnlock()
		if err != nil || werr != nil {
			return
		}
	}
}

// hang lets nothing through until the function that it returns is called, at the latest at the test's end.
func (w *wire) hang() (resume func()) {
	w.flowing.Lock()
	resume = sync.OnceFunc(w.flowing.Unlock)
	w.t.Cleanup(resume)
	return resume
}

// TestDatabaseHangs has a database that takes what it is sent and answers nothing, as one does that is stopped or behind a
// dead network: what memory answers is read without the wait for it each time, and all else is told to come again.
func TestDatabaseHangs(t *testing.T) {
	t.Parallel()
	w, address := newWire(t, migratedDatabase(t))
	dir := t.TempDir()
	p := start(t, dir, []string{"AAA_API_DATABASE_URL=" + address})
	token := readToken(t, dir, "admin.token")
	account := p.url + "/v2/accounts/" + rootOf(t, p, token)
	call(t, token, "PUT", account+"/aaa", documentFor(slowRADIUS(t, func() {}))).want(t, http.StatusCreated)
	const request = `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`
	call(t, token, "POST", account+"/aaa/authn", request).want(t, http.StatusOK)

	resume := w.hang()
	began := time.Now()
	const rounds = 20
	for range rounds {
		call(t, token, "GET", account, "").want(t, http.StatusOK).has(t, "enabled", true)
		call(t, token, "GET", account+"/aaa", "").want(t, http.StatusOK).has(t, "aaa_mode", "on")
		call(t, token, "GET", account+"/aaa/dictionary/dictionary_juniper", "").want(t, http.StatusOK).has(t, "owner", "system_config")
		call(t, token, "GET", account+"/aaa/fsm/sequential", "").want(t, http.StatusOK).has(t, "owner", "system_config")
		call(t, token, "POST", account+"/aaa/authn", request).want(t, http.StatusOK).has(t, "AAA-Result", "accept")
	}
	if took := time.Since(began); took > rounds*time.Second { // if each read waited for the database: 400 s
		t.Errorf("%d reads took %v", 4*rounds, took)
	}
	var both sync.WaitGroup // each waits for the database as long as anybody does
	for method, path := range map[string]string{"GET": "/aaa/revisions", "PATCH": "/aaa"} {
		both.Go(func() {
			a, err := tryCall(t.Context(), token, method, account+path, `{"data":{"workers":9}}`)
			if err != nil || a.Status != http.StatusServiceUnavailable {
				t.Errorf("%s %s: %d %s %v", method, path, a.Status, a.Body, err)
			}
		})
	}
	both.Wait()
	resume()
	eventually(t, "writes go on", func() bool {
		return call(t, token, "PATCH", account+"/aaa", `{"data":{"workers":9}}`).Status == http.StatusOK
	})
	p.stop()
}
