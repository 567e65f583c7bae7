package tacquitotest

import (
	"crypto/tls"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/tacacs/conns"
)

const (
	sharedSecret = "a secret of at least thirty-two octets"
	password     = "correct horse"
)

// server is a running tacquito and what it was told.
type server struct {
	addr string
	mu   sync.Mutex
	acct []string // records, in JSON
}

func (s *server) account(record string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acct = append(s.acct, record)
}

func (s *server) records() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.acct...)
}

// start runs a server with the secret, over TLS where secure is not nil: bob may show anything and ping one host.
func start(t testing.TB, sharedSecret string, secure *tls.Config) *server {
	t.Helper()
	return startWith(t, Options{
		Secret: sharedSecret, TLS: secure, Users: map[string]string{"bob": password}, Shell: map[string]string{"priv-lvl": "15"},
		Permit: map[string][]string{"show": {".*"}, "ping": {`192\.0\.2\.1`}},
	})
}

// startWith runs a server until the test ends, when all clients must have gone.
func startWith(t testing.TB, opts Options) *server {
	t.Helper()
	s := new(server)
	opts.Acct = s.account
	running, err := Start(opts)
	must(t, err)
	s.addr = running.Addr()
	t.Cleanup(func() { must(t, running.Stop()) })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// manager makes a manager of the server, which is retired, and must then be empty, before the server stops.
func manager(t testing.TB, s *server, opts conns.Options) *conns.Manager {
	t.Helper()
	return managerWith(t, s, conns.Secrets{Current: aaa.NewSecret(sharedSecret)}, opts)
}

func managerWith(t testing.TB, s *server, secrets conns.Secrets, opts conns.Options) *conns.Manager {
	t.Helper()
	opts.ReplyTimeout = time.Minute // tacquito hashes passwords one at a time on a connection, which takes long under the race detector
	m, err := conns.NewManager(s.addr, secrets, opts)
	must(t, err)
	t.Cleanup(func() {
		m.Retire()
		if left := m.Stats(); left.Connections != 0 || left.Sessions != 0 || left.Strays != 0 {
			t.Errorf("left over: %+v", left)
		}
	})
	return m
}
