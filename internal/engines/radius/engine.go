package radius

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
	"aaa-api/internal/radius"
)

// Name is the engine's aaa_engine value.
const Name = "radius"

// Resolver looks host names up; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options tune an Engine. The zero value is what production uses.
type Options struct {
	Logger   *slog.Logger  // changes of server health; nil: none
	Rand     io.Reader     // of authenticators, salts and challenges; nil: crypto/rand
	Resolver Resolver      // nil: net.DefaultResolver
	HostTTL  time.Duration // how long a resolved name is used; 0: 60 s

	IdleTimeout  time.Duration        // an unused socket is closed after, all but one; 0: 60 s
	MaxInFlight  int                  // requests of one Client that are out at once, more wait; 0: 8192
	Destinations *limits.Destinations // bounds the packets to each address that are not answered; nil: nothing does

	// Of servers with transport tls.
	Watchdog   time.Duration                                                        // a connection on which nothing arrives is asked after; 0: 30 s
	StreamIdle time.Duration                                                        // an unused connection is closed after; 0: 2 min
	Dial       func(ctx context.Context, network, address string) (net.Conn, error) // nil: the one of Config.Reach

	ProbeInterval time.Duration // between probes of a server that is not alive, ±10 %; 0: 10 s
	ReviveAfter   time.Duration // health_check time: a dead server is tried again after; 0: 60 s

	// Answers is called with the account of the document at each answer of a server that is not alive; may be nil. It must not block.
	Answers func(aaa.AccountID)
}

// Engine opens Clients of RADIUS servers.
type Engine struct {
	opts     Options
	hosts    *hosts
	pendings sync.Pool
	sockets  sockets
	remotes  *xsync.Map[netip.AddrPort, *remote]
	warned   atomic.Int64 // when noSocket logged last, in Unix seconds
}

var _ engines.Engine = (*Engine)(nil)

// New makes an Engine.
func New(opts Options) *Engine {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Rand == nil {
		opts.Rand = rand.Reader
	}
	if opts.Resolver == nil {
		opts.Resolver = net.DefaultResolver
	}
	def(&opts.HostTTL, time.Minute)
	def(&opts.IdleTimeout, time.Minute)
	def(&opts.ProbeInterval, 10*time.Second)
	def(&opts.ReviveAfter, time.Minute)
	if opts.MaxInFlight <= 0 {
		opts.MaxInFlight = 8192
	}
	e := &Engine{
		opts: opts, hosts: newHosts(opts.Resolver, opts.HostTTL),
		sockets: sockets{open: openWire}, remotes: xsync.NewMap[netip.AddrPort, *remote](),
	}
	e.pendings.New = func() any { return newPending(opts.Rand) }
	return e
}

func def(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// warnEvery is the least time between two warnings about sockets that can't be opened.
const warnEvery = time.Minute

// noSocket logs that no socket could be opened.
func (e *Engine) noSocket(err error) {
	now := time.Now().Unix()
	if last := e.warned.Load(); now-last < int64(warnEvery/time.Second) || !e.warned.CompareAndSwap(last, now) {
		return
	}
	e.opts.Logger.Warn("no socket could be opened to ask servers from: raise the limit of open files (LimitNOFILE, ulimit -n)",
		"engine", Name, "sockets", e.Descriptors(), "error", err)
}

// anyIdentifier is where the identifiers of a lane begin. It is random, so that a new lane does not use again what an earlier lane
// to the same server used a moment ago.
func anyIdentifier() byte {
	var b [1]byte
	aaa.Random(b[:])
	return b[0]
}

// Name implements engines.Engine.
func (e *Engine) Name() string { return Name }

// Open makes the Client of a server. It does not rely on the document's schema and checks everything again. An error is an *aaa.Error
// of KindBadInput.
func (e *Engine) Open(cfg engines.Config) (engines.Client, error) {
	s := &cfg.Server
	bad := func(path, rule, message string) (engines.Client, error) {
		return nil, aaa.Invalid(aaa.Field{Path: path, Rule: rule, Message: message})
	}
	switch {
	case s.Address == "":
		return bad("address", "required", "a server needs an address")
	case s.Port < 1 || s.Port > 65535:
		return bad("port", "range", "a port is 1 to 65535")
	case s.Connections < 0 || s.Connections > 8:
		return bad("connections", "range", "1 to 8 connections")
	}
	secret := s.Secret.Reveal()
	switch s.Transport {
	case "", "udp":
		if secret == "" {
			return bad("secret", "required", "RADIUS without TLS needs a shared secret")
		}
	case "tls":
		if secret == "" {
			secret = radius.TLSSecret
		}
	default:
		// A word that is not understood must not turn TLS off.
		return bad("transport", "enum", "udp or tls, not "+strconv.Quote(s.Transport))
	}
	c := &client{
		engine: e, account: cfg.Account, reach: cfg.Reach, name: s.Name,
		address: s.Address, port: uint16(s.Port),
		timeout: 5 * time.Second, retries: max(s.Retries, 0),
	}
	if s.Timeout > 0 {
		c.timeout = time.Duration(s.Timeout) * time.Millisecond
	}
	c.key = radius.NewKey([]byte(secret))
	if c.overTLS = s.Transport == "tls"; c.overTLS {
		c.connect(s, &cfg)
	} else if previous := s.PreviousSecret.Reveal(); previous != "" && previous != secret {
		c.previous = radius.NewKey([]byte(previous))
		c.retries = max(c.retries, 1) // each secret has its attempt
	}
	c.addr, c.literal = parseAddress(s.Address)
	switch s.RequireMessageAuthenticator {
	case "", "auto":
		c.autoMA = true
	case "yes":
		c.alwaysMA = true
	case "no":
	default:
		// An unknown value must not turn the check off.
		return bad("require_message_authenticator", "enum", "auto, yes or no, not "+strconv.Quote(s.RequireMessageAuthenticator))
	}
	switch s.HealthCheck.Type {
	case "", "status-server":
	case "user":
		c.tester = &tester{s.HealthCheck.Username, s.HealthCheck.Password}
		if c.tester.name == "" || len(c.tester.name) > 253 || len(c.tester.password.Reveal()) > radius.MaxUserPassword {
			return bad("health_check", "length", "needs a user name of 1 to 253 octets and a password of at most 128")
		}
	case "time":
		c.unasked = true
	default:
		return bad("health_check.type", "enum", "status-server, user or time, not "+strconv.Quote(s.HealthCheck.Type))
	}
	c.recall(cfg.Memory)
	c.learn(cfg.Previous)
	return c, nil
}
