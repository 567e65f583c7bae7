package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/config"
	"aaa-api/internal/ingress"
	"aaa-api/internal/line"
	"aaa-api/internal/listeners"
	"aaa-api/internal/listeners/radius"
	"aaa-api/internal/listeners/radsec"
	"aaa-api/internal/listeners/tacacs"
	"aaa-api/internal/operations"
	codec "aaa-api/internal/radius"
)

// deviceSetting is the address of a listener for devices; empty: it is off.
func deviceSetting(cfg *config.Config, l ingress.Listener) string {
	return [ingress.NumListeners]string{
		ingress.RADIUSAuth: cfg.RADIUSAuth, ingress.RADIUSAcct: cfg.RADIUSAcct, ingress.RADIUSTLS: cfg.RADIUSTLS,
		ingress.TACACS: cfg.TACACS, ingress.TACACSTLS: cfg.TACACSTLS,
	}[l]
}

// streamServer serves the connections of a listener until Stop, which lets what is in flight finish until ctx ends.
type streamServer interface {
	Serve(l net.Listener) error
	Stop(ctx context.Context) error
}

// devices are a front's servers for network devices.
type devices struct {
	at      deviceSockets
	log     *slog.Logger
	tls     *listeners.TLS // nil: no listener speaks TLS
	radius  *radius.Server // nil: there is no UDP socket
	streams [ingress.NumListeners]streamServer
}

// newDevices makes the servers of the sockets that there are.
func newDevices(at deviceSockets, to line.Caller, log *slog.Logger, metrics prometheus.Registerer) *devices {
	d := &devices{at: at, log: log}
	calls := deviceCalls{to, log}
	if len(at.packets[ingress.RADIUSAuth])+len(at.packets[ingress.RADIUSAcct]) > 0 {
		d.radius = radius.New(radius.Options{Ask: calls, Metrics: radius.NewMetrics(metrics)})
	}
	if at.streams[ingress.RADIUSTLS] != nil || at.streams[ingress.TACACSTLS] != nil {
		d.tls = listeners.NewTLS(to, log)
	}
	if at.streams[ingress.RADIUSTLS] != nil {
		d.streams[ingress.RADIUSTLS] = radsec.New(radsec.Options{
			Ask: calls, Metrics: radsec.NewMetrics(metrics), TLS: d.tls.Config(codec.ALPN11, codec.ALPN10),
		})
	}
	d.serveTACACS(tacacsCalls{calls}, metrics)
	return d
}

// serveTACACS makes the servers of the TACACS+ listeners that there are.
func (d *devices) serveTACACS(calls tacacsCalls, metrics prometheus.Registerer) {
	o := tacacs.Options{Packet: calls.Packet, Closed: calls.Closed, Logger: d.log}
	for _, l := range []ingress.Listener{ingress.TACACS, ingress.TACACSTLS} {
		at := d.at.streams[l]
		if at == nil {
			continue
		}
		if o.Metrics == nil {
			o.Metrics = tacacs.NewMetrics(metrics)
		}
		if o.TLS = nil; l == ingress.TACACSTLS {
			o.TLS = d.tls.Config()
		}
		d.streams[l] = tacacsListener{tacacs.New(at, o)}
	}
}

// tacacsListener is a listener as a streamServer: it has its socket already.
type tacacsListener struct{ *tacacs.Listener }

// Serve implements streamServer.
func (s tacacsListener) Serve(net.Listener) error { return s.Listener.Serve() }

// follow takes the certificate in use and follows it until ctx ends.
func (d *devices) follow(ctx context.Context) error {
	if d.tls == nil {
		return nil
	}
	if err := d.tls.Look(ctx); err != nil && aaa.KindOf(err) != aaa.KindUnavailable {
		return err
	}
	go d.tls.Follow(ctx)
	return nil
}

// reload takes what the security module has read again.
func (d *devices) reload(ctx context.Context) {
	if d.tls == nil {
		return
	}
	if err := d.tls.Look(ctx); err != nil {
		d.log.WarnContext(ctx, "the TLS certificate for devices can't be read, the one before stays in use", "error", err)
	}
}

// start serves all sockets. A server that ends before stop is a failure.
func (d *devices) start(failed chan<- error) {
	serve := func(l ingress.Listener, serve func() error) {
		go func() {
			if err := serve(); err != nil && !errors.Is(err, net.ErrClosed) {
				select {
				case failed <- fmt.Errorf("--%v: %w", l, err):
				default: // another one failed before
				}
			}
		}()
	}
	for l := range ingress.NumListeners {
		for _, c := range d.at.packets[l] {
			serve(l, func() error { return d.radius.Serve(l, c) })
		}
		if s := d.at.streams[l]; s != nil {
			serve(l, func() error {
				return d.streams[l].Serve(s)
			})
		}
	}
}

// stop takes no more packets and connections, and lets what is in flight finish until ctx ends.
func (d *devices) stop(ctx context.Context) error {
	var all sync.WaitGroup
	errs := make([]error, ingress.NumListeners+1)
	for l, s := range d.streams {
		if s != nil {
			all.Go(func() { errs[l] = s.Stop(ctx) })
		}
	}
	if d.radius != nil {
		all.Go(func() { errs[ingress.NumListeners] = d.radius.Stop(ctx) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("packets of devices were still in flight: %w", err)
	}
	return d.at.Close()
}

// deviceCalls is the way of RADIUS packets to the security module. A fault there costs one packet, in one process too.
type deviceCalls struct {
	to  line.Caller
	log *slog.Logger
}

// Packet implements radius.Asker.
func (c deviceCalls) Packet(ctx context.Context, p *ingress.Packet) (a ingress.Answer, err error) {
	defer c.recovered(&err)
	return operations.RADIUSPacket.Ask(ctx, c.to, line.From{At: p.At}, p)
}

// Again implements radius.Asker.
func (c deviceCalls) Again(ctx context.Context, p *ingress.Packet) (err error) {
	defer c.recovered(&err)
	_, err = operations.RADIUSAgain.Ask(ctx, c.to, line.From{At: p.At}, p)
	return err
}

// Probe implements radius.Asker.
func (c deviceCalls) Probe(ctx context.Context) (err error) {
	_, err = operations.DeviceProbe.Call(ctx, c.to, line.From{}, operations.None{})
	return err
}

// recovered makes an error of a panic.
func (c deviceCalls) recovered(err *error) {
	if p := recover(); p != nil {
		c.log.Error("panic", "panic", p, "stack", string(debug.Stack()))
		*err = &aaa.Error{Kind: aaa.KindInternal}
	}
}

// tacacsCalls is the way of TACACS+ packets to the security module.
type tacacsCalls struct{ deviceCalls }

// Packet answers a packet.
func (c tacacsCalls) Packet(ctx context.Context, p *ingress.Packet) (a ingress.Answer, err error) {
	defer c.recovered(&err)
	return operations.TACACSPacket.Ask(ctx, c.to, line.From{At: p.At}, p)
}

// Closed ends what a connection had going on.
func (c tacacsCalls) Closed(conn uint64) {
	var err error
	defer c.recovered(&err)
	_, err = operations.TACACSClosed.Call(context.Background(), c.to, line.From{}, operations.Closed{Conn: conn})
	if err != nil && aaa.KindOf(err) != aaa.KindUnavailable { // else the process that had it is gone
		c.log.Warn("what a TACACS+ connection had going on can't be ended", "error", err)
	}
}
