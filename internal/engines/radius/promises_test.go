package radius

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/radius/avp/avptest"
)

// TestLongest: no exchange takes longer than that, whatever it has to wait for.
func TestLongest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := New(Options{})
		e.sockets.open = newVoid
		server := aaa.Server{
			Address: "192.0.2.1", Port: 1812, Secret: aaa.NewSecret("s"), Timeout: 5000, Retries: 3,
			HealthCheck: aaa.HealthCheck{Type: "time"}, // no probe takes an identifier beside the requests
		}
		c := openTest(t, e, server)
		longest := c.Longest()
		if longest < 22*time.Second || longest >= 30*time.Second { // four attempts, within a request's deadline
			t.Errorf("a server as documents have it by default takes %v", longest)
		}
		for _, waited := range []time.Duration{0, time.Second, 5*time.Second - 1, 5 * time.Second, 20*time.Second - 1, time.Hour} {
			c.places.Store(semaphore.NewWeighted(1))
			c.places.Load().TryAcquire(1)
			freed := time.AfterFunc(waited, func() { c.places.Load().Release(1) })
			start := time.Now()
			_, err := c.Exchange(context.Background(), login(avptest.New()))
			var f *engines.Failure
			if took := time.Since(start); !errors.As(err, &f) || took > longest {
				t.Errorf("after a wait of %v: %v in %v", waited, err, took)
			}
			freed.Stop()
		}
		server.Address = "radius.example.org"
		if d := openTest(t, e, server).Longest(); d != 0 {
			t.Errorf("a name is promised to be done in %v", d)
		}
	})
}

// TestOmits: what is said to be omitted changes no packet.
func TestOmits(t *testing.T) {
	t.Parallel()
	packet := func(op aaa.Op, avps ...aaa.AVP) []byte {
		t.Helper()
		p, err := built(t, &engines.Request{Op: op, AVPs: avps})
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Clone(p.enc.Packet)
	}
	attributes := []*aaa.Attribute{{Name: "user", Vendor: &aaa.Vendor{Number: aaa.VendorTACACS}, Number: 1, Wire: true}}
	for n := uint32(1); n <= 240; n++ {
		attributes = append(attributes, &aaa.Attribute{Name: "standard", Number: n, Type: aaa.TypeOctets, Wire: true})
	}
	for op, want := range map[aaa.Op]int{aaa.Authn: 2, aaa.Authz: 2, aaa.Custom: 2, aaa.Accounting: 6} {
		without, omitted := packet(op), 0
		for _, a := range attributes {
			if !(&client{}).Omits(op, a) {
				continue
			}
			omitted++
			if !bytes.Equal(packet(op, aaa.AVP{Attr: a, Value: []byte("1234")}), without) {
				t.Errorf("%s omits %s %d, and yet its packet changes", op, a.Name, a.Number)
			}
		}
		if omitted != want {
			t.Errorf("%s omits %d attributes, want %d", op, omitted, want)
		}
	}
}
