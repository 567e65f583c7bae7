package tacquitotest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"text/template"
	"time"

	tq "github.com/facebookincubator/tacquito"
	"github.com/facebookincubator/tacquito/cmds/server/config"
	"github.com/facebookincubator/tacquito/cmds/server/config/accounters/local"
	authn "github.com/facebookincubator/tacquito/cmds/server/config/authenticators/bcrypt"
	"github.com/facebookincubator/tacquito/cmds/server/config/authorizers/stringy"
	"github.com/facebookincubator/tacquito/cmds/server/config/secret"
	"github.com/facebookincubator/tacquito/cmds/server/config/secret/prefix"
	"github.com/facebookincubator/tacquito/cmds/server/handlers"
	"github.com/facebookincubator/tacquito/cmds/server/loader"
	"github.com/facebookincubator/tacquito/cmds/server/loader/yaml"
	serverlog "github.com/facebookincubator/tacquito/cmds/server/log"
	"golang.org/x/crypto/bcrypt"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines/tacacs"
)

const (
	sharedSecret = "a secret of at least thirty-two octets"
	password     = "correct horse"
)

// users is the server's configuration: bob may show anything and ping one host.
var users = template.Must(template.New("users").Parse(`
authenticator: &bcrypt
  type: 1
  options: {hash: {{.Hash}}}
accounter: &file {name: file, type: 3}
users:
  - name: bob
    scopes: [all]
    groups:
      - name: operators
        authenticator: *bcrypt
        accounter: *file
        services:
          - name: exec
            set_values: [{name: priv-lvl, values: [15]}]
        commands:
          - {name: show, match: [.*], action: 2}
          - {name: ping, match: ["192\\.0\\.2\\.1"], action: 2}
secrets:
  - name: all
    secret: {group: tacquito, key: {{.Secret}}}
    handler: {type: 1}
    type: 1
    options:
      prefixes: |
        ["0.0.0.0/0"]
`))

// server is a running tacquito.
type server struct {
	addr string
	mu   sync.Mutex
	acct []string // records, in JSON
}

// Printf takes accounting records.
func (s *server) Printf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acct = append(s.acct, fmt.Sprintf(format, args...))
}

func (s *server) records() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.acct...)
}

type noKeychain struct{}

func (noKeychain) GetSecret(context.Context, string, string) ([]byte, error) { return nil, nil }

// start runs a server with the secret, over TLS where secure is not nil.
func start(t testing.TB, sharedSecret string, secure *tls.Config) *server {
	t.Helper()
	s := new(server)
	ctx, cancel := context.WithCancel(context.Background())
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	must(t, err)
	var text bytes.Buffer
	must(t, users.Execute(&text, map[string]string{"Hash": hex.EncodeToString(hash), "Secret": sharedSecret}))
	file := filepath.Join(t.TempDir(), "tacquito.yaml")
	must(t, os.WriteFile(file, text.Bytes(), 0o600))

	log := serverlog.New(0, os.Stderr)
	accounter, err := local.New(log, local.SetLogSink(s))
	must(t, err)
	provider, err := loader.NewLocalConfig(ctx, file, yaml.New(),
		loader.SetLoggerProvider(log),
		loader.SetKeychainProvider(secret.New()),
		loader.SetConfigProvider(config.New()),
		loader.SetAuthorizerProvider(stringy.New(log)),
		loader.RegisterSecretProviderType(config.PREFIX, prefix.New(log)),
		loader.RegisterHandlerType(config.START, handlers.NewStart(log)),
		loader.RegisterAuthenticator(config.BCRYPT, authn.New(log, noKeychain{})),
		loader.RegisterAccounter(config.FILE, accounter),
	)
	must(t, err)
	provider.BlockUntilLoaded()
	serve(t, ctx, cancel, s, tq.NewServer(log, provider, tq.SetUseTLS(secure != nil)), secure)
	return s
}

// serve runs srv until the test ends, when all clients must have gone.
func serve(t testing.TB, ctx context.Context, cancel func(), s *server, srv *tq.Server, secure *tls.Config) {
	t.Helper()
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	s.addr = tcp.Addr().String()
	listener := tq.DeadlineListener(tcp.(*net.TCPListener))
	if secure != nil {
		listener, err = tq.NewTLSListener(tcp, secure)
		must(t, err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		tcp.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// manager makes a manager of the server, which is retired, and must then be empty, before the server stops.
func manager(t testing.TB, s *server, opts tacacs.Options) *tacacs.Manager {
	t.Helper()
	return managerWith(t, s, tacacs.Secrets{Current: aaa.NewSecret(sharedSecret)}, opts)
}

func managerWith(t testing.TB, s *server, secrets tacacs.Secrets, opts tacacs.Options) *tacacs.Manager {
	t.Helper()
	opts.ReplyTimeout = time.Minute // tacquito hashes passwords one at a time on a connection, which takes long under the race detector
	m, err := tacacs.NewManager(s.addr, secrets, opts)
	must(t, err)
	t.Cleanup(func() {
		m.Retire()
		if left := m.Stats(); left.Connections != 0 || left.Sessions != 0 || left.Strays != 0 {
			t.Errorf("left over: %+v", left)
		}
	})
	return m
}
