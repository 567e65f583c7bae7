package tacquitotest

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"

	tq "github.com/facebookincubator/tacquito"
	"github.com/facebookincubator/tacquito/cmds/server/config"
	"github.com/facebookincubator/tacquito/cmds/server/config/accounters/local"
	authn "github.com/facebookincubator/tacquito/cmds/server/config/authenticators/bcrypt"
	"github.com/facebookincubator/tacquito/cmds/server/config/authorizers/stringy"
	"github.com/facebookincubator/tacquito/cmds/server/config/secret"
	"github.com/facebookincubator/tacquito/cmds/server/config/secret/prefix"
	"github.com/facebookincubator/tacquito/cmds/server/handlers"
	"github.com/facebookincubator/tacquito/cmds/server/loader"
	serverlog "github.com/facebookincubator/tacquito/cmds/server/log"
	"golang.org/x/crypto/bcrypt"
)

// Options are what a Server serves.
type Options struct {
	Address string      // host:port, IPv4; empty: a free port of 127.0.0.1
	Secret  string      // shared with every client; needed without TLS
	TLS     *tls.Config // TACACS+ over TLS where not nil

	Users  map[string]string   // passwords by name
	Permit map[string][]string // of every user: command → regular expressions of its arguments; all else is refused
	Shell  map[string]string   // what the service "exec" sets for every user

	// Quick serves PAP logins alone, past tacquito's configuration: its hashes and records of
	// every packet, made one at a time on a connection, would be all that is measured.
	Quick bool
	// Hold is called by Quick for each login before it is answered; nil: nothing is.
	Hold func(user string)

	Acct func(record string) // takes accounting records, in JSON, from many goroutines; nil: they are dropped
	Log  io.Writer           // errors; nil: they are dropped
}

// Server is a running tacquito.
type Server struct {
	ln     net.Listener
	cancel func()
	done   chan error
}

// Start runs a server until Stop.
func Start(opts Options) (*Server, error) {
	if opts.Address == "" {
		opts.Address = "127.0.0.1:0"
	}
	log := serverlog.New(0, io.Discard)
	if opts.Log != nil {
		log = serverlog.New(10, opts.Log)
	}
	ln, err := net.Listen("tcp4", opts.Address)
	if err != nil {
		return nil, err
	}
	listener := tq.DeadlineListener(ln.(*net.TCPListener))
	if opts.TLS != nil {
		if listener, err = tq.NewTLSListener(ln, opts.TLS); err != nil {
			return nil, errors.Join(err, ln.Close())
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	provider := tq.SecretProvider(plain{[]byte(opts.Secret), opts.Users, opts.Hold})
	if !opts.Quick {
		if provider, err = configured(ctx, log, opts); err != nil {
			cancel()
			return nil, errors.Join(err, ln.Close())
		}
	}
	s := &Server{ln: ln, cancel: cancel, done: make(chan error, 1)}
	srv := tq.NewServer(log, provider, tq.SetUseTLS(opts.TLS != nil))
	go func() { s.done <- srv.Serve(ctx, listener) }()
	return s, nil
}

// Addr is where the server listens, host:port.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Stop ends the server. It waits for connections to go, for up to 15 s each.
func (s *Server) Stop() error {
	s.cancel()
	_ = s.ln.Close() // the server does so too, or has
	return <-s.done
}

// configured is what a configuration makes of tacquito.
func configured(ctx context.Context, log *serverlog.Logger, opts Options) (tq.SecretProvider, error) {
	c, err := configuration(opts)
	if err != nil {
		return nil, err
	}
	source := make(once, 1)
	source <- c
	accounter, err := local.New(log, local.SetLogSink(records(opts.Acct)))
	if err != nil {
		return nil, err
	}
	l, err := loader.NewLoader(ctx, source,
		loader.SetLoggerProvider(log),
		loader.SetKeychainProvider(secret.New()),
		loader.SetConfigProvider(config.New()),
		loader.SetAuthorizerProvider(stringy.New(log)),
		loader.RegisterSecretProviderType(config.PREFIX, prefix.New(log)),
		loader.RegisterHandlerType(config.START, handlers.NewStart(log)),
		loader.RegisterAuthenticator(config.BCRYPT, authn.New(log, noKeychain{})),
		loader.RegisterAccounter(config.FILE, accounter),
	)
	if err != nil {
		return nil, err
	}
	l.BlockUntilLoaded()
	return l, nil
}

// configuration is tacquito's, of one scope that is for all clients.
func configuration(opts Options) (config.ServerConfig, error) {
	const scope = "all"
	c := config.ServerConfig{Secrets: []config.SecretConfig{{
		Name: scope, Secret: config.Keychain{Group: "tacquito", Key: opts.Secret},
		Handler: config.Handler{Type: config.START}, Type: config.PREFIX,
		Options: map[string]string{"prefixes": `["0.0.0.0/0"]`},
	}}}
	var commands []config.Command
	for name, match := range opts.Permit {
		commands = append(commands, config.Command{Name: name, Match: match, Action: config.PERMIT})
	}
	shell := config.Service{Name: "exec"}
	for name, value := range opts.Shell {
		shell.SetValues = append(shell.SetValues, config.Value{Name: name, Values: []string{value}})
	}
	for name, password := range opts.Users {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			return c, err
		}
		c.Users = append(c.Users, config.User{
			Name: name, Scopes: []string{scope}, Services: []config.Service{shell}, Commands: commands,
			Authenticator: &config.Authenticator{Type: config.BCRYPT, Options: map[string]string{"hash": hex.EncodeToString(hash)}},
			Accounter:     &config.Accounter{Name: "records", Type: config.FILE},
		})
	}
	return c, nil
}

// once is a source of the one configuration that it holds.
type once chan config.ServerConfig

// Config is what the loader reads.
func (o once) Config() chan config.ServerConfig { return o }

type noKeychain struct{}

func (noKeychain) GetSecret(context.Context, string, string) ([]byte, error) { return nil, nil }
