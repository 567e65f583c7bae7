package line

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// logged is a log to look into.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logged) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// serveFunc serves calls whose request and answer are wide.
type serveFunc func(ctx context.Context, operation uint16, from *From, q *wide) (*wide, error)

func (f serveFunc) Serve(ctx context.Context, operation uint16, from *From, decode func(any) error) (any, error) {
	var q wide
	if err := decode(&q); err != nil {
		return nil, err
	}
	return f(ctx, operation, from, &q)
}

func kindOf(t *testing.T, err error) aaa.Kind {
	t.Helper()
	var e *aaa.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no *aaa.Error", err)
	}
	return e.Kind
}

func TestCallsCross(t *testing.T) {
	t.Parallel()
	want := From{Token: "token", Account: "account", RequestID: "id", At: time.Date(2026, 11, 30, 1, 2, 3, 456789, time.FixedZone("x", 3600))}
	client, _ := pair(t, Options{Handler: serveFunc(func(_ context.Context, operation uint16, from *From, q *wide) (*wide, error) {
		if operation != 513 || from.Token != want.Token || from.Account != want.Account || from.RequestID != want.RequestID || from.At != want.At.UTC() {
			t.Errorf("%d, %+v", operation, *from)
		}
		return q, nil
	})})
	for _, q := range []wide{{}, {Text: "x", Octets: []byte{}}, {Octets: bytes.Repeat([]byte("0123456789"), 1<<20)}} {
		var r wide
		if err := client.Call(t.Context(), 513, &want, &q, &r); err != nil || !reflect.DeepEqual(q, r) {
			t.Errorf("%v, %d octets", err, len(r.Octets))
		}
	}
}

func TestErrorsCross(t *testing.T) {
	t.Parallel()
	var l logged
	plain := errors.New("the disk is full")
	client, _ := pair(t, Options{Log: l.log(), Handler: serveFunc(func(_ context.Context, operation uint16, _ *From, _ *wide) (*wide, error) {
		switch operation {
		case 0:
			return nil, aaa.Invalid(aaa.Field{Path: "a.b", Rule: "enum", Target: []string{"x"}})
		case 1:
			return nil, fmt.Errorf("wrapped: %w", plain)
		case 2:
			return nil, &aaa.Error{Kind: aaa.KindUnavailable, Message: "the store is away", RetryAfter: time.Second, Err: plain}
		case 3:
			panic("oh")
		default:
			runtime.Goexit()
			return nil, nil
		}
	})})
	call := func(operation uint16) error {
		var r wide
		return client.Call(t.Context(), operation, &From{Token: "hush", RequestID: fmt.Sprint("r", operation)}, &wide{}, &r)
	}
	var e *aaa.Error
	if err := call(0); !errors.As(err, &e) || e.Kind != aaa.KindBadInput || len(e.Fields) != 1 || e.Fields[0].Path != "a.b" {
		t.Errorf("%#v", err)
	}
	if err := call(1); kindOf(t, err) != aaa.KindInternal || strings.Contains(err.Error(), "disk") {
		t.Error(err)
	}
	if err := call(2); !errors.As(err, &e) || e.Kind != aaa.KindUnavailable || e.RetryAfter != time.Second {
		t.Error(err)
	}
	if err := call(3); kindOf(t, err) != aaa.KindInternal {
		t.Error(err)
	}
	if err := call(4); kindOf(t, err) != aaa.KindInternal {
		t.Error(err)
	}
	text := l.String()
	for _, want := range []string{"request_id=r1 error=\"wrapped: the disk is full\"", "request_id=r2 error=\"the disk is full\"", "request_id=r3 panic=oh stack="} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "r0") || strings.Contains(text, "hush") {
		t.Errorf("the log has too much:\n%s", text)
	}
}

func TestCancellationAndDeadlinesCross(t *testing.T) {
	t.Parallel()
	begun, ended := make(chan time.Duration, 1), make(chan error, 1)
	client, _ := pair(t, Options{Handler: serveFunc(func(ctx context.Context, _ uint16, _ *From, q *wide) (*wide, error) {
		left := time.Duration(0)
		if deadline, ok := ctx.Deadline(); ok {
			left = time.Until(deadline)
		}
		begun <- left
		<-ctx.Done()
		ended <- ctx.Err()
		return q, ctx.Err()
	})})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if left := <-begun; left != 0 {
			t.Errorf("a deadline in %v that nobody set", left)
		}
		cancel()
	}()
	var r wide
	if err := client.Call(ctx, 0, &From{}, &wide{}, &r); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := client.Call(ctx, 0, &From{}, &wide{}, &r); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}

	// The deadline alone, for the other end is told no cancellation before it.
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := client.Call(ctx, 0, &From{}, &wide{}, &r)
	if left := <-begun; left <= 0 || left > 50*time.Millisecond {
		t.Errorf("%v left", left)
	}
	if !errors.Is(err, context.DeadlineExceeded) && kindOf(t, err) != aaa.KindNoAnswer {
		t.Error(err)
	}
	<-ended
}

