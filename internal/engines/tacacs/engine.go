package tacacs

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/dialtls"
	"aaa-api/internal/engines/tacacs/conns"
	"aaa-api/internal/tacacs"
)

// Name is the engine's aaa_engine value.
const Name = "tacacs"

// EngineOptions tune an Engine. The zero value is what production uses.
type EngineOptions struct {
	Logger *slog.Logger // changes of server health, denials for an unknown argument; nil: none

	ReviveAfter   time.Duration // a dead server is tried again after, ±10 %; 0: 60 s
	ProbeInterval time.Duration // health_check user: between probes of a server that is not alive, ±10 %; 0: 10 s
	DialogueLife  time.Duration // a login waits so long for its user; 0: 5 min
	MaxDialogues  int           // logins of an account that wait for a user's answer; 0: 1,000

	// Answers is called with the account of the document at each answer of a server that is not alive; may be nil. It must not block.
	Answers func(aaa.AccountID)

	// Lost is called for each login that ends while it waits for a user's answer; may be nil. It must not block.
	Lost func(engines.Lost)

	Dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: the one of Config.Reach
}

// Engine opens Clients of TACACS+ servers.
type Engine struct {
	opts      EngineOptions
	dialogues *dialogues
}

var _ engines.Engine = (*Engine)(nil)

// New makes an Engine.
func New(opts EngineOptions) *Engine {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	opts.ReviveAfter = orDefault(opts.ReviveAfter, time.Minute)
	opts.ProbeInterval = orDefault(opts.ProbeInterval, 10*time.Second)
	opts.DialogueLife = orDefault(opts.DialogueLife, 5*time.Minute)
	opts.MaxDialogues = orDefault(opts.MaxDialogues, 1000)
	return &Engine{opts: opts, dialogues: newDialogues(&opts)}
}

// orDefault returns value if it is over 0.
func orDefault[T ~int | ~int64](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}

// nodeDialogues bounds the logins of all accounts that wait for a user's answer.
const nodeDialogues = 100_000

// Name is tacacs.
func (e *Engine) Name() string { return Name }

// Traits implements engines.Engine.
func (e *Engine) Traits() engines.Traits {
	return engines.Traits{
		Dictionary: "dictionary_tacacs", Arguments: true, Dialogues: true,
		Members: []string{"connections", "previous_secret", "single_connect", "tls", "transport"}, Transports: []string{"tcp", "tls"},
	}
}

// Open makes the Client of a server. It checks again what the document's schema has checked;
// an error is an *aaa.Error of KindBadInput. Whether a certificate and a key fit each other is
// unknown when a document is written, since its secrets are sealed: a server whose pair does not fit
// counts as unreachable.
func (e *Engine) Open(cfg engines.Config) (engines.Client, error) {
	s := &cfg.Server
	bad := func(path, rule, message string) (engines.Client, error) {
		return nil, aaa.Invalid(aaa.Field{Path: path, Rule: rule, Message: message})
	}
	c := &client{
		engine: e, account: cfg.Account, name: s.Name, strict: s.AVP != aaa.CustomAVP,
		address: net.JoinHostPort(s.Address, strconv.Itoa(s.Port)), retries: max(s.Retries, 0),
	}
	timeout := time.Duration(s.Timeout) * time.Millisecond
	opts := conns.Options{
		Connections: s.Connections, DialTimeout: timeout, ReplyTimeout: timeout,
		SessionTimeout: e.opts.DialogueLife + time.Minute, // the dialogue's end comes first
		Dial:           e.opts.Dial,
		Reach:          cfg.Reach,
		Limits:         cfg.Limits,
		Logger:         e.opts.Logger.With("engine", Name, "account", string(cfg.Account), "name", s.Name),
	}
	switch {
	case s.Address == "":
		return bad("address", "required", "a server needs an address")
	case s.Port < 1 || s.Port > 65535:
		return bad("port", "range", "a port is 1 to 65535")
	case s.Connections < 0 || s.Connections > 8:
		return bad("connections", "range", "1 to 8 connections")
	}
	switch s.SingleConnect {
	case "", "auto":
	case "no":
		opts.NoSingleConnect = true
	default:
		return bad("single_connect", "enum", "auto or no, not "+strconv.Quote(s.SingleConnect))
	}
	switch s.Transport {
	case "", "tcp":
		if s.Secret.IsZero() {
			return bad("secret", "required", "TACACS+ without TLS needs a shared secret")
		}
	case "tls":
		opts.TLS, c.broken = dialtls.Config(&s.TLS)
	default:
		// A word that is not understood must not turn TLS off.
		return bad("transport", "enum", "tcp or tls, not "+strconv.Quote(s.Transport))
	}
	switch s.HealthCheck.Type {
	case "", "time", "status-server": // the protocol has no request for the server's status
	case "user":
		c.tester = &tacacs.AuthenStart{
			Action: tacacs.ActionLogin, PrivLvl: tacacs.PrivUser, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin,
			User: s.HealthCheck.Username, Data: tacacs.Sensitive(s.HealthCheck.Password.Reveal()),
		}
		if c.tester.User == "" || c.tester.Validate() != nil {
			return bad("health_check", "length", "needs a user name and a password of at most 255 octets")
		}
	default:
		return bad("health_check.type", "enum", "user or time, not "+strconv.Quote(s.HealthCheck.Type))
	}
	var err error
	if c.broken == nil {
		c.manager, err = conns.NewManager(c.address, conns.Secrets{Current: s.Secret, Previous: s.PreviousSecret}, opts)
	}
	if err != nil {
		return bad("", "server", err.Error())
	}
	return c, nil
}
