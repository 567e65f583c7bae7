package radius

import (
	"context"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/ingress"
	"aaa-api/internal/line"
	"aaa-api/internal/operations"
	"aaa-api/internal/radius"
)

// answering is a security module that answers each packet at once.
type answering struct{}

func (answering) Packet(context.Context, string, *ingress.Packet) (ingress.Answer, error) {
	return ingress.Answer{Verdict: ingress.Verified, Octets: make([]byte, 120)}, nil
}

func (answering) Again(string, *ingress.Packet) {}

// overLine asks it over a line, as a front does.
type overLine struct{ to line.Caller }

func (o overLine) Packet(ctx context.Context, p *ingress.Packet) (ingress.Answer, error) {
	return operations.RADIUSPacket.Ask(ctx, o.to, line.From{At: p.At}, p)
}

func (o overLine) Probe(ctx context.Context) error {
	_, err := operations.DeviceProbe.Call(ctx, o.to, line.From{}, operations.None{})
	return err
}

func (o overLine) Again(context.Context, *ingress.Packet) error { return nil }

// lineTo makes a line to a security module.
func lineTo(b *testing.B, parts *operations.Parts) line.Caller {
	b.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		b.Fatal(err)
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "line")
		if ends[i], err = net.FileConn(f); err != nil {
			b.Fatal(err)
		}
		f.Close() //nolint:errcheck,gosec // the connection is a copy
	}
	server := line.New(ends[0], line.Options{Handler: parts, NameOf: operations.NameOf})
	client := line.New(ends[1], line.Options{})
	b.Cleanup(func() {
		client.Close()
		client.Wait()
		server.Wait()
	})
	return client
}

// spent is the processor time of the process, system calls included.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStorm is what a packet costs behind the socket: a repetition of a request that was answered, and a new request over a line.
// Both end with the reply that is to be written.
func BenchmarkStorm(b *testing.B) {
	ask := overLine{lineTo(b, &operations.Parts{RADIUS: answering{}})}
	pc, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer pc.Close() //nolint:errcheck // nothing is in it
	at, err := newSocket(ingress.RADIUSAuth, pc)
	if err != nil {
		b.Fatal(err)
	}
	peer := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1024}
	q := packet(radius.AccessRequest, 1, "one", append([]byte{1, 102}, make([]byte, 100)...)...)
	run := func(name string, each func(s *Server, i int)) {
		b.Run(name, func(b *testing.B) {
			s := New(Options{Ask: ask, Metrics: NewMetrics(prometheus.NewRegistry()), InFlight: 256})
			defer s.Stop(context.Background()) //nolint:errcheck // it has no sockets
			s.sources.learn(peer.AddrPort().Addr(), ingress.Verified, time.Now())
			s.take(at, q, peer, path{}, time.Now())
			<-at.out
			b.ReportAllocs()
			b.ResetTimer()
			before := spent(b)
			for i := range b.N {
				each(s, i)
			}
			b.ReportMetric(float64(spent(b)-before)/float64(b.N)/1000, "cpu-µs/packet")
		})
	}
	run("repetition", func(s *Server, _ int) {
		if s.take(at, q, peer, path{}, time.Now()) == nil {
			b.Fatal("it is asked about")
		}
	})
	flying := 0
	run("request", func(s *Server, i int) {
		own := append([]byte(nil), q...)
		own[1], own[4], own[5], own[6] = byte(i), byte(i>>8), byte(i>>16), byte(i>>24)
		s.take(at, own, peer, path{}, time.Now())
		if flying++; flying == 32 { // as a batch of them comes
			for ; flying > 0; flying-- {
				<-at.out
			}
		}
	})
}
