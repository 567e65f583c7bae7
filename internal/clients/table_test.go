package clients

import (
	"fmt"
	"net/netip"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/ingress"
)

const (
	radius = aaa.ClientRADIUS
	tacacs = aaa.ClientTACACS
)

// both runs a test on clients as the change log brings them, and as they are when all are read.
func both(t *testing.T, write func(f *fixture), check func(t *testing.T, f *fixture)) {
	f := newFixture(t)
	write(f)
	f.sync()
	check(t, f)
	f.registry = f.new()
	f.must(f.registry.Load(f.ctx))
	check(t, f)
}

func TestByAddress(t *testing.T) {
	both(t, func(f *fixture) {
		f.put("provider/all", `{"address":"0.0.0.0/0"}`)
		f.put("provider/net", `{"address":"10.1.2.3/8","protocols":["radius"]}`)
		f.put("provider/switches", `{"address":"10.1.0.0/16","protocols":["tacacs"]}`)
		f.put("provider/off", `{"address":"10.1.2.0/24","enabled":false}`)
		f.put("provider/one", `{"address":"10.1.2.3","protocols":["tacacs","radius"]}`)
		f.put("provider/six", `{"address":"2001:db8::/32"}`)
		f.put("provider/mapped", `{"address":"::ffff:192.0.2.0/120"}`)
		f.put("provider/tls", `{"certificate":{"san":"nas.example"}}`)
	}, func(_ *testing.T, f *fixture) {
		f.by(radius, "192.0.3.1", "all")
		f.by(radius, "10.9.9.9", "net")
		f.by(tacacs, "10.9.9.9", "all") // net has no TACACS+
		f.by(tacacs, "10.1.9.9", "switches")
		f.by(radius, "10.1.9.9", "net")
		f.by(tacacs, "10.1.2.9", "switches") // off is disabled
		f.by(tacacs, "10.1.2.3", "one")
		f.by(radius, "::ffff:10.1.2.3", "one")
		f.by(radius, "2001:db8::1%eth0", "six")
		f.by(radius, "2001:db9::1")
		f.by(radius, "192.0.2.255", "mapped")
	})
}

func TestOnePrefix(t *testing.T) {
	both(t, func(f *fixture) {
		for n := range 12 {
			f.put(fmt.Sprintf("provider/c%02d", 11-n), `{"address":"10.0.0.0/8"}`)
		}
		f.put("provider/c09", `{"address":"10.0.0.0/8","description":"changed"}`) // keeps its place
		f.put("provider/c08", `{"address":"10.0.0.0/8","enabled":false}`)
	}, func(_ *testing.T, f *fixture) {
		f.by(radius, "10.0.0.1", "c11", "c10", "c09", "c07", "c06", "c05", "c04", "c03") // the oldest first
	})
}

func TestByPeer(t *testing.T) {
	both(t, func(f *fixture) {
		f.put("provider/dns", `{"certificate":{"san":"NAS.example."}}`)
		f.put("provider/ip", `{"certificate":{"san":"2001:DB8:0::1"},"protocols":["radius"]}`)
		f.put("provider/uri", `{"certificate":{"san":"https://nas.example/A"}}`)
		f.put("provider/serial", `{"certificate":{"issuer":"CN=ca,O=x","serial":"00:0A:ff"}}`)
		f.put("provider/three", `{"certificate":{"issuer":"CN=ca","serial":"3","san":"three.example"}}`)
		f.put("provider/wide", `{"certificate":{"san":"both.example"},"address":"10.0.0.0/8"}`)
		f.put("provider/narrow", `{"certificate":{"san":"two.example"},"address":"10.1.0.0/16"}`)
		f.put("provider/off", `{"certificate":{"san":"off.example"},"enabled":false}`)
		f.put("provider/plain", `{"address":"10.0.0.0/8"}`)
	}, func(t *testing.T, f *fixture) {
		from := netip.MustParseAddr("10.1.2.3")
		for _, c := range []struct {
			p    aaa.ClientProtocol
			peer ingress.Peer
			want string
		}{
			{radius, ingress.Peer{SANs: []string{"x", "nas.EXAMPLE"}}, "dns"},
			{radius, ingress.Peer{SANs: []string{"nas.example."}}, "dns"},
			{radius, ingress.Peer{SANs: []string{"nas.example.org", "", "*"}}, ""},
			{radius, ingress.Peer{SANs: []string{"2001:db8::1"}}, "ip"},
			{tacacs, ingress.Peer{SANs: []string{"2001:db8::1"}}, ""},
			{radius, ingress.Peer{SANs: []string{"https://nas.example/A"}}, "uri"},
			{radius, ingress.Peer{SANs: []string{"https://nas.example/a"}}, ""},
			{radius, ingress.Peer{Issuer: "CN=ca,O=x", Serial: "aff"}, "serial"},
			{radius, ingress.Peer{Issuer: "CN=ca", Serial: "aff"}, ""},
			{radius, ingress.Peer{Issuer: "CN=ca", Serial: "3"}, ""},
			{radius, ingress.Peer{Issuer: "CN=ca", Serial: "4", SANs: []string{"three.example"}}, ""},
			{radius, ingress.Peer{Issuer: "CN=ca", Serial: "3", SANs: []string{"Three.example"}}, "three"},
			{radius, ingress.Peer{SANs: []string{"off.example"}}, ""},
			{radius, ingress.Peer{SANs: []string{"both.example"}}, ""}, // the address is not known
			{radius, ingress.Peer{SANs: []string{"both.example"}, From: from}, "wide"},
			{radius, ingress.Peer{SANs: []string{"both.example"}, From: netip.MustParseAddr("11.0.0.1")}, ""},
			{radius, ingress.Peer{SANs: []string{"nas.example", "both.example", "two.example"}, From: from}, "narrow"},
			{radius, ingress.Peer{SANs: []string{"nas.example", "both.example", "two.example"}, From: netip.MustParseAddr("::ffff:10.2.0.1")}, "wide"},
			{radius, ingress.Peer{From: from}, ""},
		} {
			got := ""
			if found := f.registry.ByPeer(c.p, &c.peer); found != nil {
				got = found.Name
			}
			if got != c.want {
				t.Errorf("%s: %+v is %q, want %q", c.p, c.peer, got, c.want)
			}
		}
		if f.registry.ByPeer(radius, nil) != nil {
			t.Error("no certificate finds a client")
		}
		f.by(radius, "10.1.2.3", "narrow")
		f.by(radius, "10.2.2.3", "wide", "plain")
	})
}

// TestLookupsAllocateNothing holds for clients that are known and ones that are not.
func TestLookupsAllocateNothing(t *testing.T) {
	f := newFixture(t)
	f.put("provider/a", `{"address":"10.0.0.0/8","certificate":{"san":"nas.example"}}`)
	f.sync()
	r, known, stranger := f.registry, netip.MustParseAddr("::ffff:10.1.2.3"), netip.MustParseAddr("192.0.2.1")
	peer := &ingress.Peer{From: known, SANs: []string{"other.example", "nas.example"}, Issuer: "CN=ca", Serial: "1"}
	if n := testing.AllocsPerRun(100, func() {
		if len(r.ByAddress(radius, known)) != 1 || r.ByAddress(radius, stranger) != nil || r.ByPeer(radius, peer) == nil {
			t.Error("not found")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
