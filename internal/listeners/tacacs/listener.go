package tacacs

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/crew"
	"aaa-api/internal/ingress"
	"aaa-api/internal/listeners"
)

// Options are what a Listener needs. Of the bounds and times, 0 is the default.
type Options struct {
	// Packet answers one packet. An error is that of a process that is away: the connection ends, and the device asks its next server.
	Packet func(ctx context.Context, p *ingress.Packet) (ingress.Answer, error)
	// Closed is called once for each connection that sent a packet, after the last call of Packet for it has returned.
	Closed  func(conn uint64)
	TLS     *tls.Config // not nil: TACACS+ over TLS
	Metrics *Metrics
	Logger  *slog.Logger // nil: none

	MaxConns      int           // in all; default 4,096. One more takes the place of a stranger's
	MaxPerAddress int           // of an address; default 64
	MaxInFlight   int           // packets of a connection that are being answered; default 64
	Handshake     time.Duration // for TLS; default 10 s
	First         time.Duration // until the first packet begins; default 10 s
	Half          time.Duration // for the rest of a packet that has begun; default 10 s
	Idle          time.Duration // between packets; default 5 min
	Write         time.Duration // for a reply; default 10 s
}

func (o *Options) defaults() {
	for _, n := range []struct {
		n         *int
		otherwise int
	}{{&o.MaxConns, 4096}, {&o.MaxPerAddress, 64}, {&o.MaxInFlight, 64}} {
		if *n.n <= 0 {
			*n.n = n.otherwise
		}
	}
	for _, d := range []struct {
		d         *time.Duration
		otherwise time.Duration
	}{
		{&o.Handshake, 10 * time.Second},
		{&o.First, 10 * time.Second},
		{&o.Half, 10 * time.Second},
		{&o.Idle, 5 * time.Minute},
		{&o.Write, 10 * time.Second},
	} {
		if *d.d <= 0 {
			*d.d = d.otherwise
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
}

// Listener serves the devices that connect.
type Listener struct {
	o    Options
	name ingress.Listener
	ln   net.Listener

	packets    [ingress.Verified + 1]prometheus.Counter // by verdict
	unanswered prometheus.Counter

	ctx    context.Context // of all connections
	cancel context.CancelFunc
	ending atomic.Bool
	wg     sync.WaitGroup
	crew   *crew.Crew // answers packets

	mu        sync.Mutex
	conns     map[*conn]struct{}
	byAddress map[netip.Addr]int
	strangers *list.List // the connections without a packet that a client's secret or certificate verified, oldest first
}

// New makes a Listener.
func New(ln net.Listener, o Options) *Listener {
	o.defaults()
	l := &Listener{o: o, name: ingress.TACACS, ln: ln, crew: crew.New(), conns: map[*conn]struct{}{}, byAddress: map[netip.Addr]int{}, strangers: list.New()}
	if o.TLS != nil {
		l.name = ingress.TACACSTLS
		config := o.TLS.Clone()
		config.MinVersion = max(config.MinVersion, tls.VersionTLS13) // RFC 9887 §3.1
		l.o.TLS = config
	}
	for v := range l.packets {
		l.packets[v] = o.Metrics.packets.WithLabelValues(l.name.String(), ingress.Verdict(v).String())
	}
	l.unanswered = o.Metrics.packets.WithLabelValues(l.name.String(), away)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Serve accepts connections until Close, and returns nil then.
func (l *Listener) Serve() error {
	var pause time.Duration
	for {
		nc, err := l.ln.Accept()
		if err != nil {
			if l.ending.Load() {
				return nil
			}
			var temporary interface{ Temporary() bool }
			if !errors.As(err, &temporary) || !temporary.Temporary() { // no file descriptor is free, for one
				return err
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(pause):
			case <-l.ctx.Done():
			}
			continue
		}
		pause = 0
		l.accept(nc)
	}
}

// plain is an address as packets have it: without a zone, and an IPv4 address as such.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// accept begins a connection, unless there are too many.
func (l *Listener) accept(nc net.Conn) {
	from, _ := netip.ParseAddrPort(nc.RemoteAddr().String())
	to, _ := netip.ParseAddrPort(nc.LocalAddr().String())
	from, to = netip.AddrPortFrom(plain(from.Addr()), from.Port()), netip.AddrPortFrom(plain(to.Addr()), to.Port())
	c := &conn{l: l, nc: nc, from: from, to: to, flying: map[uint32]struct{}{}}
	c.idle = sync.NewCond(&c.mu)
	l.mu.Lock()
	if l.ending.Load() || l.byAddress[from.Addr()] >= l.o.MaxPerAddress || len(l.conns) >= l.o.MaxConns && !l.makeRoomLocked() {
		l.mu.Unlock()
		l.o.Metrics.refused.WithLabelValues(l.name.String()).Inc()
		_ = nc.Close()
		return
	}
	l.conns[c] = struct{}{}
	l.byAddress[from.Addr()]++
	c.stranger = l.strangers.PushBack(c)
	l.wg.Add(1)
	l.mu.Unlock()
	c.number = listeners.NextConn()
	l.o.Metrics.open.WithLabelValues(l.name.String()).Inc()
	go func() {
		defer l.wg.Done()
		why := c.serve()
		l.o.Metrics.open.WithLabelValues(l.name.String()).Dec()
		l.o.Metrics.closed.WithLabelValues(l.name.String(), why).Inc()
		l.mu.Lock()
		delete(l.conns, c)
		l.knowLocked(c)
		if l.byAddress[from.Addr()]--; l.byAddress[from.Addr()] == 0 {
			delete(l.byAddress, from.Addr())
		}
		l.mu.Unlock()
	}()
}

// makeRoomLocked ends the oldest connection of a stranger, so that nobody keeps devices out by connections alone. The caller holds mu.
func (l *Listener) makeRoomLocked() bool {
	oldest := l.strangers.Front()
	if oldest == nil {
		return false
	}
	c := oldest.Value.(*conn) //nolint:forcetypeassert // what the list holds
	l.knowLocked(c)
	delete(l.conns, c)
	c.mu.Lock()
	c.endLocked(crowded)
	c.mu.Unlock()
	_ = c.nc.Close()
	return true
}

// knowLocked takes a connection for no stranger's. The caller holds mu.
func (l *Listener) knowLocked(c *conn) {
	if c.stranger != nil {
		l.strangers.Remove(c.stranger)
		c.stranger = nil
	}
}

// Stop accepts no more connections, and ends those that exist once what they asked is answered, or ctx ends.
func (l *Listener) Stop(ctx context.Context) error {
	l.ending.Store(true)
	err := l.ln.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	l.mu.Lock()
	for c := range l.conns {
		_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // the reader ends; what flies is answered
	}
	l.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		l.wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		l.cancel()
		l.mu.Lock()
		for c := range l.conns {
			_ = c.nc.Close()
		}
		l.mu.Unlock()
		<-ended
	}
	l.cancel()
	return err
}
