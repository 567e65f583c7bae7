package radsec

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/ingress"
	"aaa-api/internal/listeners"
	"aaa-api/internal/radius"
)

// pair makes a certificate for loopback that ends at a time, signed by itself, and a pool that trusts it.
func pair(t testing.TB, name string, end time.Time) (*tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(0x2a), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: end, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// security is a security module that answers as a function says.
type security struct {
	answer func(ctx context.Context, p *ingress.Packet) (ingress.Answer, error)
	mu     sync.Mutex
	got    []*ingress.Packet
	again  int
	change chan struct{}
}

func (s *security) Packet(ctx context.Context, p *ingress.Packet) (ingress.Answer, error) {
	s.note(func() { s.got = append(s.got, p) })
	return s.answer(ctx, p)
}

func (s *security) Again(context.Context, *ingress.Packet) error {
	s.note(func() { s.again++ })
	return nil
}

func (s *security) note(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	if s.change != nil {
		close(s.change)
		s.change = nil
	}
}

// wait waits until what came is as ok says.
func (s *security) wait(t testing.TB, ok func(packets, again int) bool) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		s.mu.Lock()
		done := ok(len(s.got), s.again)
		if s.change == nil {
			s.change = make(chan struct{})
		}
		change := s.change
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-change:
		case <-late:
			t.Fatal("waited in vain")
		}
	}
}

// reply answers a packet as a server with the default secret does.
func reply(p *ingress.Packet, code radius.Code) []byte {
	if p.V11 {
		q, _ := radius.Parse11(p.Octets)
		b := radius.AppendHeader11(nil, code, q.Token())
		radius.Finish11(b, q.Token())
		return b
	}
	q, _ := radius.Parse(p.Octets)
	auth := q.Authenticator()
	b := radius.AppendMAC(radius.AppendHeader(nil, code, q.Identifier(), &auth))
	radius.NewKey([]byte(radius.TLSSecret)).SignReply(b, &auth)
	return b
}

func accepts(_ context.Context, p *ingress.Packet) (ingress.Answer, error) {
	code := radius.AccessAccept
	if radius.Code(p.Octets[0]) == radius.AccountingRequest {
		code = radius.AccountingResponse
	}
	return ingress.Answer{Verdict: ingress.Verified, Octets: reply(p, code)}, nil
}

// bench is a server at work and what its clients need.
type bench struct {
	*security
	*Server
	addr   string
	client *tls.Config
	shown  *prometheus.Registry
}

