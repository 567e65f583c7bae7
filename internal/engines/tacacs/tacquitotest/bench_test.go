package tacquitotest

import (
	"context"
	"sync"
	"testing"

	"aaa-api/internal/engines/tacacs/conns"
	"aaa-api/internal/tacacs"
)

// benchmarkPAP is PAP logins, 32 in flight.
func benchmarkPAP(b *testing.B, opts conns.Options) {
	benchmarkPAPAt(b, startWith(b, Options{Secret: sharedSecret, Users: map[string]string{"bob": password}, Quick: true}), opts)
}

func benchmarkPAPAt(b *testing.B, s *server, opts conns.Options) {
	m := manager(b, s, opts)
	var wg sync.WaitGroup
	todo := make(chan struct{}, 32)
	for range cap(todo) {
		wg.Go(func() {
			for range todo {
				var r tacacs.AuthenReply
				if err := m.Exchange(context.Background(), pap("bob", password), &r); err != nil || r.Status != tacacs.AuthenPass {
					b.Errorf("%+v, %v", r, err)
				}
			}
		})
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		todo <- struct{}{}
	}
	close(todo)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "logins/s")
}

func BenchmarkOneConnection(b *testing.B)   { benchmarkPAP(b, modes["one connection"]) }
func BenchmarkFourConnections(b *testing.B) { benchmarkPAP(b, modes["four connections"]) }
func BenchmarkConnectionEach(b *testing.B)  { benchmarkPAP(b, modes["a connection each"]) }
