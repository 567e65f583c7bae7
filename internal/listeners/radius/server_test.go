package radius

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"aaa-api/internal/ingress"
	"aaa-api/internal/radius"
)

// script is a security module that does what a test says.
type script struct {
	calls chan *call // each packet, until the test answers it, if there is no answer

	mu     sync.Mutex
	asked  []*ingress.Packet
	again  chan *ingress.Packet
	answer func(*ingress.Packet) ingress.Answer
	away   error // of all packets; nil: it is there
}

// call is a packet that waits for its answer.
type call struct {
	*ingress.Packet
	answer chan ingress.Answer
}

func (s *script) Packet(ctx context.Context, p *ingress.Packet) (ingress.Answer, error) {
	s.mu.Lock()
	s.asked = append(s.asked, p)
	answer, away := s.answer, s.away
	s.mu.Unlock()
	if away != nil {
		return ingress.Answer{}, away
	}
	if answer != nil {
		return answer(p), nil
	}
	c := &call{p, make(chan ingress.Answer, 1)}
	select {
	case s.calls <- c:
	case <-ctx.Done():
		return ingress.Answer{}, ctx.Err()
	}
	select {
	case a := <-c.answer:
		return a, nil
	case <-ctx.Done():
		return ingress.Answer{}, ctx.Err()
	}
}

func (s *script) Probe(context.Context) error { return nil }

func (s *script) Again(ctx context.Context, p *ingress.Packet) error {
	select {
	case s.again <- p:
	case <-ctx.Done():
	}
	return nil
}

// answerBy has packets from now on answered by a function.
func (s *script) answerBy(f func(*ingress.Packet) ingress.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.away = f, nil
}

func (s *script) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// verified is the answer to a client's request.
func verified(octets string) ingress.Answer {
	return ingress.Answer{Verdict: ingress.Verified, Octets: []byte(octets)}
}

// clock is a time that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// fixture is a server with a socket, and what it asks.
type fixture struct {
	*script
	*clock
	t        *testing.T
	server   *Server
	registry *prometheus.Registry
	addr     *net.UDPAddr
}

func serve(t *testing.T, l ingress.Listener, network, address string) *fixture {
	t.Helper()
	return serveWithin(t, l, network, address, 0)
}

func serveWithin(t *testing.T, l ingress.Listener, network, address string, within time.Duration) *fixture {
	t.Helper()
	f := &fixture{
		script: &script{calls: make(chan *call), again: make(chan *ingress.Packet, 64)}, clock: &clock{at: time.Unix(1e9, 0)},
		t: t, registry: prometheus.NewRegistry(),
	}
	f.server = New(Options{Ask: f.script, Metrics: NewMetrics(f.registry), Within: within, now: f.now})
	pc, err := net.ListenPacket(network, address)
	if err != nil {
		t.Skip(err) // a machine without IPv6
	}
	c := pc.(*net.UDPConn)                //nolint:forcetypeassert // the network's
	f.addr = c.LocalAddr().(*net.UDPAddr) //nolint:forcetypeassert // likewise
	var done sync.WaitGroup
	done.Go(func() { _ = f.server.Serve(l, c) })
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // what a test has left in flight is given up
		_ = f.server.Stop(ctx)
		done.Wait()
	})
	return f
}

// client is a device.
type client struct {
	*net.UDPConn
	t *testing.T
}

func (f *fixture) client(to string) *client {
	f.t.Helper()
	at := *f.addr
	if to != "" {
		at.IP = net.ParseIP(to)
	}
	c, err := net.DialUDP("udp", nil, &at)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { c.Close() }) //nolint:errcheck,gosec // the test is over
	return &client{c, f.t}
}

func (c *client) send(packet []byte) {
	c.t.Helper()
	if _, err := c.Write(packet); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) get() string {
	c.t.Helper()
	b := make([]byte, 4096)
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	n, err := c.Read(b)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b[:n])
}

// expect reads the next reply. That nothing else came is told by a later reply.
func (c *client) expect(want string) {
	c.t.Helper()
	if got := c.get(); got != want {
		c.t.Errorf("%q, want %q", got, want)
	}
}

// packet makes a request. what tells requests apart.
func packet(code radius.Code, id byte, what string, attributes ...byte) []byte {
	var auth radius.Authenticator
	copy(auth[:], what)
	b := radius.AppendHeader(nil, code, id, &auth)
	b = append(b, attributes...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b))) //nolint:gosec // short
	return b
}