func serve(t testing.TB, answer func(context.Context, *ingress.Packet) (ingress.Answer, error), change func(*Options)) *bench {
	t.Helper()
	hour := time.Now().Add(time.Hour)
	theirs, trustsServer := pair(t, "server.example", hour)
	own, trustsClient := pair(t, "client.example", hour)
	b := &bench{security: &security{answer: answer}, shown: prometheus.NewRegistry()}
	o := Options{
		Ask: b.security, Metrics: NewMetrics(b.shown),
		TLS: listeners.FixedTLS(theirs, trustsClient).Config(radius.ALPN11, radius.ALPN10),
	}
	if change != nil {
		change(&o)
	}
	b.Server = New(o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.addr = l.Addr().String()
	b.client = &tls.Config{RootCAs: trustsServer, Certificates: []tls.Certificate{*own}, ServerName: "127.0.0.1", NextProtos: []string{radius.ALPN11, radius.ALPN10}}
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = b.Stop(ctx)
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return b
}

// counted is how many connections have ended so.
func (b *bench) counted(t testing.TB, why string) float64 {
	t.Helper()
	all, err := b.shown.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range all {
		for _, m := range family.GetMetric() {
			if family.GetName() == "aaa_api_radsec_connections_ended_total" && m.GetLabel()[0].GetValue() == why {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// device is a client's connection.
type device struct {
	*tls.Conn
	t   testing.TB
	v11 bool
}

func (b *bench) dial(t testing.TB, protocols ...string) *device {
	t.Helper()
	config := b.client.Clone()
	config.NextProtos = protocols
	c, err := tls.Dial("tcp", b.addr, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.NetConn().Close() })
	return &device{c, t, c.ConnectionState().NegotiatedProtocol == radius.ALPN11}
}

// request makes a packet.
func (d *device) request(code radius.Code, id byte, name string) []byte {
	if d.v11 {
		b := radius.AppendAttribute(radius.AppendHeader11(nil, code, radius.Token(id)), radius.AttrUserName, []byte(name)...)
		radius.Finish11(b, radius.Token(id))
		return b
	}
	b := radius.AppendMAC(radius.AppendHeader(nil, code, id, &radius.Authenticator{id}))
	b = radius.AppendAttribute(b, radius.AttrUserName, []byte(name)...)
	radius.NewKey([]byte(radius.TLSSecret)).SignRequest(b)
	return b
}

func (d *device) send(b []byte) {
	d.t.Helper()
	if _, err := d.Write(b); err != nil {
		d.t.Fatal(err)
	}
}

// receive reads a reply's code and its identifier or token.
func (d *device) receive() (radius.Code, byte) {
	d.t.Helper()
	head := make([]byte, radius.HeaderLen)
	_ = d.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(d, head); err != nil {
		d.t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, d, int64(head[3])-radius.HeaderLen); err != nil {
		d.t.Fatal(err)
	}
	if d.v11 {
		return radius.Code(head[0]), head[7]
	}
	return radius.Code(head[0]), head[1]
}

// closed checks that the server closes the connection.
func (d *device) closed() {
	d.t.Helper()
	_ = d.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := d.Read(make([]byte, 1)); n > 0 || errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "timeout") {
		d.t.Errorf("still open: %d octets, %v", n, err)
	}
}

var protocols = map[string][]string{"radius/1.1": {radius.ALPN11, radius.ALPN10}, "radius/1.0": {radius.ALPN10}, "no ALPN": nil}

// TestServes: each packet is handed over as it came, with who sent it.
func TestServes(t *testing.T) {
	t.Parallel()
	for name, list := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := serve(t, accepts, nil)
			d := b.dial(t, list...)
			var sent [][]byte
			for i, code := range []radius.Code{radius.AccessRequest, radius.AccountingRequest, radius.StatusServer} {
				sent = append(sent, d.request(code, byte(i), "bob"))
				d.send(sent[i])
				if got, id := d.receive(); id != byte(i) || !got.Answers(code) {
					t.Errorf("%d to %d, identifier %d", got, code, id)
				}
			}
			if d.v11 != (name == "radius/1.1") {
				t.Errorf("1.1: %v", d.v11)
			}
			from := netip.MustParseAddrPort(d.LocalAddr().String())
			for i, p := range b.got {
				if p.Listener != ingress.RADIUSTLS || p.Conn == 0 || p.Conn != b.got[0].Conn || p.V11 != d.v11 || p.From != from ||
					p.To.String() != b.addr || p.Peer.Serial != "2a" || !slices.Contains(p.Peer.SANs, "client.example") || !bytes.Equal(p.Octets, sent[i]) {
					t.Errorf("%+v of %+v", p, p.Peer)
				}
			}
		})
	}
}

// TestALPNMismatch: a client that offers other protocols is refused with alert 120.
func TestALPNMismatch(t *testing.T) {
	t.Parallel()
	b := serve(t, accepts, nil)
	config := b.client.Clone()
	config.NextProtos = []string{"radius/9.9", "h2"}
	_, err := tls.Dial("tcp", b.addr, config)
	if err == nil || !strings.Contains(err.Error(), "no application protocol") {
		t.Errorf("%v", err)
	}
}

