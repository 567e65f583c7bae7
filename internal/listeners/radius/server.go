package radius

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv6"

	"aaa-api/internal/ingress"
)

// Asker is the way to the security module.
type Asker interface {
	// Packet answers a packet.
	Packet(ctx context.Context, p *ingress.Packet) (ingress.Answer, error)
	// Again tells that a packet has come again while it is being answered.
	Again(ctx context.Context, p *ingress.Packet) error
	// Probe does nothing, in the time that a call takes.
	Probe(ctx context.Context) error
}

// Options of a Server.
type Options struct {
	Ask     Asker
	Metrics *Metrics

	InFlight    int           // requests being answered; default 4096
	CacheOctets int           // of replies that are kept, with what is known of them; default 32 MiB
	Within      time.Duration // a request's time; default 30 s

	now func() time.Time // for tests; nil: time.Now
}

// idleWorkers is how many goroutines wait for requests. Their stacks have grown already, which costs a new one more than all else of a request.
const idleWorkers = 512

// Server serves the UDP sockets of a process.
type Server struct {
	o       Options
	cache   *cache
	places  *places
	sources *sources

	ctx    context.Context // of calls
	cancel context.CancelFunc

	work     chan *job
	idle     atomic.Int32
	again    chan *ingress.Packet
	stopping chan struct{}
	workers  sync.WaitGroup

	mu      sync.Mutex
	stopped bool
	sockets []*socket
	readers sync.WaitGroup
}

// job is a request in flight.
type job struct {
	socket *socket
	packet ingress.Packet
	flight *flight
	to     net.Addr
	from   path
}

