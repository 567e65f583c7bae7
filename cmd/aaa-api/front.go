package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/admission"
	"aaa-api/internal/config"
	"aaa-api/internal/httpapi"
	"aaa-api/internal/line"
	"aaa-api/internal/logging"
	"aaa-api/internal/web"
)

// frontSettings are what a front needs to know, as another process gets them.
type frontSettings struct {
	Node        string
	Version     string
	LogLevel    slog.Level
	LogUser     bool
	Connections int     // 0: any number
	BadRate     float64 // as web.Limits has it
	Memory      int64   // octets that the process may use; 0: nobody says
	TLS         bool    // the API is served over TLS
}

// frontSettingsOf are those of one of a node's fronts, which share what is bounded.
func frontSettingsOf(cfg *config.Config, node string, fronts int, memory int64) frontSettings {
	share := func(n int) int { return (n + fronts - 1) / fronts }
	set := frontSettings{
		Node: node, Version: buildVersion(), LogLevel: cfg.LogLevel, LogUser: cfg.LogUser,
		Connections: share(int(cfg.MaxConnections)), BadRate: -1, Memory: memory, TLS: cfg.TLSCert != "",
	}
	if cfg.BadCredentials > 0 { // a negative rate is no limit
		set.BadRate = float64(share(cfg.BadCredentials))
	}
	return set
}

// front serves HTTP on a node's listeners. All that it knows of the security module is a line.
type front struct {
	settings    frontSettings
	log         *slog.Logger
	at          sockets
	api         *httpapi.API
	clients     *web.Connections
	certificate *listenerCertificate // nil: plain HTTP
	devices     *devices
	servers     []*server
	failed      chan error // the end of each server
}

// newFront makes a front that takes no connections yet.
//
// metrics takes what it counts. more adds to the options.
func newFront(set *frontSettings, at sockets, to line.Caller, lines *logging.Writer, metrics prometheus.Registerer, budget *admission.Budget, more func(*httpapi.Options)) *front {
	f := &front{
		settings: *set, log: newLog(lines, set.LogLevel, set.Node), at: at, failed: make(chan error, 2),
		clients: web.NewConnections(set.Connections, metrics),
	}
	f.devices = newDevices(at.devices, to, f.log, metrics)
	if set.TLS {
		f.certificate = &listenerCertificate{line: to, log: f.log, handshakes: web.NewHandshakes()}
	}
	o := httpapi.Options{
		Line:     to,
		Log:      f.log,
		Requests: logging.NewRequests(lines, set.LogLevel, set.Node),
		LogUser:  set.LogUser,
		Meter:    web.NewMeter(metrics),
		Bad:      web.NewBadMeter(metrics),
		Budget:   budget,
		Node:     set.Node,
		Version:  set.Version,
		Limits:   httpapi.Limits{Limits: web.Limits{BadRate: set.BadRate}},

		AdminApart: at.admin != nil,
	}
	more(&o)
	f.api = httpapi.New(o)
	return f
}

// server serves one of the listeners.
type server struct {
	*http.Server
	listener net.Listener
	new      newcomers
}

// start takes connections: the API's, and the admin listener's where there is one.
func (f *front) start() {
	start := func(l net.Listener, h http.Handler, serve func(*http.Server) error) {
		s := &server{Server: web.NewHTTPServer(l.Addr().String(), h), listener: l}
		s.ErrorLog = slog.NewLogLogger(f.log.Handler(), slog.LevelDebug)
		s.new.watch(s.Server)
		f.servers = append(f.servers, s)
		go func() { f.failed <- serve(s.Server) }()
	}
	start(f.at.api, f.api, func(s *http.Server) error {
		clients := f.clients.Listener(f.at.api)
		if f.certificate == nil {
			return s.Serve(clients)
		}
		s.TLSConfig = f.certificate.config()
		return s.ServeTLS(clients, "", "")
	})
	if f.at.admin != nil {
		start(f.at.admin, f.api.Operators(), func(s *http.Server) error { return s.Serve(f.at.admin) })
	}
	f.devices.start(f.failed)
}

// stop closes the listeners and lets requests in flight finish until ctx ends, those of connections that have come before included.
func (f *front) stop(ctx context.Context, within time.Duration) (err error) {
	f.api.Stop()
	devices := make(chan error, 1)
	go func() { devices <- f.devices.stop(ctx) }()
	defer func() { err = errors.Join(err, <-devices) }()
	for _, s := range f.servers { // the API's first: metrics and other nodes are served to the end
		if cerr := s.listener.Close(); !errors.Is(cerr, net.ErrClosed) {
			err = errors.Join(err, cerr)
		}
		if serr := <-f.failed; !errors.Is(serr, net.ErrClosed) {
			err = errors.Join(err, serr)
		}
		s.new.wait(ctx)
		serr := s.Shutdown(ctx)
		if errors.Is(serr, context.DeadlineExceeded) {
			serr = errors.Join(fmt.Errorf("requests were still in flight after %v", within), s.Close())
		}
		err = errors.Join(err, serr)
	}
	return err
}
