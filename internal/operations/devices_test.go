package operations

import (
	"context"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/ingress"
	"aaa-api/internal/line"
)

// scripted is a server of devices that notes what it is told.
type scripted struct {
	mu   sync.Mutex
	told []string
}

func (s *scripted) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, what)
}

func (s *scripted) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.told)
}

// Packet implements ingress.RADIUSServer and ingress.TACACSServer.
func (s *scripted) Packet(_ context.Context, from string, p *ingress.Packet) (ingress.Answer, error) {
	s.note(from + " packet " + p.Listener.String())
	return ingress.Answer{Verdict: ingress.Verified, Octets: append([]byte("re:"), p.Octets...)}, nil
}

// Again implements ingress.RADIUSServer.
func (s *scripted) Again(from string, p *ingress.Packet) {
	s.note(from + " again " + p.Listener.String())
}

// Closed implements ingress.TACACSServer.
func (s *scripted) Closed(from string, conn uint64) {
	s.note(from + " closed " + map[bool]string{true: "all", false: "one"}[conn == 0])
}

// aPacket is a packet as a listener makes it.
func aPacket(l ingress.Listener) *ingress.Packet {
	p := &ingress.Packet{
		Listener: l, From: netip.MustParseAddrPort("192.0.2.7:1024"), To: netip.MustParseAddrPort("[2001:db8::1]:1812"),
		Octets: make([]byte, 64), At: time.Now().UTC().Round(time.Second),
	}
	if !l.Datagrams() {
		p.Conn = 1
	}
	if l.TLS() {
		p.Peer = &ingress.Peer{SANs: []string{"switch7.example"}, Issuer: "CN=devices", Serial: "1f"}
	}
	return p
}

// TestDevicesAcross: packets reach the servers with the name of the process that they came through, and a process that ends leaves nothing.
func TestDevicesAcross(t *testing.T) {
	t.Parallel()
	server := &scripted{}
	here := &Parts{RADIUS: server, TACACS: server}
	call := func(p *Parts) string {
		t.Helper()
		a, err := RADIUSPacket.Ask(t.Context(), p, line.From{}, aPacket(ingress.RADIUSAuth))
		if err != nil || a.Verdict != ingress.Verified || len(a.Octets) != 67 {
			t.Fatal(a, err)
		}
		told := server.all()
		return strings.TrimSuffix(told[len(told)-1], " packet radius-auth")
	}
	if name := call(here); name != "here" {
		t.Error(name)
	}
	first, leaveFirst := here.For("front 0")
	second, leaveSecond := here.For("front 0") // the front was started anew, before the end of the first was noticed
	one, two := call(first), call(second)
	if one == two || !strings.HasPrefix(one, "front 0") || !strings.HasPrefix(two, "front 0") {
		t.Errorf("%q %q", one, two)
	}
	if _, err := TACACSClosed.Call(t.Context(), second, line.From{}, Closed{Conn: 3}); err != nil {
		t.Error(err)
	}
	if _, err := RADIUSAgain.Ask(t.Context(), second, line.From{}, aPacket(ingress.RADIUSTLS)); err != nil {
		t.Error(err)
	}
	leaveFirst()
	leaveSecond()
	want := []string{two + " closed one", two + " again radius-tls", one + " closed all", two + " closed all"}
	if told := server.all(); !slices.Equal(told[3:], want) {
		t.Errorf("%q, want %q", told[3:], want)
	}
}

