package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"aaa-api/internal/config"
	"aaa-api/internal/logging"
	"aaa-api/internal/web"
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
			lines := logging.NewWriter(env.stderr)
			return errors.Join(serve(cmd.Context(), cfg, lines, env.stdout), lines.Close())
		},
	}
	config.AddFlags(cmd.Flags(), config.All()...)
	return cmd
}

// serve runs a node that logs to lines until ctx ends, and then lets it finish what it has begun.
func serve(ctx context.Context, cfg *config.Config, lines *logging.Writer, out io.Writer) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	n, err := openNode(ctx, cfg, lines)
	if err != nil {
		return err
	}
	operators := n.openToOperators(ctx, stop)
	defer operators.Close() //nolint:errcheck // the last of all: ctl stop waits for it
	defer func() {
		err = errors.Join(err, n.Close())
		n.log.InfoContext(ctx, "stopped")
	}()
	if err := firstStart(ctx, n, out); err != nil {
		return err
	}
	if cfg.Demo {
		d, err := startDemo(ctx, n)
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		defer d.Close()                               //nolint:errcheck // it only answers; nothing can be lost
		url := baseURL(n.scheme(), n.listener.Addr()) // the listener takes connections already
		if err := d.explain(out, url, cfg.TLSCert); err != nil {
			return err
		}
	}
	return n.serve(ctx)
}

// serve answers on the listeners until ctx ends. Then /readyz answers 503. After the settings' time to
// drain the listeners close, and requests in flight have finishTime.
func (n *node) serve(ctx context.Context) error {
	servers, failed := n.startServers()
	n.warnUnreachable(ctx)
	n.log.InfoContext(ctx, "serving", "address", n.listener.Addr().String(), "tls", n.certificate != nil, "admin_address", n.adminAddress(),
		"version", buildVersion(), "store", n.storeName())

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	if err := n.drain(ctx, failed); err != nil {
		return err
	}
	n.log.InfoContext(ctx, "stopping: no new connections, finishing what is in flight")
	n.api.Stop()
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	var err error
	for _, server := range servers { // the API's first: metrics and other nodes are served to the end
		serr := server.Shutdown(finish)
		if errors.Is(serr, context.DeadlineExceeded) {
			serr = errors.Join(fmt.Errorf("requests were still in flight after %v", finishTime), server.Close())
		}
		err = errors.Join(err, serr)
	}
	for range servers {
		if serr := <-failed; !errors.Is(serr, http.ErrServerClosed) {
			err = errors.Join(err, serr)
		}
	}
	if n.gateway.Wait(finish) != nil {
		err = errors.Join(err, fmt.Errorf("requests that were answered were still under way to more servers after %v", finishTime))
	}
	return err
}

// startServers serves the API, and the admin listener where there is one. Each server's end is sent to failed.
func (n *node) startServers() (servers []*http.Server, failed chan error) {
	failed = make(chan error, 2)
	start := func(l net.Listener, h http.Handler, serve func(*http.Server) error) {
		server := web.NewHTTPServer(l.Addr().String(), h)
		server.ErrorLog = slog.NewLogLogger(n.log.Handler(), slog.LevelDebug)
		servers = append(servers, server)
		go func() { failed <- serve(server) }()
	}
	if n.certificate == nil {
		start(n.listener, n.api, func(s *http.Server) error { return s.Serve(n.clients.Listener(n.listener)) })
	} else {
		start(n.listener, n.api, func(s *http.Server) error {
			s.TLSConfig = n.certificate.config()
			return s.ServeTLS(n.clients.Listener(n.listener), "", "")
		})
	}
	if n.adminListener != nil {
		start(n.adminListener, n.api.Operators(), func(s *http.Server) error { return s.Serve(n.adminListener) })
	}
	return servers, failed
}

// drain makes /readyz answer 503 and lets the node go on serving for the settings' time, so that
// balancers notice before it is gone. A signal ends the wait; an error is the server's.
func (n *node) drain(ctx context.Context, failed <-chan error) error {
	if n.cfg.Drain == 0 {
		n.draining.Store(true)
		return nil
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, stopSignals...) // first: who sees the 503 may send the next signal
	defer signal.Stop(again)
	n.draining.Store(true)
	over := time.NewTimer(n.cfg.Drain)
	defer over.Stop()
	n.log.InfoContext(ctx, "draining: /readyz answers 503, all else goes on", "for", n.cfg.Drain.String())
	select {
	case err := <-failed:
		return err
	case <-again:
	case <-over.C:
	}
	return nil
}

// storeName is the database as logs may show it.
func (n *node) storeName() string {
	if n.cfg.DatabaseURL.IsZero() {
		return n.cfg.StorePath()
	}
	return n.cfg.DatabaseURL.String()
}

// adminAddress is where the admin listener is, empty where there is none.
func (n *node) adminAddress() string {
	if n.adminListener == nil {
		return ""
	}
	return n.adminListener.Addr().String()
}

// scheme is what the API's listener speaks.
func (n *node) scheme() string {
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
