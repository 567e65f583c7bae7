package radius

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// What the server at an address does with a packet.
func accepts(q *enginetest.Query) { q.Send(q.Answer(radius.AccessAccept)) }
func ignores(*enginetest.Query)   {}
func refuses(q *enginetest.Query) { q.Send([]byte{byte(syscall.ECONNREFUSED)}) } // see told

// named is a server by name, with scripted servers in place of its addresses 192.0.2.1, 192.0.2.2 and so on; an
// address without a script is one that there is no way to.
type named struct {
	*client
	resolver *names
	servers  map[netip.Addr]*enginetest.ScriptedRADIUS
}

func openNamed(t *testing.T, opts Options, timeout time.Duration, retries int, scripts ...func(*enginetest.Query)) *named {
	t.Helper()
	n := &named{resolver: &names{}, servers: map[netip.Addr]*enginetest.ScriptedRADIUS{}}
	var addrs []string
	for i, script := range scripts {
		addrs = append(addrs, fmt.Sprintf("192.0.2.%d", i+1))
		if script != nil {
			n.servers[netip.MustParseAddr(addrs[i])] = enginetest.NewScriptedRADIUS(t, testSecret, script)
		}
	}
	n.resolver.set(nil, addrs...)
	opts.Resolver = n.resolver
	e := New(opts)
	with(e, func(w wire) wire { return newDetour(w, 1812, n.servers) })
	n.client = openTest(t, e, aaa.Server{
		Name: "named", Address: "radius.example", Port: 1812, Secret: aaa.NewSecret(testSecret),
		Timeout: int(timeout.Milliseconds()), Retries: retries, HealthCheck: aaa.HealthCheck{Type: "time"},
	})
	return n
}

// got is how many packets each address has got.
func (n *named) got() string {
	var counts []int
	for i := range len(n.servers) {
		counts = append(counts, len(n.servers[netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})].Packets()))
	}
	return fmt.Sprint(counts)
}

func (n *named) accepted(t *testing.T, attempts int) {
	t.Helper()
	r, err := n.Exchange(t.Context(), login(avptest.New()))
	if err != nil || r.Outcome != aaa.Accept || r.Attempts != attempts {
		t.Errorf("%+v, %v; want an Accept after %d packets", r, err, attempts)
	}
}

func (n *named) fails(t *testing.T, reason engines.Reason, attempts int) {
	t.Helper()
	_, err := n.Exchange(t.Context(), login(avptest.New()))
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != reason || f.Attempts != attempts {
		t.Errorf("%v; want %v after %d packets", err, reason, attempts)
	}
}

// An address that refuses is left at once, within the request and without a retry spent, and is not asked again.
func TestRefusingAddressIsLeft(t *testing.T) {
	t.Parallel()
	n := openNamed(t, Options{}, time.Minute, 0, refuses, refuses, accepts)
	n.accepted(t, 3)
	n.accepted(t, 1)
	if got := n.got(); got != "[1 1 2]" {
		t.Errorf("packets %s", got)
	}
	if got := n.Health().State(); got != engines.Alive {
		t.Errorf("health %v, though the server can be reached", got)
	}
}

// An address that this machine has no way to, such as one of IPv6, is as good as none.
func TestAddressWithoutRouteIsLeft(t *testing.T) {
	t.Parallel()
	n := openNamed(t, Options{}, time.Minute, 0, nil, accepts)
	n.accepted(t, 1)
	if got := n.Health().State(); got != engines.Alive {
		t.Errorf("health %v", got)
	}
}

// All that are out at a refusing address go on together; where all addresses refuse, each is asked once and that is one failure.
func TestAllAddressesRefuse(t *testing.T) {
	t.Parallel()
	for name, scripts := range map[string][]func(*enginetest.Query){
		"both refuse": {refuses, refuses}, "one refuses, no way to the other": {refuses, nil}, "no way to either": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := openNamed(t, Options{}, time.Minute, 5, scripts...)
			want := []engines.State{engines.Zombie, engines.Zombie, engines.Dead}
			for i := range want {
				n.fails(t, engines.Unreachable, len(n.servers))
				if got := n.Health().State(); got != want[i] {
					t.Errorf("%v after %d failures", got, i+1)
				}
			}
		})
	}
	const many = 5
	n := openNamed(t, Options{}, time.Minute, 0, func(q *enginetest.Query) {
		if q.Count == many {
			refuses(q)
		}
	}, accepts)
	var wg sync.WaitGroup
	for range many {
		wg.Go(func() { n.accepted(t, 2) })
	}
	wg.Wait()
	if got := n.got(); got != "[5 5]" {
		t.Errorf("packets %s", got)
	}
}

