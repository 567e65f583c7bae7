package radius

import (
	"context"
	"math"
	"net/netip"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/ingress"
)

// fixed is the least that a service can do, so that what is left is the Server's.
type fixed struct{ res *aaa.Result }

func (f fixed) Handle(context.Context, *aaa.Request) (*aaa.Result, error) { return f.res, nil }
func (f fixed) Repeat(context.Context, aaa.AccountID, string) error       { return nil }

// busy makes a Server, a login that it answers, and one that it refuses.
func busy(t testing.TB) (give func(octets []byte) ingress.Answer, good, bad *sent) {
	t.Helper()
	s := newSet(t)
	c := s.withA(aaa.Client{})
	values := aaa.Values{}
	avps := []aaa.AVP{attr("Class", "c"), attr("Reply-Message", "welcome"), attr("Session-Timeout", "\x00\x00\x00\x10")}
	o := s.Options
	o.Clients = quick{s.site, []*clients.Client{c}}
	o.AAA = fixed{&aaa.Result{Outcome: aaa.Accept, IsAuthorized: true}}
	o.Values = func([]aaa.AVP) aaa.Values { return values }
	o.Reply = func(aaa.Op, *aaa.Result) ([]aaa.AVP, []string) { return avps, nil }
	o.NewID = func() string { return "the id" }
	srv := New(o)
	more := []aaa.AVP{attr("NAS-IP-Address", "\xc0\x00\x02\x07"), attr("NAS-Port", "\x00\x00\x00\x07"), attr("Calling-Station-Id", "00-11-22-33-44-55"), attr("Called-Station-Id", "66-77-88-99-AA-BB")}
	good, bad = login(t, secretA, more...), login(t, secretB, more...)
	p, buf := ingress.Packet{Listener: ingress.RADIUSAuth, From: device, To: service}, make([]byte, 0, 4096)
	give = func(octets []byte) ingress.Answer {
		p.Octets = append(buf[:0], octets...)
		a, err := srv.Packet(context.Background(), front, &p)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	good.open(t, give(good.octets))
	return give, good, bad
}

// quick is one client, found at once.
type quick struct {
	*site
	list []*clients.Client
}

func (q quick) ByAddress(aaa.ClientProtocol, netip.Addr) []*clients.Client { return q.list }
func (q quick) Seen(*clients.Client, bool)                                 {}
func (q quick) Missed(aaa.ClientProtocol, netip.Addr, string)              {}

// BenchmarkPAP is what the Server adds to a login.
func BenchmarkPAP(b *testing.B) {
	give, good, _ := busy(b)
	b.ReportAllocs()
	for b.Loop() {
		give(good.octets)
	}
}

// BenchmarkWrongSecret is what a packet costs that proves nothing.
func BenchmarkWrongSecret(b *testing.B) {
	give, _, bad := busy(b)
	b.ReportAllocs()
	for b.Loop() {
		give(bad.octets)
	}
}

// TestCost: a login allocates what outlives it, and a packet that proves nothing hardly anything.
func TestCost(t *testing.T) { //nolint:paralleltest // testing.AllocsPerRun
	give, good, bad := busy(t)
	for name, c := range map[string]struct {
		q    *sent
		most float64
	}{"login": {good, 4}, "wrong secret": {bad, 0}} {
		n := math.Inf(1)
		for range 200 { // the race detector has pools forget some of what they hold
			n = min(n, testing.AllocsPerRun(1, func() { give(c.q.octets) }))
		}
		if n > c.most {
			t.Errorf("%s: %v allocations, want %v", name, n, c.most)
		}
	}
}
