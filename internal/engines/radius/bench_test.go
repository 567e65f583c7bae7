package radius

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/ipv4"
	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

const benchSecret = "benchmark secret"

// inFlight is how many requests the comparison keeps at the server.
const inFlight = 512

// TestMain turns the test binary into the benchmark's responder when asked to, so
// that it runs as a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("AAA_API_BENCH_RESPONDER") != "" {
		respond()
		return
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// respond accepts everything in the fewest octets that verify, many datagrams a system call, until standard input ends.
func respond() {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = c.SetReadBuffer(4 << 20)
	_ = c.SetWriteBuffer(4 << 20)
	fmt.Println(c.LocalAddr())
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	p, key := ipv4.NewPacketConn(c), radius.NewKey([]byte(benchSecret))
	in := make([]ipv4.Message, 64)
	for i := range in {
		in[i].Buffers = [][]byte{make([]byte, radius.MaxPacket)}
	}
	out := make([]ipv4.Message, 64)
	for i := range out {
		out[i].Buffers = [][]byte{make([]byte, 0, radius.MaxPacket)}
	}
	for {
		n, err := p.ReadBatch(in, 0)
		if err != nil {
			return
		}
		for i := range n {
			b := in[i].Buffers[0]
			auth := radius.Authenticator(b[4:])
			r := radius.AppendHeader(out[i].Buffers[0][:0], radius.AccessAccept, b[1], &auth)
			key.SignReply(r, &auth)
			out[i].Buffers[0], out[i].Addr = r, in[i].Addr
		}
		for done := 0; done < n; {
			k, err := p.WriteBatch(out[done:n], 0)
			if err != nil {
				return
			}
			done += k
		}
	}
}

// startResponder starts the responder's process and returns its address.
func startResponder(b *testing.B) *net.UDPAddr {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "AAA_API_BENCH_RESPONDER=1", "GOMAXPROCS=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		b.Fatal(err)
	}
	addr, err := net.ResolveUDPAddr("udp", strings.TrimSpace(string(line[:n])))
	if err != nil {
		b.Fatal(err)
	}
	return addr
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// tally is what a client did in some time.
type tally struct {
	requests  float64
	wall, cpu time.Duration
}

func (t *tally) add(u tally) { t.requests += u.requests; t.wall += u.wall; t.cpu += u.cpu }

func (t *tally) rate() float64 { return t.requests / t.wall.Seconds() }

func (t *tally) micros() float64 { return float64(t.cpu.Microseconds()) / t.requests }

// measure runs one request after another on inFlight goroutines for d.
func measure(b *testing.B, d time.Duration, one func(context.Context) error) tally {
	b.Helper()
	used := cpu(b)
	ctx := b.Context()
	counts := make([]int, inFlight)
	var wg sync.WaitGroup
	start := time.Now()
	for i := range inFlight {
		wg.Go(func() {
			for time.Since(start) < d {
				if err := one(ctx); err != nil {
					b.Error(err)
					return
				}
				counts[i]++
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	return tally{float64(total), time.Since(start), cpu(b) - used}
}

// BenchmarkAgainstLayeh compares requests/s of this client and of layeh.com/radius's
// Exchange, 512 in flight at one server, in turns of one run. The ratio is what
// counts; the aim is 4.
func BenchmarkAgainstLayeh(b *testing.B) {
	addr := startResponder(b)
	d := avptest.New()
	c := benchClient(b, addr)
	ours := func(ctx context.Context) error {
		_, err := c.Exchange(ctx, benchRequest(d))
		return err
	}
	theirs := func(ctx context.Context) error {
		p := layeh.New(layeh.CodeAccessRequest, []byte(benchSecret))
		if err := rfc2865.UserName_SetString(p, "benchmark"); err != nil {
			return err
		}
		if err := rfc2865.UserPassword_SetString(p, "correct horse"); err != nil {
			return err
		}
		if err := rfc2865.NASIPAddress_Set(p, net.IPv4(127, 0, 0, 1)); err != nil {
			return err
		}
		_, err := layeh.Exchange(ctx, p, addr.String())
		return err
	}
	for b.Loop() {
		var a, t tally
		for range 4 {
			a.add(measure(b, time.Second, ours))
			t.add(measure(b, time.Second, theirs))
		}
		b.ReportMetric(a.rate(), "ours/s")
		b.ReportMetric(t.rate(), "layeh/s")
		b.ReportMetric(a.rate()/t.rate(), "ratio")
		b.ReportMetric(a.micros(), "ours-cpu-µs/req")
		b.ReportMetric(t.micros(), "layeh-cpu-µs/req")
	}
}

// BenchmarkExchange is the client alone, for profiles.
func BenchmarkExchange(b *testing.B) {
	d := avptest.New()
	c := benchClient(b, startResponder(b))
	b.ReportAllocs()
	b.SetParallelism(inFlight / 2)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Exchange(b.Context(), benchRequest(d)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkEncode is the way from AVPs to a signed packet.
func BenchmarkEncode(b *testing.B) {
	d := avptest.New()
	req := benchRequest(d)
	key := radius.NewKey([]byte(benchSecret))
	p := newPending(New(Options{}).opts.Rand)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.build(req, key, time.Time{}); err != nil {
			b.Fatal(err)
		}
		p.sign(1, key)
	}
}

func benchClient(b *testing.B, addr *net.UDPAddr) engines.Client {
	b.Helper()
	e := New(Options{})
	b.Cleanup(func() { e.Close() })
	c, err := e.Open(engines.Config{Server: aaa.Server{
		Name: "responder", Address: addr.IP.String(), Port: addr.Port,
		Secret: aaa.NewSecret(benchSecret), Timeout: 1000, Retries: 3,
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Retire)
	return c
}

func benchRequest(d *avptest.Dictionary) *engines.Request {
	return &engines.Request{Op: aaa.Authn, Dict: d, AVPs: []aaa.AVP{
		{Attr: benchUser, Value: benchUserValue},
		{Attr: benchPassword, Value: benchPasswordValue},
		{Attr: benchNAS, Value: benchNASValue},
	}}
}

var (
	benchAttrs         = avptest.New()
	benchUser          = benchAttrs.Must("User-Name")
	benchPassword      = benchAttrs.Must("User-Password")
	benchNAS           = benchAttrs.Must("NAS-IP-Address")
	benchUserValue     = []byte("benchmark")
	benchPasswordValue = []byte("correct horse")
	benchNASValue      = []byte{127, 0, 0, 1}
)