// TestWithoutCertificate: nobody is served who shows none, or speaks an older TLS.
func TestWithoutCertificate(t *testing.T) {
	t.Parallel()
	b := serve(t, accepts, nil)
	for name, change := range map[string]func(*tls.Config){
		"no certificate": func(c *tls.Config) { c.Certificates = nil },
		"a stranger's": func(c *tls.Config) {
			own, _ := pair(t, "client.example", time.Now().Add(time.Hour))
			c.Certificates = []tls.Certificate{*own}
		},
		"TLS 1.2": func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
	} {
		config := b.client.Clone()
		change(config)
		c, err := tls.Dial("tcp", b.addr, config)
		if err == nil { // in TLS 1.3 a client has finished before the server looks at its certificate
			d := &device{Conn: c, t: t}
			_, _ = c.Write(d.request(radius.AccessRequest, 1, "bob"))
			d.closed()
			c.Close()
		}
		if len(b.got) > 0 {
			t.Errorf("%s: a packet was taken", name)
		}
	}
}

// TestOutOfOrder: a slow request holds up no other of its connection, and replies go out as they come.
func TestOutOfOrder(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := serve(t, func(ctx context.Context, p *ingress.Packet) (ingress.Answer, error) {
		if bytes.Contains(p.Octets, []byte("slow")) {
			<-release
		}
		return accepts(ctx, p)
	}, nil)
	d := b.dial(t, radius.ALPN11)
	d.send(append(d.request(radius.AccessRequest, 1, "slow"), d.request(radius.AccessRequest, 2, "fast")...))
	if _, id := d.receive(); id != 2 {
		t.Errorf("token %d first", id)
	}
	close(release)
	if _, id := d.receive(); id != 1 {
		t.Errorf("token %d then", id)
	}
}

// TestRepetitions: the same octets as those in flight ask nobody, the same identifier with others does, and so do the same octets
// after the answer.
func TestRepetitions(t *testing.T) {
	t.Parallel()
	for name, list := range protocols {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			release := make(chan struct{})
			b := serve(t, func(ctx context.Context, p *ingress.Packet) (ingress.Answer, error) {
				<-release
				return accepts(ctx, p)
			}, nil)
			d := b.dial(t, list...)
			one, other := d.request(radius.AccessRequest, 7, "one"), d.request(radius.AccessRequest, 7, "other")
			d.send(bytes.Repeat(one, 3))
			b.wait(t, func(packets, again int) bool { return packets == 1 && again == 2 })
			d.send(bytes.Repeat(one, 20)) // the first few are told
			d.send(other)
			b.wait(t, func(packets, _ int) bool { return packets == 2 })
			close(release)
			d.receive()
			d.receive()
			d.send(one)
			d.receive()
			if len(b.got) != 3 || b.again != 4 {
				t.Errorf("%d packets, %d repetitions", len(b.got), b.again)
			}
		})
	}
}

// TestBackPressure: a connection has so many requests in flight, and no more of it are read.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var mu sync.Mutex
	now, most := 0, 0
	b := serve(t, func(ctx context.Context, p *ingress.Packet) (ingress.Answer, error) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		<-release
		mu.Lock()
		now--
		mu.Unlock()
		return accepts(ctx, p)
	}, func(o *Options) { o.InFlight = 4 })
	d, other := b.dial(t, radius.ALPN11), b.dial(t, radius.ALPN11)
	for i := range 20 {
		d.send(d.request(radius.AccessRequest, byte(i), "bob"))
	}
	b.wait(t, func(packets, _ int) bool { return packets == 4 })
	other.send(other.request(radius.AccessRequest, 1, "bob"))
	b.wait(t, func(packets, _ int) bool { return packets == 5 })
	close(release)
	for range 20 {
		d.receive()
	}
	other.receive()
	if most > 5 {
		t.Errorf("%d in flight", most)
	}
}

