package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/admission"
	"aaa-api/internal/authorizer"
	"aaa-api/internal/bans"
	"aaa-api/internal/clients"
	"aaa-api/internal/coa"
	"aaa-api/internal/config"
	"aaa-api/internal/confine"
	"aaa-api/internal/dict"
	"aaa-api/internal/document"
	"aaa-api/internal/egress"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/radius"
	"aaa-api/internal/engines/tacacs"
	"aaa-api/internal/gateway"
	"aaa-api/internal/idempotency"
	"aaa-api/internal/journal"
	"aaa-api/internal/limits"
	"aaa-api/internal/logging"
	"aaa-api/internal/operations"
	"aaa-api/internal/peer"
	"aaa-api/internal/plans"
	"aaa-api/internal/router"
	"aaa-api/internal/secmod"
	"aaa-api/internal/spool"
	"aaa-api/internal/store"
	"aaa-api/internal/tail"
	"aaa-api/internal/tally"
	"aaa-api/internal/tenantlog"
	"aaa-api/internal/token"
	"aaa-api/internal/usersfile"
)

// module is the inside of the security module: all that lies behind the line, wired.
type module struct {
	cfg      *config.Config
	log      *slog.Logger
	lines    *logging.Writer // what log writes to
	name     string
	url      string // at which other nodes reach it; empty: they don't
	store    store.Store
	vault    *secmod.Vault
	tokenKey token.Key
	system   *dict.Catalog
	tenants  *plans.Cache
	clients  *clients.Registry
	preparer *document.Preparer
	gateway  *gateway.Gateway
	bans     *bans.Board
	spool    *spool.Spool
	journal  *journal.Journal // nil: it could not be opened
	radius   *radius.Engine
	follower *store.Follower
	admin    *admin.Service
	keys     *idempotency.Keys
	verifier *token.Verifier
	tail     *tail.Tail
	parts    *operations.Parts
	memory   int64 // that the process may use; 0: nobody says
	budget   *admission.Budget
	heavy    *admission.Heavy
	lacks    lacking
	at       endpoints    // where the node listens
	draining atomic.Bool  // /readyz answers 503
	unlock   func() error // gives the data folder back

	certificate *certificate // of the API's listener; nil: it speaks plain HTTP
	registry    *prometheus.Registry

	deviceCertificate *certificate // of the listeners for devices; nil: none speaks TLS

	background sync.WaitGroup
	stop       context.CancelFunc // of what runs in the background
	delivering sync.WaitGroup
	stopSpool  context.CancelFunc // when nothing hands it records any more
}

// reloadInterval is how often the change log is read where no notification tells of a
// write: what is written on one node is then in use on all others within a second.
const reloadInterval = 500 * time.Millisecond

// newLog writes the log of a process of the node called name.
func newLog(lines *logging.Writer, level slog.Level, name string) *slog.Logger {
	return slog.New(tenantlog.New(slog.NewJSONHandler(lines, &slog.HandlerOptions{Level: level}))).With("node", name)
}