// fates are the counts of packets that are not 0.
func (f *fixture) fates() map[string]int {
	f.t.Helper()
	families, err := f.registry.Gather()
	if err != nil {
		f.t.Fatal(err)
	}
	got := map[string]int{}
	for _, family := range families {
		if family.GetName() != "aaa_api_device_packets_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			if n := int(m.GetCounter().GetValue()); n > 0 {
				i := slices.IndexFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == "fate" })
				got[m.GetLabel()[i].GetValue()] += n
			}
		}
	}
	return got
}

// await waits until so many packets have a fate.
func (f *fixture) await(fate string, n int) {
	f.t.Helper()
	for over := time.Now().Add(20 * time.Second); f.fates()[fate] < n; time.Sleep(time.Millisecond) {
		if time.Now().After(over) {
			f.t.Fatalf("there are no %d packets %s: %v", n, fate, f.fates())
		}
	}
}

func (f *fixture) expectFates(want map[string]int) {
	f.t.Helper()
	for name, n := range want {
		f.await(name, n)
	}
	got := f.fates()
	for name, n := range want {
		if got[name] != n {
			f.t.Errorf("%d packets are %s, want %d: %v", got[name], name, n, got)
		}
	}
}

// TestRepetitionAfterTheReply: the same datagram gets the same octets, and nobody is asked. Later it is a request of its own.
func TestRepetitionAfterTheReply(t *testing.T) {
	t.Parallel()
	for l, code := range map[ingress.Listener]radius.Code{ingress.RADIUSAuth: radius.AccessRequest, ingress.RADIUSAcct: radius.AccountingRequest} {
		f := serve(t, l, "udp4", "127.0.0.1:0")
		c := f.client("")
		q := packet(code, 7, "one")
		c.send(q)
		one := <-f.calls
		if one.Listener != l || !bytes.Equal(one.Octets, q) || one.Conn != 0 || one.From.String() != c.LocalAddr().String() || one.To.String() != f.addr.String() {
			t.Errorf("%+v", one.Packet)
		}
		one.answer <- verified("first")
		c.expect("first")
		f.add(time.Second)
		for range 3 {
			c.send(append(q, "padding"...))
			c.expect("first")
		}
		if f.count() != 1 {
			t.Errorf("%v: %d requests", l, f.count())
		}
		f.expectFates(map[string]int{"answered": 1, "cached": 3})
		f.add(29 * time.Second)
		c.send(q)
		(<-f.calls).answer <- verified("second")
		c.expect("second")
	}
}

// TestRepetitionInFlight: the same datagram is dropped while it is being answered, and the security module is told, but not each time.
func TestRepetitionInFlight(t *testing.T) {
	t.Parallel()
	f := serve(t, ingress.RADIUSAuth, "udp4", "127.0.0.1:0")
	c := f.client("")
	q := packet(radius.AccessRequest, 7, "one")
	c.send(q)
	one := <-f.calls
	for range 20 {
		c.send(q)
	}
	for range toldOf {
		if p := <-f.again; !bytes.Equal(p.Octets, q) {
			t.Errorf("%+v", p)
		}
	}
	other := packet(radius.AccessRequest, 8, "other")
	c.send(other) // it comes after all repetitions
	two := <-f.calls
	if !bytes.Equal(two.Octets, other) {
		t.Fatalf("the security module got a repetition")
	}
	two.answer <- verified("other")
	c.expect("other")
	one.answer <- verified("first")
	c.expect("first")
	f.expectFates(map[string]int{"answered": 2, "repeated": 20})
	if len(f.again) > 0 {
		t.Errorf("%d more repetitions were told", len(f.again))
	}
}

// TestAnotherRequestOfAnIdentifier: with another authenticator it is processed, and the late answer to the first is not sent.
func TestAnotherRequestOfAnIdentifier(t *testing.T) {
	t.Parallel()
	f := serve(t, ingress.RADIUSAuth, "udp4", "127.0.0.1:0")
	c := f.client("")
	c.send(packet(radius.AccessRequest, 7, "one"))
	one := <-f.calls
	c.send(packet(radius.AccessRequest, 7, "two"))
	two := <-f.calls
	two.answer <- verified("second")
	c.expect("second")
	one.answer <- verified("first")
	c.send(packet(radius.AccessRequest, 8, "three"))
	(<-f.calls).answer <- verified("third")
	c.expect("third") // and not the first before
	c.send(packet(radius.AccessRequest, 7, "two"))
	c.expect("second")
	f.expectFates(map[string]int{"answered": 2, "abandoned": 1, "cached": 1})
}

