package conns

import (
	"bufio"
	"context"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/tacacs"
)

// answerer is the fastest server for one kind of request: it reveals nothing and answers
// PASS in as many octets as that takes, many replies a write.
func answerer(b *testing.B) *peer {
	p := &peer{Secret: testSecret, Quiet: true}
	return startPeer(b, p, func(l *link) {
		w := bufio.NewWriterSize(l.Conn, 64<<10)
		head, body := make([]byte, tacacs.HeaderLen), make([]byte, 4096)
		var out []byte
		for {
			if l.Reader.Buffered() == 0 && w.Flush() != nil {
				return
			}
			if _, err := io.ReadFull(l.Reader, head); err != nil {
				return
			}
			h, _ := tacacs.ParseHeader(head)
			if _, err := io.ReadFull(l.Reader, body[:h.Length]); err != nil {
				return
			}
			out, _ = tacacs.AppendPacket(out[:0], h.Answer(h.Flags), &tacacs.AuthenReply{Status: tacacs.AuthenPass}, testSecret)
			_, _ = w.Write(out)
		}
	})
}

const benchInFlight = 32

func benchmarkPAP(b *testing.B, opts Options) {
	p := answerer(b)
	m, err := NewManager(p.Listener.Addr().String(), Secrets{Current: aaa.NewSecret(testSecret)}, opts)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Retire()
	login(b, m)
	b.ReportAllocs()
	b.ResetTimer()
	todo := make(chan struct{}, benchInFlight)
	var wg sync.WaitGroup
	for range benchInFlight {
		wg.Go(func() {
			for range todo {
				login(b, m)
			}
		})
	}
	for range b.N {
		todo <- struct{}{}
	}
	close(todo)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "logins/s")
}

func BenchmarkOneConnection(b *testing.B) { benchmarkPAP(b, Options{Connections: 1}) }

func BenchmarkFourConnections(b *testing.B) { benchmarkPAP(b, Options{}) }

func BenchmarkConnectionEach(b *testing.B) { benchmarkPAP(b, Options{NoSingleConnect: true}) }

// BenchmarkBesideStalled is a login's time on a connection with a session that waits for
// ever beside it, and what that adds.
func BenchmarkBesideStalled(b *testing.B) {
	p := startPeer(b, &peer{Secret: testSecret, Quiet: true}, sometimesSilent)
	m, err := NewManager(p.Listener.Addr().String(), Secrets{Current: aaa.NewSecret(testSecret)}, Options{Connections: 1, ReplyTimeout: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Retire()
	p99 := func() time.Duration {
		times := make([]time.Duration, 2000)
		for i := range times {
			start := time.Now()
			login(b, m)
			times[i] = time.Since(start)
		}
		slices.Sort(times)
		return times[len(times)*99/100]
	}
	login(b, m)
	alone := p99()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		a := acct()
		a.User = "nobody"
		_ = m.Exchange(ctx, a, new(tacacs.AcctReply))
	})
	eventually(b, "the session that waits", func() bool { return m.Stats().Sessions > 0 })
	beside := p99()
	for b.Loop() {
		login(b, m)
	}
	b.ReportMetric(float64((beside-alone).Microseconds())/1000, "ms-more-at-p99")
	cancel()
	wg.Wait()
}
