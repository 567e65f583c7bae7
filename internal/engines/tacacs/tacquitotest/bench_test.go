package tacquitotest

import (
	"context"
	"net"
	"os"
	"sync"
	"testing"

	tq "github.com/facebookincubator/tacquito"
	serverlog "github.com/facebookincubator/tacquito/cmds/server/log"

	"aaa-api/internal/engines/tacacs"
)

// plain is a tacquito without its configuration, whose password hashes would be all that is measured.
type plain struct{}

func (plain) Get(context.Context, net.Addr) ([]byte, tq.Handler, error) {
	return []byte(sharedSecret), tq.HandlerFunc(checkPAP), nil
}

// checkPAP compares the password of a PAP login.
func checkPAP(response tq.Response, request tq.Request) {
	var body tq.AuthenStart
	status := tq.AuthenStatusFail
	if err := tq.Unmarshal(request.Body, &body); err == nil && string(body.Data) == password {
		status = tq.AuthenStatusPass
	}
	_, _ = response.Reply(tq.NewAuthenReply(tq.SetAuthenReplyStatus(status)))
}

// benchmarkPAP is PAP logins, 32 in flight.
func benchmarkPAP(b *testing.B, opts tacacs.Options) {
	s := new(server)
	ctx, cancel := context.WithCancel(context.Background())
	serve(b, ctx, cancel, s, tq.NewServer(serverlog.New(0, os.Stderr), plain{}), nil)
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