// TestBackPressureOfSource: the connections of one address have so many requests in flight together, however many they are.
func TestBackPressureOfSource(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := serve(t, func(ctx context.Context, p *ingress.Packet) (ingress.Answer, error) {
		<-release
		return accepts(ctx, p)
	}, func(o *Options) { o.InFlight, o.InFlightOfSource = 4, 6 })
	devices := []*device{b.dial(t, radius.ALPN11), b.dial(t, radius.ALPN11), b.dial(t, radius.ALPN11)}
	for _, d := range devices {
		for i := range 4 {
			d.send(d.request(radius.AccessRequest, byte(i), "bob"))
		}
	}
	read := func() (n int) { // of 12 requests, those of connections that wait among them
		b.Server.mu.Lock()
		defer b.Server.mu.Unlock()
		for c := range b.conns {
			c.mu.Lock()
			n += len(c.flying)
			c.mu.Unlock()
		}
		return n
	}
	for read() < 8 { // 6, and one of each connection that has not sent all
		time.Sleep(time.Millisecond)
	}
	b.wait(t, func(packets, _ int) bool { return packets >= 6 })
	if b.Server.mu.Lock(); len(b.sources) != 1 {
		t.Errorf("%d sources", len(b.sources))
	}
	for _, at := range b.sources {
		if len(at.places) != 6 {
			t.Errorf("%d places are taken", len(at.places))
		}
	}
	b.Server.mu.Unlock()
	if n := read(); n > 9 {
		t.Errorf("%d requests were read", n)
	}
	close(release)
	for _, d := range devices {
		for range 4 {
			d.receive()
		}
	}
}

// TestSources: a network of IPv6 counts as one address, as whoever has one of it has all.
func TestSources(t *testing.T) {
	t.Parallel()
	s := New(Options{OfSource: 2, Metrics: NewMetrics(prometheus.NewRegistry())})
	from := func(a string) *conn { return &conn{server: s, from: netip.AddrPortFrom(netip.MustParseAddr(a), 1)} }
	first := from("2001:db8::1")
	if !s.enter(first) || !s.enter(from("2001:db8::2")) || s.enter(from("2001:db8::3:0:0:3")) {
		t.Error("connections of one network")
	}
	if !s.enter(from("2001:db8:0:1::1")) || !s.enter(from("192.0.2.1")) || !s.enter(from("192.0.2.2")) {
		t.Error("connections of others")
	}
	s.greeted(first)
	s.leave(first)
	if !s.enter(from("2001:db8::4")) {
		t.Error("a place is free again")
	}
}

// TestUnparsable: octets that are no packets close the connection, and are handed to nobody.
func TestUnparsable(t *testing.T) {
	t.Parallel()
	b := serve(t, accepts, nil)
	for name, octets := range map[string][]byte{
		"a length below a header": {1, 1, 0, 19, 0, 0, 0, 0},
		"a length over 4096":      {1, 1, 0x10, 1, 0, 0, 0, 0},
		"attributes that do not add up": func() []byte {
			p := append(radius.AppendHeader11(nil, radius.AccessRequest, 1), 1, 99)
			radius.Finish11(p, 1)
			return p
		}(),
		"HTTP": []byte("GET / HTTP/1.1\r\nHost: radius\r\n\r\n"),
	} {
		d := b.dial(t, radius.ALPN11)
		d.send(octets)
		d.closed()
		if len(b.got) > 0 {
			t.Errorf("%s: a packet was taken", name)
		}
	}
	if err := b.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.counted(t, connFateNames[malformedConn]); n != 4 {
		t.Errorf("%v connections counted", n)
	}
}

// TestForeignCodes: what no client sends is dropped, and the connection stays.
func TestForeignCodes(t *testing.T) {
	t.Parallel()
	b := serve(t, accepts, nil)
	d := b.dial(t, radius.ALPN11)
	for _, code := range []radius.Code{radius.AccessAccept, radius.CoARequest, radius.DisconnectACK, radius.ProtocolError, 0, 255} {
		d.send(d.request(code, 1, "bob"))
	}
	d.send(d.request(radius.AccessRequest, 2, "bob"))
	if _, id := d.receive(); id != 2 || len(b.got) != 1 {
		t.Errorf("token %d, %d packets", id, len(b.got))
	}
}