// TestForgedRequestsChangeNothing: a packet that is not verified gets silence, makes no entry, and leaves those of others alone: an answer in
// memory, and one that is on its way.
func TestForgedRequestsChangeNothing(t *testing.T) {
	t.Parallel()
	f := serve(t, ingress.RADIUSAuth, "udp4", "127.0.0.1:0")
	c := f.client("")
	q, forged := packet(radius.AccessRequest, 7, "one"), packet(radius.AccessRequest, 7, "forged", 79, 3, 1)
	c.send(q)
	one := <-f.calls
	c.send(forged)
	(<-f.calls).answer <- ingress.Answer{Verdict: ingress.Refused, Octets: []byte("never sent")}
	f.await("refused", 1)
	one.answer <- verified("first")
	c.expect("first")
	for i := range 2 { // it is asked each time: nothing is kept of it
		c.send(forged)
		(<-f.calls).answer <- ingress.Answer{Verdict: ingress.Refused}
		f.await("refused", 2+i)
	}
	c.send(q)
	c.expect("first")
	if f.count() != 4 {
		t.Errorf("%d requests", f.count())
	}
	c.send(packet(radius.AccessRequest, 7, "two"))
	(<-f.calls).answer <- ingress.Answer{Verdict: ingress.Verified} // silence, of the client's own
	f.await("silent", 1)
	c.send(q)
	(<-f.calls).answer <- verified("anew")
	c.expect("anew")
}

// TestStrangersAskLittle: a packet of an address without a client is dropped for half a second.
func TestStrangersAskLittle(t *testing.T) {
	t.Parallel()
	f := serve(t, ingress.RADIUSAuth, "udp4", "127.0.0.1:0")
	learnt := make(chan struct{})
	f.answerBy(func(*ingress.Packet) ingress.Answer {
		defer close(learnt)
		return ingress.Answer{Verdict: ingress.Unknown}
	})
	c := f.client("")
	c.send(packet(radius.AccessRequest, 1, "one"))
	<-learnt
	f.await("unknown", 1)
	for i := range 50 {
		c.send(packet(radius.AccessRequest, byte(i), "more"))
	}
	f.await("unknown", 51)
	if f.count() != 1 {
		t.Errorf("%d requests", f.count())
	}
	f.answerBy(func(*ingress.Packet) ingress.Answer { return verified("a client now") })
	f.add(unknownFor)
	c.send(packet(radius.AccessRequest, 1, "one"))
	c.expect("a client now")
}

// TestRepliesLeaveFromWhereTheRequestCame: a socket of all addresses answers from the one that was asked. A client takes no other.
func TestRepliesLeaveFromWhereTheRequestCame(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere the kernel chooses")
	}
	for _, at := range []struct {
		network, address string
		to               []string
	}{
		{"udp4", "0.0.0.0:0", []string{"127.0.0.2", "127.0.0.1", "127.1.2.3"}},
		{"udp", "[::]:0", []string{"127.0.0.2", "::1", "127.1.2.3"}},
		{"udp6", "[::1]:0", []string{"::1"}},
		{"udp4", "127.0.0.3:0", []string{"127.0.0.3"}},
	} {
		f := serve(t, ingress.RADIUSAuth, at.network, at.address)
		f.answerBy(func(p *ingress.Packet) ingress.Answer { return verified(p.To.String() + " " + p.From.String()) })
		for _, to := range at.to {
			c := f.client(to)
			want := netip.AddrPortFrom(netip.MustParseAddr(to), uint16(f.addr.Port)).String() + " " + c.LocalAddr().String() //nolint:gosec // a port
			c.send(packet(radius.AccessRequest, 1, to))
			c.expect(want) // by a worker
			c.send(packet(radius.AccessRequest, 1, to))
			c.expect(want) // from memory
		}
	}
}

