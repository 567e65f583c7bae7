package tacacs_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/ingress"
	front "aaa-api/internal/listeners/tacacs"
	"aaa-api/internal/tacacs"
)

const secret = "the secret of the switches"

// reply is a verified answer to p.
func reply(p *ingress.Packet, body tacacs.Reply) ingress.Answer {
	h, _ := tacacs.ParseHeader(p.Octets)
	octets, err := tacacs.AppendPacket(nil, h.Answer(0), body, secret)
	if err != nil {
		panic(err)
	}
	return ingress.Answer{Verdict: ingress.Verified, Octets: octets, Done: body.Final()}
}

func pass(_ context.Context, p *ingress.Packet) (ingress.Answer, error) {
	return reply(p, &tacacs.AuthenReply{Status: tacacs.AuthenPass}), nil
}

// server is a running Listener.
type server struct {
	*front.Listener
	addr    string
	metrics *prometheus.Registry

	mu     sync.Mutex
	closed []uint64
}

func start(t *testing.T, o front.Options) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: ln.Addr().String(), metrics: prometheus.NewRegistry()}
	o.Metrics = front.NewMetrics(s.metrics)
	o.Closed = func(conn uint64) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.closed = append(s.closed, conn)
	}
	s.Listener = front.New(ln, o)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

// count is the sum of a metric.
func (s *server) count(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func (s *server) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// packet is a login.
func packet(session uint32, flags byte) []byte {
	octets, err := tacacs.AppendPacket(nil, tacacs.Header{Version: tacacs.Version1, Type: tacacs.TypeAuthen, Seq: 1, Flags: flags, SessionID: session},
		&tacacs.AuthenStart{Action: tacacs.ActionLogin, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin, User: "bob", Data: []byte("secret")}, secret)
	if err != nil {
		panic(err)
	}
	return octets
}

func receive(t *testing.T, c net.Conn) tacacs.Header {
	t.Helper()
	b := make([]byte, tacacs.HeaderLen)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	h, err := tacacs.ParseHeader(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, c, int64(h.Length)); err != nil {
		t.Fatal(err)
	}
	return h
}

// ends fails unless the connection ends without another octet.
func ends(t *testing.T, c net.Conn) {
	t.Helper()
	rest, err := io.ReadAll(c)
	var timeout net.Error
	if len(rest) > 0 || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("%x, %v", rest, err)
	}
}

func TestOneSessionAConnection(t *testing.T) {
	t.Parallel()
	s := start(t, front.Options{Packet: pass})
	c := s.dial(t)
	_, _ = c.Write(packet(1, 0))
	if h := receive(t, c); h.SessionID != 1 || h.Seq != 2 || h.Flags != 0 {
		t.Errorf("%+v", h)
	}
	ends(t, c)
}

// TestSingleConnection: sessions go side by side, and an answer waits for no other.
func TestSingleConnection(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := start(t, front.Options{Packet: func(ctx context.Context, p *ingress.Packet) (ingress.Answer, error) {
		if h, _ := tacacs.ParseHeader(p.Octets); h.SessionID == 1 {
			<-release
		}
		return pass(ctx, p)
	}})
	c := s.dial(t)
	_, _ = c.Write(packet(1, tacacs.FlagSingleConnect))
	for i := range uint32(20) {
		_, _ = c.Write(packet(2+i, 0))
	}
	var got []uint32
	for i := range 20 {
		h := receive(t, c)
		if first := h.Flags&tacacs.FlagSingleConnect != 0; first != (i == 0) {
			t.Errorf("reply %d: flags %d", i, h.Flags)
		}
		got = append(got, h.SessionID)
	}
	close(release)
	got = append(got, receive(t, c).SessionID)
	if last := got[20]; last != 1 {
		t.Errorf("%v", got)
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != 21 {
		t.Errorf("%v", got)
	}
}

// TestTwiceInFlight: who does not wait for the answer of a session is no client.
func TestTwiceInFlight(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 2)
	s := start(t, front.Options{Packet: func(ctx context.Context, _ *ingress.Packet) (ingress.Answer, error) {
		asked <- struct{}{}
		<-ctx.Done() // cancelled, since the connection is no more
		return ingress.Answer{}, ctx.Err()
	}})
	c := s.dial(t)
	_, _ = c.Write(append(packet(1, tacacs.FlagSingleConnect), packet(1, 0)...))
	ends(t, c)
	if len(asked) != 1 {
		t.Errorf("asked %d times", len(asked))
	}
}

// TestT9HalfAPacket: half a header or half a body is waited for, and not for long.
func TestT9HalfAPacket(t *testing.T) {
	t.Parallel()
	s := start(t, front.Options{Packet: pass, Half: 50 * time.Millisecond, First: 100 * time.Millisecond})
	whole := packet(1, tacacs.FlagSingleConnect)
	for _, part := range [][]byte{nil, whole[:1], whole[:6], whole[:tacacs.HeaderLen], whole[:len(whole)-1]} {
		c := s.dial(t)
		_, _ = c.Write(part)
		ends(t, c)
	}
	c := s.dial(t)
	_, _ = c.Write(append(slices.Clone(whole), packet(2, 0)[:5]...)) // in one segment, behind a whole one
	receive(t, c)
	ends(t, c)
	c = s.dial(t)
	for _, b := range whole { // octet by octet within the time
		_, _ = c.Write([]byte{b})
	}
	receive(t, c)
}