// TestBoundsOfTime: a handshake, the rest of a packet and a pause last no longer than they may.
func TestBoundsOfTime(t *testing.T) {
	t.Parallel()
	b := serve(t, accepts, func(o *Options) { o.Handshake = 50 * time.Millisecond })
	raw, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := io.ReadAll(raw); err != nil {
		t.Errorf("no handshake: %v", err)
	}
	for half := 1; half < 24; half += 22 {
		b := serve(t, accepts, func(o *Options) { o.Rest = 50 * time.Millisecond })
		d := b.dial(t, radius.ALPN11)
		d.send(d.request(radius.AccessRequest, 1, "bob")[:half])
		d.closed()
	}
	b = serve(t, accepts, func(o *Options) { o.Idle = 50 * time.Millisecond })
	b.dial(t, radius.ALPN11).closed()
}

// TestBoundsOfNumber: an address has so many connections, and so many handshakes.
func TestBoundsOfNumber(t *testing.T) {
	t.Parallel()
	b := serve(t, accepts, func(o *Options) { o.OfSource, o.Handshakes = 3, 2 })
	raw := make([]net.Conn, 3)
	for i := range raw {
		c, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		raw[i] = c
	}
	if _, err := raw[2].Read(make([]byte, 1)); err == nil {
		t.Error("three handshakes at once")
	}
	raw[0].Close()
	raw[1].Close()
	gone := func() bool {
		b.Server.mu.Lock()
		defer b.Server.mu.Unlock()
		return len(b.conns) == 0
	}
	for !gone() {
		time.Sleep(time.Millisecond)
	}
	for range 3 {
		d := b.dial(t, radius.ALPN11)
		d.send(d.request(radius.AccessRequest, 1, "bob"))
		d.receive()
	}
	c, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("four connections at once")
	}
}

// TestExpiry: a connection is closed when the certificate ends that its peer has shown.
func TestExpiry(t *testing.T) {
	t.Parallel()
	theirs, trustsServer := pair(t, "server.example", time.Now().Add(time.Hour))
	own, trustsClient := pair(t, "client.example", time.Now().Add(2*time.Second)) // certificates count whole seconds
	b := serve(t, accepts, func(o *Options) {
		o.TLS = listeners.FixedTLS(theirs, trustsClient).Config(radius.ALPN11, radius.ALPN10)
	})
	b.client.RootCAs, b.client.Certificates = trustsServer, []tls.Certificate{*own}
	d := b.dial(t, radius.ALPN11)
	d.send(d.request(radius.AccessRequest, 1, "bob"))
	d.receive()
	d.closed()
	if time.Now().Before(own.Leaf.NotAfter) {
		t.Error("closed before")
	}
	if err := b.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.counted(t, connFateNames[expiredConn]); n != 1 {
		t.Errorf("%v connections counted", n)
	}
}

// TestAnswerCloses: the security module may end a connection, after its reply.
func TestAnswerCloses(t *testing.T) {
	t.Parallel()
	b := serve(t, func(_ context.Context, p *ingress.Packet) (ingress.Answer, error) {
		return ingress.Answer{Verdict: ingress.Unknown, Octets: reply(p, radius.AccessReject), Close: true}, nil
	}, nil)
	d := b.dial(t, radius.ALPN11)
	d.send(d.request(radius.AccessRequest, 1, "bob"))
	if code, _ := d.receive(); code != radius.AccessReject {
		t.Errorf("code %d", code)
	}
	d.closed()
}

// TestStop: what is in flight is answered, nothing more is read, and the connections end.
func TestStop(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	b := serve(t, func(ctx context.Context, p *ingress.Packet) (ingress.Answer, error) {
		<-release
		return accepts(ctx, p)
	}, nil)
	busy, idle := b.dial(t, radius.ALPN11), b.dial(t, radius.ALPN10)
	busy.send(busy.request(radius.AccessRequest, 1, "bob"))
	b.wait(t, func(packets, _ int) bool { return packets == 1 })
	ended := make(chan error)
	go func() { ended <- b.Stop(context.Background()) }()
	idle.closed()
	close(release)
	busy.receive()
	busy.closed()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", b.addr); err == nil {
		c.Close()
		t.Error("still listening")
	}
}