// openModule makes a security module that is ready to serve a node's fronts, which listen at endpoints: database migrated, seal opened,
// dictionaries loaded, process confined, change log followed. Close it afterwards.
func openModule(ctx context.Context, cfg *config.Config, lines *logging.Writer, name string, at endpoints, memory int64, confined confinement) (_ *module, err error) {
	if err := makeDataDir(cfg); err != nil {
		return nil, err
	}
	n := &module{cfg: cfg, name: name, at: at, memory: memory, lines: lines, log: newLog(lines, cfg.LogLevel, name), unlock: func() error { return nil }}
	if cfg.DatabaseURL.IsZero() {
		if n.unlock, err = lockData(ctx, cfg); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil && n.store == nil {
			err = errors.Join(err, n.unlock())
		}
	}()
	if n.system, err = dict.LoadSystem(cfg.DictionaryDir); err != nil {
		return nil, fmt.Errorf("system dictionaries: %w", err)
	}
	for _, w := range n.system.Warnings() {
		n.log.WarnContext(ctx, "a line of a dictionary contradicts another", "line", w)
	}
	if err := migrateStore(ctx, cfg); err != nil {
		return nil, err
	}
	if n.store, err = openStore(ctx, cfg, n.log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	var unlocked []confine.Missing
	if n.vault, unlocked, err = openVault(ctx, cfg, n.store.Keys()); err != nil {
		return nil, err
	}
	if n.tokenKey, err = token.LoadKey(ctx, n.store.Tokens()); err != nil {
		return nil, err
	}
	if cfg.TLSCert != "" {
		if n.certificate, err = loadCertificate(cfg.TLSCert, cfg.TLSKey, n.log); err != nil {
			return nil, err
		}
	}
	if cfg.DeviceTLSCert != "" {
		if n.deviceCertificate, err = loadDeviceCertificate(cfg, n.log); err != nil {
			return nil, err
		}
	}
	if n.lacks, err = confined(); err != nil {
		return nil, err
	}
	n.lacks.missing = slices.Concat(n.lacks.missing, unlocked)
	n.lacks.warn(ctx, n.log)
	banKey, err := n.vault.MAC(ctx, aaa.SystemConfig, "bans", nil)
	if err != nil {
		return nil, err
	}
	loopKey, err := n.loopKey(ctx)
	if err != nil {
		return nil, err
	}
	if err := n.assemble(banKey, loopKey); err != nil {
		return nil, err
	}
	n.bans.Sync(ctx) // who is banned stays so over a restart
	n.start(ctx)
	// From here on the caches follow every change.
	if err := n.follower.Sync(ctx); err != nil {
		return nil, fmt.Errorf("reading the change log: %w", err)
	}
	return n, nil
}

// assemble puts the parts of the straight line together that lie behind HTTP: gateway, tenants, router, engines. banKey is that of
// bans.Options, loopKey that of serveDevices.
func (n *module) assemble(banKey, loopKey [32]byte) error {
	registry := prometheus.NewRegistry()
	n.registry = registry
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "aaa_api_log_lines_dropped_total", Help: "Log lines dropped since whatever takes the log took it too slowly.",
	}, func() float64 { return float64(n.lines.Dropped()) }))

	processor := limits.NewProcessor()
	acts := actionsOf(n.cfg, processor)
	answers := func(document aaa.AccountID) { n.spool.Answers(document) }
	n.radius = radius.New(radius.Options{Logger: n.log, Destinations: limits.NewDestinations(n.cfg.DestinationPackets), Answers: answers})
	protocols := engines.NewRegistry(n.radius, tacacs.New(tacacs.EngineOptions{
		Logger: n.log, Answers: answers,
		Lost: func(l engines.Lost) { n.gateway.DialogueLost(router.StateOf(l.Account, l.Server, l.State), l.Why) },
	}))
	n.tenants = plans.New(plans.Options{
		Store: n.store, Opener: n.vault, System: n.system, Engines: protocols, Actions: acts.Specs(), Log: n.log,
		HashCost: usersfile.Cost(n.cfg.HashCost),
		Egress:   &egress.Rules{Open: n.cfg.ServerNetworks, Ports: n.cfg.ServerPorts, Own: egress.Listening(n.at.list()...)},
	})
	n.verifier = token.NewVerifier(n.store.Tokens(), n.tokenKey, time.Now)
	n.follower = store.NewFollower(n.store.Changes(), n.log, store.FollowerOptions{Interval: reloadInterval, MaxStaleness: n.cfg.MaxStaleness})
	n.follower.Subscribe(n.verifier.Changed) // first: the tenants' may wait for the store
	n.follower.Subscribe(n.tenants.Changed)
	n.clients = n.openClients(registry)
	n.follower.Subscribe(n.clients.Changed)

	attributes, err := router.StandardOf(n.system.Default())
	if err != nil {
		return err
	}
	n.bans = bans.New(bans.Options{
		Store: n.store.Bans(), Node: n.name, Key: banKey, Log: n.log, Values: n.cfg.LogUser, Metrics: bans.NewMetrics(registry),
	})
	routes, err := router.New(router.Options{
		Authorizer: authorizer.New(), Actions: acts, Metrics: router.NewMetrics(registry), Standard: attributes,
		Processor: processor, Bans: n.bans, Log: n.log, ProxyState: proxyState(loopKey),
	})
	if err != nil {
		return err
	}
	n.url = n.advertised()
	n.spool = n.newSpool(registry)
	n.tail = tail.New()
	n.gateway = gateway.New(gateway.Options{
		Tenants: n.tenants, Router: routes, Vault: n.vault, Spool: n.spool, Sessions: n.store.Sessions(), Tail: n.tail,
		Peers: peers{peer.NewClient(n.vault, n.log)}, Node: n.name, URL: n.url, Bans: n.bans, Devices: coa.Sender{Clients: n.clients},
		Metrics: gateway.NewMetrics(registry, n.tenants, n.follower.Lag), HashCost: usersfile.Cost(n.cfg.HashCost), Log: n.log,
		Requests: logging.NewRequests(n.lines, n.cfg.LogLevel, n.name), LogUser: n.cfg.LogUser,
	})
	n.preparer = document.NewPreparer(n.tenants, n.vault, protocols,
		document.WithAuthorizers(n.hasAuthorizer), document.WithDeadline(routes.Deadline()), document.WithReach(n.tenants.Reach))
	n.admin = admin.New(admin.Options{
		Store:    n.store,
		Tree:     n.tenants,
		Users:    n.gateway,
		Opener:   n.gateway,
		Banner:   n.gateway,
		TokenKey: n.tokenKey,
		Preparer: n.preparer,
		System:   n.system,
		Actions:  acts.Specs(),
		Sync:     n.follower.Sync,
		Resent:   func(account aaa.AccountID) { n.spool.Resent(account) },
		Log:      n.log,
	})
	n.keys = idempotency.New(idempotency.Options{Store: n.store.Idempotency(), Vault: n.vault, Node: n.name, Log: n.log})
	n.heavy = admission.NewHeavy(admission.HeavyAtOnce())
	n.budget = admission.NewBudget(admission.OctetsFor(n.memory), registry)
	n.parts = &operations.Parts{
		Tree: n.tenants, Verifier: n.verifier, Service: n.gateway, Admin: n.admin, Keys: n.keys, Heavy: n.heavy, Budget: n.budget, Stale: n.follower.Stale, Log: n.log,
		Readiness: operations.NewReadiness(n.store, n.tenants.Warm, n.lacks.lines(),
			operations.Check{Name: "serving", Ask: n.serving}, operations.Check{Name: "security module", Ask: n.vault.Check}, operations.Check{Name: "caches", Ask: n.fresh}),
		Peers:   peer.NewServer(n.vault, n.url, n.gateway.ContinueSessionHere, n.log),
		Metrics: tally.New("secmod", registry),
		Local:   n.local(),
	}
	if err := n.serveDevices(loopKey); err != nil {
		return err
	}
	if n.certificate != nil {
		n.parts.KeyPairs = n.certificate
	}
	if n.deviceCertificate != nil {
		n.parts.Devices = n.deviceCertificate
	}
	return nil
}