// An address that was silent for a request's whole time is left by the next one, and stays left.
func TestSilentAddressIsLeft(t *testing.T) {
	t.Parallel()
	n := openNamed(t, Options{}, 50*time.Millisecond, 1, ignores, accepts)
	n.fails(t, engines.NoAnswer, 2)
	n.timeout = 10 * time.Second
	for range engines.AnswersToAlive {
		n.accepted(t, 1)
	}
	if got := n.got(); got != "[2 3]" {
		t.Errorf("packets %s", got)
	}
	if got := n.Health().State(); got != engines.Alive {
		t.Errorf("health %v", got)
	}
}

// What is out at an address when it is left says nothing more of the server, whose next address answers.
func TestRequestsOutAtASilentAddress(t *testing.T) {
	t.Parallel()
	n := openNamed(t, Options{}, 100*time.Millisecond, 0, ignores, accepts)
	var wg sync.WaitGroup
	for range engines.FailuresToDead + 2 {
		wg.Go(func() { n.fails(t, engines.NoAnswer, 1) })
	}
	wg.Wait()
	if !n.Health().Usable() {
		t.Errorf("health %v after one address of two was silent", n.Health().State())
	}
	n.timeout = 10 * time.Second
	n.accepted(t, 1)
}

// An address that answers others meanwhile is not left for one request that it ignores.
func TestAddressThatAnswersOthersStays(t *testing.T) {
	t.Parallel()
	var ignored *enginetest.Query
	n := openNamed(t, Options{}, 200*time.Millisecond, 1, func(q *enginetest.Query) {
		if ignored == nil {
			ignored = q
		}
		if q.Packet[1] != ignored.Packet[1] {
			accepts(q)
		}
	}, accepts)
	var wg sync.WaitGroup
	wg.Go(func() { n.fails(t, engines.NoAnswer, 2) })
	n.servers[netip.MustParseAddr("192.0.2.1")].Wait(t, 1)
	n.accepted(t, 1)
	wg.Wait()
	n.accepted(t, 1)
	if got := n.got(); got != "[4 0]" {
		t.Errorf("packets %s", got)
	}
}

// Probes go round the addresses of a dead server until one answers.
func TestProbesGoRound(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]*tester{"Status-Server": nil, "a test user": {"probe", aaa.NewSecret("p")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := openNamed(t, Options{ProbeInterval: 10 * time.Millisecond, ReviveAfter: 50 * time.Millisecond}, 20*time.Millisecond, 0, ignores, ignores, accepts)
			n.unasked, n.tester = false, by
			n.fails(t, engines.NoAnswer, 1)
			eventually(t, "alive", func() bool { return n.Health().State() == engines.Alive })
			n.timeout = 10 * time.Second
			n.accepted(t, 1)
		})
	}
}

// A change of the name's addresses is followed: the one in use stays while the name has it.
func TestNameChanges(t *testing.T) {
	t.Parallel()
	n := openNamed(t, Options{HostTTL: time.Millisecond}, 10*time.Second, 0, refuses, accepts, accepts)
	n.accepted(t, 2)
	change := func(addrs ...string) {
		t.Helper()
		n.resolver.set(nil, addrs...)
		eventually(t, "a new look-up", func() bool {
			if _, _, err := n.target(t.Context()); err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(n.engine.hosts.known("radius.example")) == fmt.Sprint(n.resolver.addrs)
		})
	}
	change("192.0.2.3")
	n.accepted(t, 1)
	change("192.0.2.3", "192.0.2.2", "192.0.2.1")
	n.accepted(t, 1)
	if got := n.got(); got != "[1 1 2]" {
		t.Errorf("packets %s", got)
	}
}

// An edited entry goes on at the address that works.
func TestEditKeepsTheAddress(t *testing.T) {
	t.Parallel()
	n := openNamed(t, Options{}, 10*time.Second, 0, refuses, accepts)
	n.accepted(t, 2)
	next, err := n.engine.Open(engines.Config{Server: aaa.Server{
		Name: "named", Address: "radius.example", Port: 1812, Secret: aaa.NewSecret(testSecret), Timeout: 9999,
	}, Previous: n.client})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(next.Retire)
	n.client = next.(*client)
	n.accepted(t, 1)
}
