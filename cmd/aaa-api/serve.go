package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"aaa-api/internal/config"
	"aaa-api/internal/httpapi"
	"aaa-api/internal/logging"
)

// finishTime bounds how long a stopping node waits for requests in flight: the
// deadline of an AAA request.
const finishTime = 30 * time.Second

func serveCommand(env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the API",
		Long: `Serve the API. Each flag can be given as a variable instead: --data-dir is AAA_API_DATA_DIR.

The first start makes the key file, the root account and a token for it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(cmd, env)
			if err != nil {
				return err
			}
			if cfg.Isolation == config.IsolationProcess {
				values, err := config.Values(cmd.Flags(), env.vars)
				if err != nil {
					return err
				}
				return serveApart(cmd.Context(), cfg, values, env)
			}
			lines := logging.NewWriter(env.stderr)
			return errors.Join(serveHere(cmd.Context(), cfg, lines, env), lines.Close())
		},
	}
	config.AddFlags(cmd.Flags(), config.All()...)
	return cmd
}

// serveHere runs a node in this process alone. It logs to lines until ctx ends, and then finishes what it has begun.
func serveHere(ctx context.Context, cfg *config.Config, lines *logging.Writer, env environment) (err error) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	at, err := listen(ctx, cfg, 1, env.held)
	if err != nil {
		return err
	}
	memory := memoryLimit(cfg.MemoryLimit)
	n, err := openModule(ctx, cfg, lines, nodeName(), at.endpoints(), memory, already(env.lacks))
	if err != nil {
		return errors.Join(err, at.Close())
	}
	operators := openToOperators(ctx, cfg, n.log, &alone{n, end}, n.parts.Operators())
	defer operators.Close() //nolint:errcheck // the last of all: ctl stop waits for it
	defer func() {
		err = errors.Join(err, at.Close(), n.Close())
		n.log.InfoContext(ctx, "stopped")
	}()
	set := frontSettingsOf(cfg, n.name, 1, memory)
	f := newFront(&set, at, n.parts, lines, n.registry, n.budget, func(o *httpapi.Options) {
		o.Refusals, o.Heavy = n.tenants.Refusals(), n.heavy
	})
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go tuneGC(background, heapHeadroom)
	go watchMemory(background, memory, n.budget)
	demo, err := n.welcome(ctx, env.stdout, isTerminal(env.stdout))
	if err != nil {
		return err
	}
	defer demo.Close() //nolint:errcheck // it only answers; nothing can be lost
	if err := f.followCertificate(background); err != nil {
		return err
	}
	f.start()
	logServing(ctx, n.log, cfg, at.endpoints())
	hangUps, upgrades := reloads(), make(chan os.Signal, 1)
	defer signal.Stop(hangUps)
	signal.Notify(upgrades, syscall.SIGUSR2)
	defer signal.Stop(upgrades)
	go func() {
		for {
			select {
			case <-hangUps:
				_ = n.reload(background) // the log has it
				f.reload(background)
			case <-upgrades:
				n.log.WarnContext(background, "no upgrade: a node that is one process is stopped and started for one")
			case <-background.Done():
				return
			}
		}
	}()

	select {
	case err := <-f.failed:
		return err
	case <-ctx.Done():
	}
	if err := drain(ctx, n.log, cfg, func() { n.draining.Store(true) }, f.failed); err != nil {
		return err
	}
	n.log.InfoContext(ctx, "stopping: no new connections, finishing what is in flight")
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	return errors.Join(f.stop(finish, finishTime), n.finish(finish))
}

// logServing says that a node takes requests.
func logServing(ctx context.Context, log *slog.Logger, cfg *config.Config, at endpoints) {
	log.InfoContext(ctx, "serving", "address", at.String(), "tls", cfg.TLSCert != "", "admin_address", at.adminText(),
		"version", buildVersion(), "store", storeName(cfg), "devices", at.devices.texts())
}

// reloads has a value for each SIGHUP, but where the process was started to ignore it: nohup.
func reloads() chan os.Signal {
	c := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(c, syscall.SIGHUP)
	}
	return c
}

// drain has /readyz answer 503, by the function given, while all else goes on for the settings' time, so that
// balancers notice before the node is gone. A signal ends the wait; an error is that of what serves.
func drain(ctx context.Context, log *slog.Logger, cfg *config.Config, begin func(), failed <-chan error) error {
	if cfg.Drain == 0 {
		begin()
		return nil
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, stopSignals...) // first: who sees the 503 may send the next signal
	defer signal.Stop(again)
	begin()
	over := time.NewTimer(cfg.Drain)
	defer over.Stop()
	log.InfoContext(ctx, "draining: /readyz answers 503, all else goes on", "for", cfg.Drain.String())
	select {
	case err := <-failed:
		return err
	case <-again:
	case <-over.C:
	}
	return nil
}

// welcome makes what a first start has to make, and the demo, and writes for the operator what there is to say to out.
func (n *module) welcome(ctx context.Context, out io.Writer, terminal bool) (io.Closer, error) {
	if err := firstStart(ctx, n, out, terminal); err != nil {
		return nil, err
	}
	if !n.cfg.Demo {
		return io.NopCloser(nil), nil
	}
	d, err := startDemo(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	// The listener takes connections already.
	if err := d.explain(out, baseURL(n.scheme(), n.at.api), n.cfg.TLSCert); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// finish waits until ctx ends for what goes on behind answers that were given.
func (n *module) finish(ctx context.Context) error {
	begun := time.Now()
	if n.gateway.Wait(ctx) != nil {
		return fmt.Errorf("requests that were answered were still under way to more servers after %v", time.Since(begun).Round(time.Second))
	}
	return nil
}

// storeName is the database as logs may show it.
func storeName(cfg *config.Config) string {
	if cfg.DatabaseURL.IsZero() {
		return cfg.StorePath()
	}
	return cfg.DatabaseURL.String()
}

// scheme is what the API's listener speaks.
func (n *module) scheme() string {
	if n.certificate != nil {
		return "https"
	}
	return "http"
}

// baseURL is how a client on this machine reaches addr.
func baseURL(scheme string, addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return scheme + "://" + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