// hasAuthorizer reports whether the system configuration registers an external authoriser.
// It decides about a warning on write, so it asks the store and takes silence for a no.
func (n *module) hasAuthorizer(ctx context.Context, name string) bool {
	doc, err := n.store.Documents().Get(ctx, aaa.SystemConfig)
	if err != nil {
		return false
	}
	var d struct {
		Providers map[string]json.RawMessage `json:"authz_providers"`
	}
	if json.Unmarshal(doc.Body, &d) != nil {
		return false
	}
	_, ok := d.Providers[name]
	return ok
}

// errDraining is why a node that stops is not ready.
var errDraining = errors.New("the node is stopping")

func (n *module) serving(context.Context) error {
	if n.draining.Load() {
		return errDraining
	}
	return nil
}

// fresh says why a node is not ready that could not read the changes for too long.
func (n *module) fresh(context.Context) error {
	if n.follower.Stale() {
		return fmt.Errorf("the change log was not read for %v, which is more than --%s %v", n.follower.Lag().Round(time.Second), config.MaxStaleness, n.cfg.MaxStaleness)
	}
	return nil
}

// start runs what goes on beside the requests, until Close.
func (n *module) start(ctx context.Context) {
	// A signal ends what is served first: the background goes on until Close.
	records, stopSpool := context.WithCancel(context.WithoutCancel(ctx))
	n.stopSpool = stopSpool
	n.delivering.Go(func() { n.spool.Run(records) })
	ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	n.background.Go(func() { _ = n.follower.Run(ctx) }) // it returns nil once ctx ends
	n.background.Go(func() { n.deleteExpired(ctx) })
	n.background.Go(func() { n.gateway.RunSessions(ctx) })
	n.background.Go(func() { n.bans.Run(ctx) })
	n.background.Go(func() { n.tenants.ForgetIdle(ctx) })
	if n.certificate != nil {
		n.background.Go(func() { n.certificate.follow(ctx) })
	}
	if n.deviceCertificate != nil {
		n.background.Go(func() { n.deviceCertificate.follow(ctx) })
	}
}