// New makes a server without sockets.
func New(o Options) *Server {
	if o.InFlight <= 0 {
		o.InFlight = 4096
	}
	if o.CacheOctets <= 0 {
		o.CacheOctets = 32 << 20
	}
	if o.Within <= 0 {
		o.Within = 30 * time.Second
	}
	if o.now == nil {
		o.now = time.Now
	}
	s := &Server{
		o: o, cache: newCache(o.CacheOctets), places: newPlaces(o.InFlight), sources: newSources(),
		work: make(chan *job), again: make(chan *ingress.Packet, 64), stopping: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.workers.Go(s.tellAgain)
	s.workers.Go(s.probe)
	return s
}

// Serve answers the packets of a socket until Stop.
func (s *Server) Serve(l ingress.Listener, c *net.UDPConn) error {
	at, err := newSocket(l, c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return net.ErrClosed
	}
	s.sockets = append(s.sockets, at)
	s.readers.Add(1)
	s.mu.Unlock()
	defer s.readers.Done()
	go at.write()
	ms := messages(ingress.MaxRADIUS, controlOctets)
	now := make([]ipv6.Message, 0, atOnce)
	for {
		n, err := at.read(ms)
		if err != nil {
			return err
		}
		now = s.batch(at, ms[:n], now[:0])
		at.send(now)
	}
}

// batch takes datagrams. It adds those that can be answered at once to replies.
func (s *Server) batch(at *socket, ms, replies []ipv6.Message) []ipv6.Message {
	now := s.o.now()
	for i := range ms {
		from, ok := ms[i].Addr.(*net.UDPAddr)
		if !ok {
			continue
		}
		p, drops := pathOf(ms[i].OOB[:ms[i].NN])
		if more := drops - at.dropped; drops != 0 && more > 0 {
			s.o.Metrics.drops[at.listener].Add(float64(more))
			at.dropped = drops
		}
		if octets := s.take(at, ms[i].Buffers[0][:ms[i].N], from, p, now); octets != nil {
			replies = append(replies, message(&reply{octets: octets, to: from, from: p}))
		}
	}
	return replies
}

// take takes a datagram. It returns the reply if that is known.
func (s *Server) take(at *socket, datagram []byte, peer *net.UDPAddr, p path, now time.Time) []byte {
	count := func(f fate) { s.o.Metrics.count(at.listener, f) }
	q, ok := check(at.listener, datagram)
	if !ok {
		count(malformed)
		return nil
	}
	from := peer.AddrPort()
	from = netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
	if !s.sources.pass(from.Addr(), now) {
		count(unknown)
		return nil
	}
	to := at.local
	if p.addr.IsValid() {
		to = netip.AddrPortFrom(p.addr, to.Port())
	}
	k := key{listener: at.listener, id: q.octets[1], from: from, to: to}
	flight, known, again, tell := s.cache.begin(k, s.cache.sumOf(q.octets), now)
	switch {
	case known != nil:
		count(cached)
		return known
	case again:
		count(repeated)
		if tell {
			select {
			case s.again <- &ingress.Packet{Listener: at.listener, From: from, To: to, Octets: append([]byte(nil), q.octets...), At: now}:
			default: // it is a hint
			}
		}
		return nil
	case !s.places.enter(from.Addr(), q.urgent):
		s.cache.finish(flight, nil, now)
		count(overload)
		return nil
	}
	s.dispatch(&job{
		socket: at, flight: flight, to: peer, from: p,
		packet: ingress.Packet{Listener: at.listener, From: from, To: to, Octets: append([]byte(nil), q.octets...), At: now},
	})
	return nil
}

// dispatch gives a job to a goroutine that waits, or to a new one.
func (s *Server) dispatch(j *job) {
	s.o.Metrics.inFlight[j.packet.Listener].Inc()
	select {
	case s.work <- j:
	default:
		s.workers.Go(func() { s.worker(j) })
	}
}

// worker answers one request after another.
func (s *Server) worker(j *job) {
	for {
		s.answer(j)
		if s.idle.Add(1) > idleWorkers {
			s.idle.Add(-1)
			return
		}
		select {
		case j = <-s.work:
			s.idle.Add(-1)
		case <-s.stopping:
			return
		}
	}
}

// answer asks the security module, and queues the reply.
func (s *Server) answer(j *job) {
	ctx, cancel := context.WithTimeout(s.ctx, s.o.Within)
	a, err := s.o.Ask.Packet(ctx, &j.packet)
	cancel()
	l, now := j.packet.Listener, s.o.now()
	s.places.leave(j.packet.From.Addr())
	s.o.Metrics.inFlight[l].Dec()
	if err != nil {
		s.cache.finish(j.flight, nil, now)
		s.o.Metrics.count(l, failed)
		return
	}
	s.sources.learn(j.packet.From.Addr(), a.Verdict, now)
	sent := s.cache.finish(j.flight, &a, now)
	if sent {
		j.socket.out <- reply{octets: a.Octets, to: j.to, from: j.from}
	}
	s.o.Metrics.count(l, fateOf(&a, sent))
}

func fateOf(a *ingress.Answer, sent bool) fate {
	switch {
	case a.Verdict == ingress.Unknown:
		return unknown
	case a.Verdict == ingress.Refused:
		return refused
	case len(a.Octets) == 0:
		return silent
	case !sent:
		return abandoned
	}
	return answered
}

// tellAgain tells the security module of repetitions.
func (s *Server) tellAgain() {
	for {
		select {
		case p := <-s.again:
			ctx, cancel := context.WithTimeout(s.ctx, s.o.Within)
			_ = s.o.Ask.Again(ctx, p) // it is a hint
			cancel()
		case <-s.stopping:
			return
		}
	}
}

// probeEvery is how often the places are adjusted while many are taken.
const probeEvery = 50 * time.Millisecond

// probe adjusts the places to how long calls wait for a processor, here and in the security module.
func (s *Server) probe() {
	tick := time.NewTimer(0)
	defer tick.Stop()
	for again := false; ; {
		if !again {
			select {
			case <-s.places.crowded:
			case <-s.stopping:
				return
			}
		}
		due := time.Now().Add(probeEvery)
		tick.Reset(probeEvery)
		select {
		case <-tick.C:
		case <-s.stopping:
			return
		}
		ctx, cancel := context.WithTimeout(s.ctx, s.o.Within)
		err := s.o.Ask.Probe(ctx)
		cancel()
		waited := time.Since(due)
		if err != nil {
			waited = 0 // it is away, and no request waits for a processor there
		}
		again = s.places.adjust(waited)
	}
}

// Stop reads no more and has requests in flight answered, until ctx ends. What was not read stays in the sockets, for another process that
// has them. The sockets of this one are closed.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return nil
	}
	s.stopped = true
	sockets := s.sockets
	s.mu.Unlock()
	for _, at := range sockets {
		_ = at.SetReadDeadline(time.Unix(1, 0)) // an error is that of a closed socket
	}
	s.readers.Wait()
	close(s.stopping)
	finished := make(chan struct{})
	go func() {
		s.workers.Wait()
		close(finished)
	}()
	var err error
	select {
	case <-finished:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.cancel()
	<-finished
	for _, at := range sockets {
		close(at.out)
		<-at.done
		_ = at.Close() // all is written
	}
	return err
}