// TestEndOfLine: calls in flight fail in a way that their callers may try again, and what is served is told.
func TestEndOfLine(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"client", "server", "socket"} {
		begun, ended := make(chan struct{}, 10), make(chan struct{}, 10)
		var l logged
		client, server := pair(t, Options{Log: l.log(), Handler: serveFunc(func(ctx context.Context, _ uint16, _ *From, q *wide) (*wide, error) {
			begun <- struct{}{}
			<-ctx.Done()
			ended <- struct{}{}
			return q, nil
		})})
		errs := make(chan error, 10)
		for range 10 {
			go func() { errs <- client.Call(t.Context(), 0, &From{}, &wide{}, &wide{}) }()
		}
		for range 10 {
			<-begun
		}
		switch by {
		case "client":
			client.Close()
		case "server":
			server.Close()
		default:
			server.nc.Close()
		}
		for range 10 {
			<-ended
			err := <-errs
			var e *aaa.Error
			if !errors.As(err, &e) || e.Kind != aaa.KindUnavailable || e.RetryAfter < time.Second || e.RetryAfter > 2*time.Second {
				t.Errorf("%s: %v", by, err)
			}
		}
		<-client.Done()
		<-server.Done()
		if err := client.Call(t.Context(), 0, &From{}, &wide{}, &wide{}); kindOf(t, err) != aaa.KindUnavailable {
			t.Errorf("%s: %v", by, err)
		}
		if client.Err() == nil || server.Err() == nil || l.String() != "" {
			t.Errorf("%s: %v, %v, log %q", by, client.Err(), server.Err(), l.String())
		}
	}
}

// TestBothEndsCall: a call may be served by a call back.
func TestBothEndsCall(t *testing.T) {
	t.Parallel()
	a, b := sockets(t)
	var one, other *Conn
	ready := make(chan struct{})
	one = New(a, Options{Handler: serveFunc(func(context.Context, uint16, *From, *wide) (*wide, error) { return &wide{Text: "one"}, nil })})
	other = New(b, Options{Handler: serveFunc(func(ctx context.Context, _ uint16, from *From, q *wide) (*wide, error) {
		<-ready
		var r wide
		err := other.Call(ctx, 0, from, q, &r)
		return &wide{Text: "other of " + r.Text}, err
	})})
	close(ready)
	defer other.Wait()
	defer one.Wait()
	defer one.Close()
	var r wide
	if err := one.Call(t.Context(), 0, &From{}, &wide{}, &r); err != nil || r.Text != "other of one" {
		t.Error(r, err)
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	var most, now atomic.Int64
	release := make(chan struct{})
	client, _ := pair(t, Options{Handler: serveFunc(func(_ context.Context, _ uint16, _ *From, q *wide) (*wide, error) {
		if now.Add(1) == 1000 {
			close(release) // all of them are in flight
		}
		<-release
		most.Store(max(most.Load(), now.Load()))
		return q, nil
	})})
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			q := wide{Text: fmt.Sprint(i), Octets: bytes.Repeat([]byte{byte(i)}, i*10)}
			var r wide
			if err := client.Call(t.Context(), uint16(i), &From{}, &q, &r); err != nil || r.Text != q.Text || !bytes.Equal(r.Octets, q.Octets) {
				t.Error(i, err)
			}
		})
	}
	all.Wait()
}