// deleteExpired deletes tokens and kept answers that ran out, every ten minutes. They mean nothing without that, too.
func (n *module) deleteExpired(ctx context.Context) {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if _, err := n.store.Tokens().DeleteExpired(ctx, now); err != nil && ctx.Err() == nil {
				n.log.WarnContext(ctx, "expired tokens were not deleted", "error", err)
			}
			if err := n.keys.DeleteExpired(ctx); err != nil && ctx.Err() == nil {
				n.log.WarnContext(ctx, "expired answers were not deleted", "error", err)
			}
		}
	}
}

// Close stops what runs in the background, the delivery of accounting records last, and closes the store. No request may be in flight.
func (n *module) Close() error {
	if n.stop != nil {
		n.stop()
	}
	n.background.Wait()
	if n.stopSpool != nil {
		n.stopSpool()
	}
	n.delivering.Wait()
	var err error
	if n.journal != nil {
		err = n.journal.Close()
	}
	if n.radius != nil {
		err = errors.Join(err, n.radius.Close())
	}
	return errors.Join(err, n.store.Close(), n.unlock())
}

// openVault loads the key file, or makes one where neither it nor the store's seal
// exists, and opens the seal with it. It names what the memory that the file was read into did without.
func openVault(ctx context.Context, cfg *config.Config, keys store.Keys) (*secmod.Vault, []confine.Missing, error) {
	kek, err := secmod.LoadKeyFile(cfg.KeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		sealed, serr := secmod.Sealed(ctx, keys)
		if serr != nil {
			return nil, nil, fmt.Errorf("the store's seal: %w", serr)
		}
		if !sealed {
			kek, err = secmod.CreateKeyFile(cfg.KeyFile)
		}
		if sealed || errors.Is(err, fs.ErrExist) { // another process can have made both since: the file, then the seal
			kek, err = secmod.LoadKeyFile(cfg.KeyFile)
		}
		if sealed && errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("the secrets in this database are sealed and %s does not exist: copy the key file of another node there (where it is lost: aaa-api key reset --help)", cfg.KeyFile)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	vault := secmod.New(kek, keys)
	if err := vault.Check(ctx); errors.Is(err, secmod.ErrWrongKey) {
		return nil, nil, fmt.Errorf("the key in %s does not open the seal of this database: it was sealed with another key; give this node the key file of the others: %w", cfg.KeyFile, err)
	} else if err != nil {
		return nil, nil, fmt.Errorf("the store's seal: %w", err)
	}
	return vault, kek.Lacks(), nil
}

// nodeName tells nodes apart in answers and logs, also two on one machine.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "node"
	}
	return host + "-" + aaa.NewID()[:6]
}