// TestMalformedPacketsStopHere: nobody is asked about them.
func TestMalformedPacketsStopHere(t *testing.T) {
	t.Parallel()
	f := serve(t, ingress.RADIUSAuth, "udp4", "127.0.0.1:0")
	f.answerBy(func(*ingress.Packet) ingress.Answer { return verified("good") })
	c := f.client("")
	long := packet(radius.AccessRequest, 1, "one")
	binary.BigEndian.PutUint16(long[2:], 21)
	bad := [][]byte{
		{},
		{1},
		make([]byte, 20), long, packet(radius.AccessRequest, 1, "one", 1), packet(radius.AccessRequest, 1, "one", 1, 1), packet(radius.AccessRequest, 1, "one", 1, 4, 0),
		packet(radius.AccountingRequest, 1, "one"), packet(radius.AccessAccept, 1, "one"), packet(radius.CoARequest, 1, "one"),
	}
	for _, b := range bad {
		c.send(b)
	}
	c.send(packet(radius.AccessRequest, 1, "one", 1, 3, 'a', 222, 2, 1, 3, 'b')) // same-type attributes apart, and an unknown one
	c.expect("good")
	c.send(packet(radius.StatusServer, 2, "two"))
	c.expect("good")
	most := packet(radius.AccessRequest, 3, "most", bytes.Repeat(append([]byte{26, 254}, make([]byte, 252)...), 16)...)
	c.send(append(most, make([]byte, 5000)...)) // padding beyond all that is read
	c.expect("good")
	f.expectFates(map[string]int{"malformed": len(bad), "answered": 3})
}

// TestTheSecurityModuleIsAway: a request that could not be asked is asked again when it is repeated.
func TestTheSecurityModuleIsAway(t *testing.T) {
	t.Parallel()
	f := serve(t, ingress.RADIUSAcct, "udp4", "127.0.0.1:0")
	f.script.mu.Lock()
	f.away = errors.New("away")
	f.script.mu.Unlock()
	c := f.client("")
	q := packet(radius.AccountingRequest, 1, "one")
	c.send(q)
	f.await("failed", 1)
	f.answerBy(func(*ingress.Packet) ingress.Answer { return verified("good") })
	c.send(q)
	c.expect("good")
}

// TestStop: requests in flight are answered, those that come later stay in the socket, and nothing is left behind.
func TestStop(t *testing.T) {
	t.Parallel()
	f := serve(t, ingress.RADIUSAuth, "udp4", "127.0.0.1:0")
	c := f.client("")
	c.send(packet(radius.AccessRequest, 1, "one"))
	one := <-f.calls
	stopped := make(chan error)
	go func() { stopped <- f.server.Stop(context.Background()) }()
	<-f.server.stopping // nothing is read any more
	one.answer <- verified("first")
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	c.expect("first")
	if err := f.server.Stop(context.Background()); err != nil {
		t.Error(err)
	}
	if pc, err := net.ListenUDP("udp", f.addr); err != nil {
		t.Error("the socket is open still:", err)
	} else {
		pc.Close() //nolint:errcheck,gosec // nothing was written
		if err := f.server.Serve(ingress.RADIUSAuth, pc); err == nil {
			t.Error("it serves again")
		}
	}
}

// TestStopGivesUp: what a slow server is still asked about ends with the time to finish.
func TestStopGivesUp(t *testing.T) {
	t.Parallel()
	f := serve(t, ingress.RADIUSAuth, "udp4", "127.0.0.1:0")
	c := f.client("")
	c.send(packet(radius.AccessRequest, 1, "one"))
	<-f.calls
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.server.Stop(ctx); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Error(err)
	}
	f.expectFates(map[string]int{"failed": 1})
}

// TestManyAtOnce: many clients side by side each get their own answers.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	f := serve(t, ingress.RADIUSAuth, "udp4", "127.0.0.1:0")
	f.answerBy(func(p *ingress.Packet) ingress.Answer {
		return verified("to " + p.From.String() + string(p.Octets[:20]))
	})
	var all sync.WaitGroup
	for range 16 {
		c := f.client("")
		all.Go(func() {
			for i := range 200 {
				q := packet(radius.AccessRequest, byte(i), "x")
				for range 1 + i%2 {
					if _, err := c.Write(q); err != nil {
						t.Error(err)
						return
					}
				}
				b := make([]byte, 100)
				_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
				n, err := c.Read(b)
				if i%2 == 1 && err == nil { // a repetition gets an answer unless the first was in flight
					_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
					_, _ = c.Read(make([]byte, 100))
				}
				if err != nil || !strings.HasPrefix(string(b[:n]), "to "+c.LocalAddr().String()) {
					t.Errorf("%q %v", b[:n], err)
					return
				}
			}
		})
	}
	all.Wait()
}