// TestPacketsAreChecked: a front in the hands of strangers hands over nothing that no listener makes.
func TestPacketsAreChecked(t *testing.T) {
	t.Parallel()
	server := &scripted{}
	parts := &Parts{RADIUS: server, TACACS: server}
	send := func(name string, q *ingress.Packet) error {
		_, err := named(t, name).from(t.Context(), parts, &line.From{}, func(into any) error {
			reflect.ValueOf(into).Elem().Set(reflect.ValueOf(q).Elem())
			return nil
		})
		return err
	}
	long := strings.Repeat("x", 5000)
	for what, spoil := range map[string]func(*ingress.Packet){
		"no listener":       func(p *ingress.Packet) { p.Listener = ingress.NumListeners },
		"other protocol":    func(p *ingress.Packet) { p.Listener = ingress.TACACSTLS },
		"no connection":     func(p *ingress.Packet) { p.Conn = 0 },
		"connection of UDP": func(p *ingress.Packet) { p.Listener, p.Peer = ingress.RADIUSAcct, nil },
		"peer of UDP":       func(p *ingress.Packet) { p.Listener, p.Conn = ingress.RADIUSAcct, 0 },
		"no peer":           func(p *ingress.Packet) { p.Peer = nil },
		"1.1 over UDP":      func(p *ingress.Packet) { *p = *aPacket(ingress.RADIUSAuth); p.V11 = true },
		"short":             func(p *ingress.Packet) { p.Octets = p.Octets[:19] },
		"long":              func(p *ingress.Packet) { p.Octets = make([]byte, 4097) },
		"no address":        func(p *ingress.Packet) { p.From = netip.AddrPort{} },
		"zone":              func(p *ingress.Packet) { p.From = netip.MustParseAddrPort("[fe80::1%eth0]:1") },
		"mapped":            func(p *ingress.Packet) { p.To = netip.MustParseAddrPort("[::ffff:192.0.2.1]:1") },
		"many names":        func(p *ingress.Packet) { p.Peer.SANs = make([]string, 65) },
		"a long name":       func(p *ingress.Packet) { p.Peer.SANs = []string{long} },
		"no line":           func(p *ingress.Packet) { p.Peer.SANs = []string{"a\nb"} },
		"a long issuer":     func(p *ingress.Packet) { p.Peer.Issuer = long },
		"a long serial":     func(p *ingress.Packet) { p.Peer.Serial = strings.Repeat("1", 41) },
		"no number":         func(p *ingress.Packet) { p.Peer.Serial = "0x1F" },
	} {
		p := aPacket(ingress.RADIUSTLS)
		spoil(p)
		for _, name := range []string{"devices.radius", "devices.radius_again"} {
			if err := send(name, p); aaa.KindOf(err) != aaa.KindBadInput {
				t.Errorf("%s: %s: %v", what, name, err)
			}
		}
	}
	if err := send("devices.tacacs", aPacket(ingress.RADIUSTLS)); aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("RADIUS as TACACS+: %v", err)
	}
	if told := server.all(); len(told) > 0 {
		t.Errorf("a server was told: %q", told)
	}
	for l := range ingress.NumListeners {
		name := "devices.radius"
		if !l.RADIUS() {
			name = "devices.tacacs"
		}
		if err := send(name, aPacket(l)); err != nil {
			t.Errorf("%v: %v", l, err)
		}
	}
	old := aPacket(ingress.RADIUSAuth)
	old.At = time.Unix(1, 0)
	if err := checkPacket(old, aaa.ClientRADIUS); err != nil || time.Since(old.At) > time.Minute {
		t.Errorf("%v %v", old.At, err)
	}
}

// TestOperatorsAreNoDevices: packets come over the lines of fronts alone, and not where no server takes them.
func TestOperatorsAreNoDevices(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"devices.radius", "devices.radius_again", "devices.tacacs", "devices.tacacs_closed"} {
		request := samples[name].request(nil)
		decode := func(into any) error {
			reflect.ValueOf(into).Elem().Set(reflect.ValueOf(request).Elem())
			return nil
		}
		server := &scripted{}
		parts := &Parts{RADIUS: server, TACACS: server, Local: &Local{}}
		o := named(t, name)
		if _, err := parts.Operators().Serve(t.Context(), numberOf(t, name), &line.From{}, decode); err != ErrNotHere { //nolint:errorlint // the one
			t.Errorf("%s: %v", name, err)
		}
		if _, err := o.from(t.Context(), &Parts{}, &line.From{}, decode); aaa.KindOf(err) != aaa.KindNotFound {
			t.Errorf("%s without a server: %v", name, err)
		}
		if len(server.all()) > 0 {
			t.Errorf("%s reached the server", name)
		}
	}
}

// numberOf is the number of an operation.
func numberOf(t *testing.T, name string) uint16 {
	t.Helper()
	for i, o := range all {
		if o.Name() == name {
			return uint16(i) //nolint:gosec // there are a hundred
		}
	}
	t.Fatal("there is no " + name)
	return 0
}

// answering answers each packet at once.
type answering struct{ reply []byte }

func (a answering) Packet(context.Context, string, *ingress.Packet) (ingress.Answer, error) {
	return ingress.Answer{Verdict: ingress.Verified, Octets: a.reply}, nil
}

func (answering) Again(string, *ingress.Packet) {}

// BenchmarkRADIUSPacket is what the line costs a packet: calls of a front that has so many in flight, each with a deadline as listeners give it.
func BenchmarkRADIUSPacket(b *testing.B) {
	for _, inFlight := range []int{1, 64, 1024} {
		b.Run(strconv.Itoa(inFlight), func(b *testing.B) {
			here, there, _ := across(b)
			here.RADIUS = answering{make([]byte, 120)}
			b.ReportAllocs()
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			b.ResetTimer()
			for range inFlight {
				all.Go(func() {
					p := aPacket(ingress.RADIUSAuth)
					p.Octets = make([]byte, 200)
					for left.Add(-1) >= 0 {
						ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
						a, err := RADIUSPacket.Ask(ctx, there, line.From{At: p.At}, p)
						cancel()
						if err != nil || len(a.Octets) != 120 {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
		})
	}
}
