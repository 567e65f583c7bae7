package line

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// spent is the processor time of the process: of both ends of a line, system calls included.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure reports the processor time of each call that run makes.
func measure(b *testing.B, calls int, run func()) {
	b.Helper()
	b.ReportAllocs()
	defer debug.SetGCPercent(debug.SetGCPercent(1600)) // as a node with few tenants has it
	run()
	b.ResetTimer()
	before := spent(b)
	for b.Loop() {
		run()
	}
	b.ReportMetric(float64(spent(b)-before)/float64(b.N*calls)/1000, "cpu-µs/call")
	b.ReportMetric(float64(b.Elapsed())/float64(b.N*calls)/1000, "µs/call")
	b.ReportMetric(0, "ns/op")
}

var (
	authn = aaa.Request{
		ID: "4f7e1c2d9a8b4c3e8f60718293a4b5c6", Account: "0123456789abcdef0123456789abcdef", Op: aaa.Authn,
		Values: aaa.Values{
			"username": "alice@example.com", "password": "correct horse battery staple", "ip_address": "192.0.2.17", "nas_port": json.Number("7"), "service": "vpn",
		},
	}
	accepted = &aaa.Result{
		Outcome: aaa.Accept, IsAuthorized: true, Document: "0123456789abcdef0123456789abcdef", Server: "radius-1", Attempts: 1,
		Keys: aaa.Values{"session_timeout": json.Number("3600"), "groups": []any{"staff", "vpn"}},
		AVPs: aaa.AVPs{
			{AVP: aaa.AVP{Attr: &aaa.Attribute{Name: "Service-Type", Number: 6, Type: aaa.TypeInteger, Wire: true}, Value: []byte{0, 0, 0, 2}}, As: "Service-Type", Word: "Framed-User"},
			{AVP: aaa.AVP{Attr: &aaa.Attribute{Name: "Framed-IP-Address", Number: 8, Type: aaa.TypeIPAddr, Wire: true}, Value: []byte{192, 0, 2, 9}}, As: "Framed-IP-Address"},
			{AVP: aaa.AVP{Attr: &aaa.Attribute{Name: "Class", Number: 25, Type: aaa.TypeOctets, Wire: true}, Value: []byte("0123456789abcdef")}, As: "Class"},
		},
	}
	asker = From{
		Token: "aaa_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ", Account: "0123456789abcdef0123456789abcdef",
		RequestID: "4f7e1c2d9a8b4c3e8f60718293a4b5c6", At: time.Now(),
	}
)

// answers serves authn requests with a result that is there already.
type answers struct{}

func (answers) Serve(_ context.Context, _ uint16, _ *From, decode func(any) error) (any, error) {
	var q aaa.Request
	if err := decode(&q); err != nil {
		return nil, err
	}
	r := accepted
	return &r, nil
}

func benchCall(b *testing.B, ctx context.Context, c Caller) {
	b.Helper()
	var r *aaa.Result
	q := authn
	if err := c.Call(ctx, 1, &asker, &q, &r); err != nil || r.Outcome != aaa.Accept {
		b.Error(r, err)
	}
}

// BenchmarkCall is one call after another.
func BenchmarkCall(b *testing.B) {
	client, _ := pair(b, Options{Handler: answers{}})
	measure(b, 1, func() { benchCall(b, b.Context(), client) })
}

// BenchmarkCallWithDeadline is one call after another, each with a context of its own that has a deadline.
func BenchmarkCallWithDeadline(b *testing.B) {
	client, _ := pair(b, Options{Handler: answers{}})
	measure(b, 1, func() {
		ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
		benchCall(b, ctx, client)
		cancel()
	})
}

// BenchmarkConcurrent is callers side by side, each with one call after another.
func BenchmarkConcurrent(b *testing.B) {
	for _, callers := range []int{2, 32, 256} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			client, _ := pair(b, Options{Handler: answers{}})
			const each = 50
			measure(b, callers*each, func() {
				var all sync.WaitGroup
				for range callers {
					all.Go(func() {
						for range each {
							benchCall(b, b.Context(), client)
						}
					})
				}
				all.Wait()
			})
		})
	}
}

// BenchmarkBatch is 32 calls that begin together, and end before the next 32.
func BenchmarkBatch(b *testing.B) {
	client, _ := pair(b, Options{Handler: answers{}})
	var all sync.WaitGroup
	begin := make(chan struct{}, 32)
	defer close(begin)
	for range 32 {
		go func() {
			for range begin {
				benchCall(b, b.Context(), client)
				all.Done()
			}
		}()
	}
	measure(b, 32, func() {
		all.Add(32)
		for range 32 {
			begin <- struct{}{}
		}
		all.Wait()
	})
}

// BenchmarkLarge is the longest upload, one after another.
func BenchmarkLarge(b *testing.B) {
	client, _ := pair(b, Options{Handler: echo{}})
	q := wide{Octets: make([]byte, 8<<20)}
	b.SetBytes(2 * 8 << 20)
	measure(b, 1, func() {
		var r wide
		if err := client.Call(b.Context(), 1, &asker, &q, &r); err != nil || len(r.Octets) != len(q.Octets) {
			b.Error(err)
		}
	})
}

// BenchmarkCodec is what of a call is no line: the request and its answer, written and read.
func BenchmarkCodec(b *testing.B) {
	buffer := make([]byte, 0, 4096)
	measure(b, 1, func() {
		var q aaa.Request
		var r *aaa.Result
		out, err := Append(buffer, &authn)
		if err != nil || Read(string(out), &q) != nil {
			b.Fatal(err)
		}
		out, err = Append(buffer, &accepted)
		if err != nil || Read(string(out), &r) != nil {
			b.Fatal(err)
		}
	})
}