// TestStrangersAreMetBySilence: what no client sent ends the connection.
func TestStrangersAreMetBySilence(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(context.Context, *ingress.Packet) (ingress.Answer, error){
		"unknown": func(context.Context, *ingress.Packet) (ingress.Answer, error) {
			return ingress.Answer{Close: true}, nil
		},
		"refused": func(context.Context, *ingress.Packet) (ingress.Answer, error) {
			return ingress.Answer{Verdict: ingress.Refused, Close: true}, nil
		},
		"away": func(context.Context, *ingress.Packet) (ingress.Answer, error) {
			return ingress.Answer{}, errors.New("nobody there")
		},
	} {
		s := start(t, front.Options{Packet: answer})
		c := s.dial(t)
		_, _ = c.Write(packet(1, tacacs.FlagSingleConnect))
		ends(t, c)
		s.mu.Lock()
		if len(s.closed) != 1 || s.closed[0] == 0 {
			t.Errorf("%s: closed %v", name, s.closed)
		}
		s.mu.Unlock()
	}
	s := start(t, front.Options{Packet: pass})
	for _, bad := range [][]byte{
		[]byte("GET / HTTP/1.1\r\n\r\n"),
		{0xc0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0}, // 65,536 octets
		{0xc0, 4, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1},
	} {
		c := s.dial(t)
		_, _ = c.Write(bad)
		ends(t, c)
	}
	if len(s.closed) != 0 {
		t.Errorf("closed %v: nobody was asked", s.closed)
	}
}

// TestTooManyConnections: of one address, and in all.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	for _, o := range []front.Options{{MaxPerAddress: 2}, {MaxConns: 2}} {
		o.Packet = pass
		s := start(t, o)
		a, b := s.dial(t), s.dial(t)
		for i, c := range []net.Conn{a, b} {
			_, _ = c.Write(packet(uint32(i), tacacs.FlagSingleConnect))
			receive(t, c)
		}
		ends(t, s.dial(t))
		_ = a.Close()
		for { // until the end is seen
			c := s.dial(t)
			_, _ = c.Write(packet(9, 0))
			if one := make([]byte, 1); read(c, one) == nil {
				break
			}
		}
		if n := s.count(t, "aaa_api_tacacs_refused_connections_total"); n < 1 {
			t.Errorf("%v refused connections", n)
		}
	}
}

// TestStrangersKeepNobodyOut: connections that prove nothing make room, the oldest first, and those of devices stay.
func TestStrangersKeepNobodyOut(t *testing.T) {
	t.Parallel()
	s := start(t, front.Options{MaxConns: 3, Packet: pass, First: time.Hour})
	first, second := s.dial(t), s.dial(t)
	device := s.dial(t)
	_, _ = device.Write(packet(1, tacacs.FlagSingleConnect))
	receive(t, device)
	for i := range uint32(2) {
		c := s.dial(t)
		_, _ = c.Write(packet(i, tacacs.FlagSingleConnect))
		receive(t, c)
	}
	ends(t, first)
	ends(t, second)
	_, _ = device.Write(packet(2, 0))
	receive(t, device)
	if n := s.count(t, "aaa_api_tacacs_refused_connections_total"); n != 0 {
		t.Errorf("%v refused", n)
	}
	ends(t, s.dial(t)) // all are devices
	if n := s.count(t, "aaa_api_tacacs_refused_connections_total"); n != 1 {
		t.Errorf("%v refused", n)
	}
}

func read(c net.Conn, b []byte) error {
	_, err := io.ReadFull(c, b)
	return err
}

// TestInFlightIsBounded: who has too many packets in flight is not read.
func TestInFlightIsBounded(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	most, now := 0, 0
	s := start(t, front.Options{MaxInFlight: 3, Packet: func(ctx context.Context, p *ingress.Packet) (ingress.Answer, error) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		return pass(ctx, p)
	}})
	c := s.dial(t)
	for i := range uint32(50) {
		_, _ = c.Write(packet(i, tacacs.FlagSingleConnect))
	}
	for range 50 {
		receive(t, c)
	}
	if most > 3 {
		t.Errorf("%d in flight", most)
	}
}

// TestSlowReader: replies that a device does not read are not made without end.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	const most, large = 8, 60_000
	var asked atomic.Int64
	s := start(t, front.Options{MaxInFlight: most, Write: 500 * time.Millisecond, Packet: func(_ context.Context, p *ingress.Packet) (ingress.Answer, error) {
		asked.Add(1)
		return reply(p, &tacacs.AuthenReply{Status: tacacs.AuthenPass, ServerMsg: strings.Repeat("x", large)}), nil
	}})
	c := s.dial(t)
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	for i := range uint32(20_000) {
		if _, err := c.Write(packet(i, tacacs.FlagSingleConnect)); err != nil {
			break
		}
	}
	for s.count(t, "aaa_api_tacacs_closed_connections_total") == 0 { // the test's own end is the bound
		time.Sleep(time.Millisecond)
	}
	// What the kernel takes for a device that does not read, and as much as may fly.
	const kernel = 16 << 20
	if n := asked.Load(); n > kernel/large+2*most {
		t.Errorf("%d replies", n)
	}
}

// TestStop: what flies is answered, and connections end.
func TestStop(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}), make(chan struct{})
	s := start(t, front.Options{Packet: func(ctx context.Context, p *ingress.Packet) (ingress.Answer, error) {
		close(asked)
		<-release
		if ctx.Err() != nil {
			t.Error("cancelled")
		}
		return pass(ctx, p)
	}})
	c := s.dial(t)
	_, _ = c.Write(packet(1, tacacs.FlagSingleConnect))
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	for { // until nobody listens
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	close(release)
	receive(t, c)
	ends(t, c)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
