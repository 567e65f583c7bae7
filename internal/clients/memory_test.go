package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/ingress"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
)

// manyClients is a store of clients that are made when they are read: ten an account, each with an address, a secret and, one in ten,
// a certificate. Names and documents are as long as real ones.
type manyClients struct {
	n       int
	changed string // a name whose document has another address
}

func (m *manyClients) client(n int) store.Client {
	c := store.Client{
		Account: aaa.AccountID(fmt.Sprintf("%032x", n/10+1)), Name: fmt.Sprintf("wlc-%06d", n), Revision: 1,
		CreatedAt: time.Unix(int64(n), 0), UpdatedAt: time.Unix(int64(n), 0),
	}
	doc := map[string]any{
		"description": strings.Repeat("on the third floor ", 5), "address": address(n).String(), "nas_type": "cisco",
		"protocols": []string{"radius", "tacacs"}, "quirks": []string{"short-body", "blank-rem-addr"},
		"secret": secmod.SealedPrefix + fmt.Sprintf("%060d", n), "previous_secret": secmod.SealedPrefix + fmt.Sprintf("%060d", n),
	}
	if n%10 == 0 {
		doc["certificate"] = map[string]string{"san": san(n)}
	}
	if c.Name == m.changed {
		doc["address"], c.Revision = "192.0.2.1", 2
	}
	c.Body, _ = json.Marshal(doc)
	return c
}

// address spreads clients over networks, as providers have them.
func address(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 12), byte(n >> 4), byte(n<<4) + 7})
}

func san(n int) string { return fmt.Sprintf("wlc-%06d.nas.example", n) }

func (m *manyClients) Each(_ context.Context, visit func(store.Client) error) error {
	for n := range m.n {
		if err := visit(m.client(n)); err != nil {
			return err
		}
	}
	return nil
}

func (m *manyClients) Get(_ context.Context, _ aaa.AccountID, name string) (store.Client, error) {
	var n int
	_, err := fmt.Sscanf(name, "wlc-%d", &n)
	return m.client(n), err
}

// openAny opens a sealed text to a secret of 22 octets.
type openAny struct{ secmod.Opener }

func (openAny) Open(_ context.Context, _ aaa.AccountID, _, sealed string) (aaa.Secret, error) {
	return aaa.NewSecret(strings.Clone(sealed[len(sealed)-22:])), nil
}

func many(t testing.TB, n int) (*Registry, *manyClients) {
	t.Helper()
	m := &manyClients{n: n}
	r := New(Options{Store: m, Opener: openAny{}, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r, m
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemory has 100,000 clients within 100 MiB, before and after their secrets are opened.
func TestMemory(t *testing.T) {
	const n = 100_000
	before := heap()
	r, _ := many(t, n)
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func(what string) {
		octets := heap() - before
		t.Logf("%s: %d octets a client", what, octets/n)
		if octets > 100<<20 {
			t.Errorf("%s: %d MiB", what, octets>>20)
		}
	}
	check("sealed")
	for i := range n {
		list := r.ByAddress(radius, address(i))
		if len(list) != 1 {
			t.Fatalf("client %d: %v", i, list)
		}
		if s, err := r.Secret(t.Context(), list[0]); err != nil || s.Previous.IsZero() {
			t.Fatal(err)
		}
	}
	check("opened")
	runtime.KeepAlive(r)
}

// TestChangeCost has a change of one client among many allocate what it concerns.
func TestChangeCost(t *testing.T) {
	cost := func(n int) float64 {
		r, m := many(t, n)
		return testing.AllocsPerRun(10, func() {
			for _, m.changed = range []string{"wlc-000005", ""} {
				r.Changed(t.Context(), []store.Change{{Kind: store.ChangedClient, Account: m.client(5).Account, Name: "wlc-000005"}}, false)
			}
		})
	}
	if few, lots := cost(100), cost(20_000); lots > 3*few {
		t.Errorf("%v allocations among 20,000 clients, %v among 100", lots, few)
	}
}

// BenchmarkByAddress tells the processor time beside the time, which other work on the machine disturbs.
func BenchmarkByAddress(b *testing.B) {
	r, _ := many(b, 100_000)
	b.ReportAllocs()
	n := 0
	before := processor(b)
	for b.Loop() {
		n = (n + 7919) % 100_000
		if r.ByAddress(radius, address(n)) == nil {
			b.Fatal("unknown")
		}
	}
	b.ReportMetric(float64(processor(b)-before)/float64(b.N), "processor-ns/op")
}

// processor is the processor time that the process has used, in nanoseconds.
func processor(b *testing.B) int64 {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

func BenchmarkByPeer(b *testing.B) {
	r, _ := many(b, 100_000)
	peers := make([]*ingress.Peer, 1000)
	for n := range peers {
		peers[n] = &ingress.Peer{From: address(n * 100), SANs: []string{san(n * 100)}, Issuer: "CN=ca", Serial: "1f"}
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n = (n + 1) % len(peers)
		if r.ByPeer(radius, peers[n]) == nil {
			b.Fatal("unknown")
		}
	}
}

func BenchmarkSeen(b *testing.B) {
	r, _ := many(b, 1)
	c := r.ByAddress(radius, address(0))[0]
	b.ReportAllocs()
	for b.Loop() {
		r.Seen(c, false)
	}
}

// BenchmarkMissed is a flood of forged sources.
func BenchmarkMissed(b *testing.B) {
	r, _ := many(b, 1)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		r.Missed(radius, address(n), "no client has this address")
	}
}

// BenchmarkChanged is one client that changes among 100,000.
func BenchmarkChanged(b *testing.B) {
	r, m := many(b, 100_000)
	changes := []store.Change{{Kind: store.ChangedClient, Account: m.client(5).Account, Name: "wlc-000005"}}
	for b.Loop() {
		if m.changed == "" {
			m.changed = "wlc-000005"
		} else {
			m.changed = ""
		}
		r.Changed(b.Context(), changes, false)
	}
}