// TestCancelStorm: callers leave at any moment; nothing is left of them, and calls of others have their own answers.
func TestCancelStorm(t *testing.T) {
	t.Parallel()
	client, server := pair(t, Options{Handler: serveFunc(func(ctx context.Context, operation uint16, _ *From, q *wide) (*wide, error) {
		if operation == 1 {
			<-ctx.Done()
		}
		return q, ctx.Err()
	})})
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for j := range 100 {
				ctx, cancel := context.WithCancel(t.Context())
				q, r := wide{Text: fmt.Sprint(i, j)}, wide{}
				operation := uint16(j % 2)
				switch {
				case operation == 1:
					go cancel()
				case j%4 == 0:
					go cancel()
				}
				err := client.Call(ctx, operation, &From{}, &q, &r)
				if err == nil && r.Text != q.Text {
					t.Errorf("%q for %q", r.Text, q.Text)
				}
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	all.Wait()
	for _, c := range []*Conn{client, server} { // the answers to those that left are on their way
		for left := 1; left > 0; runtime.Gosched() {
			c.mu.Lock()
			left = len(c.waiting) + len(c.serving) + c.asked + c.taken
			c.mu.Unlock()
		}
		if c.Err() != nil {
			t.Error(c.Err())
		}
	}
}

func TestBoundsOfTheCaller(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	begun := make(chan struct{}, 10)
	var l logged
	client, _ := pair(t, Options{Log: l.log(), Calls: 2, MaxRequest: 1 << 20, RequestOctets: 2<<20 + maxCallHead, MaxAnswer: 1000, Handler: serveFunc(
		func(_ context.Context, operation uint16, _ *From, q *wide) (*wide, error) {
			if operation == 0 {
				begun <- struct{}{}
				<-release
				return &wide{}, nil
			}
			return q, nil
		})})
	call := func(operation uint16, octets int) error {
		return client.Call(t.Context(), operation, &From{RequestID: "r"}, &wide{Octets: make([]byte, octets)}, &wide{})
	}
	if err := call(1, 1<<20); kindOf(t, err) != aaa.KindTooLong {
		t.Error(err)
	}
	if err := call(1, 2000); kindOf(t, err) != aaa.KindInternal || !strings.Contains(l.String(), "the answer is longer than 1000 octets") {
		t.Error(err, l.String())
	}
	for _, from := range []From{
		{Token: strings.Repeat("x", maxToken+1)}, {RequestID: strings.Repeat("x", maxRequestID+1)}, {Account: aaa.AccountID(strings.Repeat("x", maxAccount+1))},
	} {
		if err := client.Call(t.Context(), 1, &from, &wide{}, &wide{}); kindOf(t, err) == aaa.KindInternal {
			t.Error(err)
		}
	}
	var all sync.WaitGroup
	all.Go(func() {
		if err := call(0, 1<<20-100); err != nil {
			t.Error(err)
		}
	})
	<-begun
	if err := call(1, 1<<20-100); kindOf(t, err) != aaa.KindInternal { // its answer is too long, but it was taken
		t.Error(err)
	}
	all.Go(func() {
		if err := call(0, 1000); err != nil {
			t.Error(err)
		}
	})
	<-begun
	if err := call(1, 0); kindOf(t, err) != aaa.KindBusy {
		t.Error(err)
	}
	close(release)
	all.Wait()
	if err := call(1, 0); err != nil {
		t.Error(err)
	}
}

func TestOctetsInFlightAreBounded(t *testing.T) {
	t.Parallel()
	release, begun := make(chan struct{}), make(chan struct{}, 10)
	client, _ := pair(t, Options{MaxRequest: 1 << 20, RequestOctets: 1<<20 + maxCallHead, Handler: serveFunc(
		func(context.Context, uint16, *From, *wide) (*wide, error) {
			begun <- struct{}{}
			<-release
			return &wide{}, nil
		})})
	call := func(octets int) error {
		return client.Call(t.Context(), 0, &From{}, &wide{Octets: make([]byte, octets)}, &wide{})
	}
	var all sync.WaitGroup
	all.Go(func() {
		if err := call(1 << 19); err != nil {
			t.Error(err)
		}
	})
	<-begun
	if err := call(3 << 18); kindOf(t, err) != aaa.KindBusy {
		t.Error(err)
	}
	close(release)
	all.Wait()
	if err := call(3 << 18); err != nil {
		t.Error(err)
	}
}

func TestRequestsThatCantBeReadOrSent(t *testing.T) {
	t.Parallel()
	var l logged
	client, _ := pair(t, Options{Log: l.log(), Handler: echo{}})
	// The other end reads two members where one is sent.
	err := client.Call(t.Context(), 7, &From{RequestID: "r"}, &struct{ Text string }{"hush"}, &wide{})
	if kindOf(t, err) != aaa.KindInternal || !strings.Contains(l.String(), "operation=7 account=none") || strings.Contains(l.String(), "hush") {
		t.Error(err, l.String())
	}
	var r struct{ Number uint8 }
	if err := client.Call(t.Context(), 7, &From{}, &wide{Text: "hush"}, &r); kindOf(t, err) != aaa.KindInternal || strings.Contains(err.Error(), "hush") {
		t.Error(err)
	}
	if err := client.Call(t.Context(), 7, &From{}, &struct{ F func() }{}, &r); kindOf(t, err) != aaa.KindInternal {
		t.Error(err)
	}
	if err := client.Call(t.Context(), 7, &From{}, &wide{}, &wide{}); err != nil {
		t.Error(err)
	}
	if client.Err() != nil {
		t.Error(client.Err())
	}
}

var _ io.Writer = (*logged)(nil)
