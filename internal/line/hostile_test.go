package line

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// frameOf is a frame as it is on the line.
func frameOf(kind byte, id uint32, body ...byte) []byte {
	b := append(begin(nil, kind, id), body...)
	finish(b)
	return b
}

// callOf is a call's frame.
func callOf(t testing.TB, id uint32, operation uint16, request any) []byte {
	t.Helper()
	b, err := appendCallHead(begin(nil, frameCall, id), context.Background(), operation, &From{RequestID: "r"})
	if err == nil {
		b, err = Append(b, request)
	}
	if err != nil {
		t.Fatal(err)
	}
	finish(b)
	return b
}

// readFrame reads a frame.
func readFrame(r io.Reader) (kind byte, id uint32, body []byte, err error) {
	head := make([]byte, headOctets)
	if _, err = io.ReadFull(r, head); err != nil {
		return 0, 0, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint32(head)-(headOctets-lengthOctets))
	_, err = io.ReadFull(r, body)
	return head[lengthOctets], binary.BigEndian.Uint32(head[lengthOctets+1:]), body, err
}

// TestHostileCaller: what breaks the rules ends the line, with one line in the log that says why.
func TestHostileCaller(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		send []byte
		shut bool // the peer goes after that
		why  string
	}{
		"an unknown kind":      {send: frameOf(99, 1), why: "unknown kind 99"},
		"kind 0":               {send: frameOf(0, 1), why: "unknown kind 0"},
		"a length of nothing":  {send: []byte{0, 0, 0, 0, frameCall, 0, 0, 0, 1}, why: "-5 octets"},
		"a length of 4 GiB":    {send: []byte{255, 255, 255, 255, frameCall, 0, 0, 0, 1}, why: "4294967290 octets"},
		"a call too long":      {send: append([]byte{0x01, 0x10, 0, 0, frameCall}, 0, 0, 0, 1), why: "17825787 octets"},
		"an answer":            {send: frameOf(frameAnswer, 1), why: "answers the call 1, which nobody made"},
		"an error":             {send: frameOf(frameError, 7), why: "answers the call 7, which nobody made"},
		"a long cancellation":  {send: frameOf(frameCancel, 7, 1), why: "kind 4 with 1 octets"},
		"a call without head":  {send: frameOf(frameCall, 1), why: "without a head"},
		"a call of half heads": {send: callOf(t, 1, 0, &wide{})[:headOctets+6], shut: true, why: "half a frame"},
		"half a head":          {send: []byte{0, 0, 0}, shut: true, why: "half a frame"},
		"half a call":          {send: append(begin(nil, frameCall, 1)[:0], []byte{0, 2, 0, 0, frameCall, 0, 0, 0, 1, 5, 5, 5}...), shut: true, why: "half a frame"},
		"a long token":         {send: frameOf(frameCall, 1, append([]byte{0, 0, 0, 0, 0}, binary.AppendUvarint(nil, maxToken+1)...)...), why: "without a head"},
		"a call twice":         {send: append(callOf(t, 3, 1, &wide{}), callOf(t, 3, 1, &wide{})...), why: "called 3 twice at once"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l logged
			a, b := sockets(t)
			server := New(b, Options{Log: l.log(), Peer: "front 1", Handler: serveFunc(func(ctx context.Context, operation uint16, _ *From, q *wide) (*wide, error) {
				if operation == 1 {
					<-ctx.Done()
				}
				return q, nil
			})})
			if _, err := a.Write(c.send); err != nil {
				t.Fatal(err)
			}
			if c.shut {
				a.Close()
			}
			<-server.Done()
			server.Wait()
			if text := l.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, c.why) || !strings.Contains(text, `peer="front 1"`) {
				t.Errorf("log %q", text)
			}
		})
	}
}

// TestTooManyCalls: a peer that makes a million calls gets refusals for those beyond the bound, then no line.
func TestTooManyCalls(t *testing.T) {
	t.Parallel()
	var l logged
	var most, now int
	var mu sync.Mutex
	a, b := sockets(t)
	server := New(b, Options{Log: l.log(), Calls: 100, Handler: serveFunc(func(ctx context.Context, _ uint16, _ *From, q *wide) (*wide, error) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		<-ctx.Done()
		return q, nil
	})})
	go func() {
		for id := range uint32(1_000_000) {
			if _, err := a.Write(callOf(t, id, 0, &wide{Octets: make([]byte, 1000)})); err != nil {
				return // it is cut
			}
		}
		t.Error("a million calls were read")
	}()
	for range 100 {
		kind, id, body, err := readFrame(a)
		if err != nil || kind != frameError || id < 100 {
			t.Fatal(kind, id, err)
		}
		var d aaa.ErrorData
		if err := Read(string(body), &d); err != nil || d.Kind != aaa.KindBusy || d.RetryAfter == 0 {
			t.Fatal(d, err)
		}
	}
	<-server.Done()
	server.Wait()
	if text := l.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "more than 100 calls at once") || most > 100 {
		t.Errorf("%d at once, log %q", most, text)
	}
}

// TestUnreadAnswers: a peer that asks for much and reads little gets no more than a bounded part of it held.
func TestUnreadAnswers(t *testing.T) {
	t.Parallel()
	const calls, octets, bound = 100, 1 << 20, 4<<20 + 100
	a, b := sockets(t)
	server := New(b, Options{Queue: 1 << 20, MaxAnswer: 2 << 20, AnswerOctets: bound, Handler: serveFunc(func(context.Context, uint16, *From, *wide) (*wide, error) {
		return &wide{Octets: make([]byte, octets)}, nil
	})})
	for id := range uint32(calls) {
		if _, err := a.Write(callOf(t, id, 0, &wide{})); err != nil {
			t.Fatal(err)
		}
	}
	held := func() int {
		server.mu.Lock()
		defer server.mu.Unlock()
		return server.held
	}
	for most := 0; most <= bound-octets; most = max(most, held()) {
		runtime.Gosched()
	}
	refused := 0
	for range calls {
		kind, _, _, err := readFrame(a)
		if err != nil {
			t.Fatal(err)
		}
		if kind == frameError {
			refused++
		}
		if n := held(); n > bound+calls*headOctets*20 { // refusals wait, too
			t.Errorf("%d octets are held", n)
		}
	}
	if refused == 0 || refused == calls {
		t.Errorf("%d of %d calls were refused", refused, calls)
	}
	server.Close()
	server.Wait()
}

// TestRefusedOctets: calls whose octets have no room are refused, with their octets passed over; the line goes on.
func TestRefusedOctets(t *testing.T) {
	t.Parallel()
	a, b := sockets(t)
	release := make(chan struct{})
	server := New(b, Options{MaxRequest: 1 << 20, RequestOctets: 1<<20 + maxCallHead, Handler: serveFunc(func(context.Context, uint16, *From, *wide) (*wide, error) {
		<-release
		return &wide{}, nil
	})})
	defer server.Wait()
	defer server.Close()
	go func() {
		for id := range uint32(3) {
			if _, err := a.Write(callOf(t, id, 0, &wide{Octets: make([]byte, 1<<19+maxCallHead)})); err != nil {
				t.Error(err)
			}
		}
	}()
	for want := range uint32(2) {
		if kind, id, _, err := readFrame(a); kind != frameError || id != want+1 || err != nil {
			t.Fatal(kind, id, err)
		}
	}
	close(release)
	if kind, id, _, err := readFrame(a); kind != frameAnswer || id != 0 || err != nil {
		t.Fatal(kind, id, err)
	}
}

// TestPeerThatStopsReading: its answers wait within a bound, other lines go on, and in the end it is cut off.
func TestPeerThatStopsReading(t *testing.T) {
	t.Parallel()
	var l logged
	a, b := sockets(t)
	const queue = 1 << 20
	handler := serveFunc(func(_ context.Context, _ uint16, _ *From, _ *wide) (*wide, error) {
		return &wide{Octets: make([]byte, 100_000)}, nil
	})
	server := New(b, Options{Log: l.log(), Queue: queue, Calls: 200, Stall: 300 * time.Millisecond, Handler: handler})
	client, _ := pair(t, Options{Handler: handler})
	for id := range uint32(200) {
		if _, err := a.Write(callOf(t, id, 0, &wide{})); err != nil {
			t.Fatal(err)
		}
	}
	for stalled := false; !stalled; {
		select {
		case <-server.Done():
			stalled = true
		default:
		}
		server.mu.Lock()
		if server.queued > queue || cap(server.out) > 2*queue {
			t.Errorf("%d octets wait", server.queued)
		}
		server.mu.Unlock()
		if err := client.Call(t.Context(), 0, &From{}, &wide{}, &wide{}); err != nil {
			t.Error(err)
		}
	}
	server.Wait()
	if text := l.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "reads nothing") {
		t.Errorf("log %q", text)
	}
}

// TestSlowReader: who reads slowly gets all answers.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	a, b := sockets(t)
	server := New(b, Options{Queue: 1000, Stall: 10 * time.Second, Handler: serveFunc(func(_ context.Context, _ uint16, _ *From, _ *wide) (*wide, error) {
		return &wide{Octets: make([]byte, 10_000)}, nil
	})})
	defer server.Wait()
	defer server.Close()
	for id := range uint32(500) {
		if _, err := a.Write(callOf(t, id, 0, &wide{})); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[uint32]bool{}
	for range 500 {
		kind, id, body, err := readFrame(a)
		if err != nil || kind != frameAnswer || seen[id] || len(body) < 10_000 {
			t.Fatal(kind, id, len(body), err)
		}
		seen[id] = true
	}
}

// TestServerThatStopsReading: a caller leaves when it likes, whatever the other end does.
func TestServerThatStopsReading(t *testing.T) {
	t.Parallel()
	a, _ := sockets(t)
	client := New(a, Options{Queue: 1 << 20, Stall: time.Hour})
	defer client.Wait()
	defer client.Close()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := client.Call(ctx, 0, &From{}, &wide{Octets: make([]byte, 100_000)}, &wide{}); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	client.mu.Lock()
	defer client.mu.Unlock()
	if client.queued > 1<<20 {
		t.Errorf("%d octets wait", client.queued)
	}
}

// TestHostileServer: answers that break the rules end the line of the caller, whose call fails.
func TestHostileServer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(id uint32) []byte
		kind   aaa.Kind
		why    string // empty: the line lives
	}{
		"an unknown id":    {func(id uint32) []byte { return frameOf(frameAnswer, id+1) }, aaa.KindUnavailable, "nobody made"},
		"a call":           {func(id uint32) []byte { return callOf(t, id, 0, &wide{}) }, aaa.KindUnavailable, "serves nothing"},
		"too long":         {func(id uint32) []byte { return append([]byte{255, 0, 0, 0, frameAnswer}, 0, 0, 0, byte(id)) }, aaa.KindUnavailable, "are the most"},
		"nonsense":         {func(id uint32) []byte { return frameOf(frameAnswer, id, 255, 255, 255) }, aaa.KindInternal, ""},
		"an empty answer":  {func(id uint32) []byte { return frameOf(frameAnswer, id) }, aaa.KindInternal, ""},
		"an error of none": {func(id uint32) []byte { return frameOf(frameError, id) }, aaa.KindInternal, ""},
		"a foreign kind":   {func(id uint32) []byte { return errorOf(t, id, aaa.ErrorData{Kind: 200}) }, aaa.KindInternal, ""},
		"two answers":      {func(id uint32) []byte { return append(frameOf(frameError, id), frameOf(frameError, id)...) }, aaa.KindInternal, "nobody made"},
		"an unfounded stop": {func(id uint32) []byte {
			return append(frameOf(frameCancel, 9), errorOf(t, id, aaa.ErrorData{Kind: aaa.KindStale})...)
		}, aaa.KindStale, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l logged
			a, b := sockets(t)
			client := New(a, Options{Log: l.log()})
			defer client.Wait()
			defer client.Close()
			go func() {
				_, id, _, err := readFrame(b)
				if err == nil {
					_, err = b.Write(c.answer(id))
				}
				if err != nil {
					t.Error(err)
				}
			}()
			if err := client.Call(t.Context(), 0, &From{}, &wide{}, &wide{}); kindOf(t, err) != c.kind {
				t.Error(err)
			}
			if c.why == "" {
				if client.Err() != nil || l.String() != "" {
					t.Error(client.Err(), l.String())
				}
				return
			}
			<-client.Done()
			client.Wait()
			if text := l.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, c.why) {
				t.Errorf("log %q", text)
			}
		})
	}
}

func errorOf(t testing.TB, id uint32, d aaa.ErrorData) []byte {
	t.Helper()
	b, err := Append(begin(nil, frameError, id), &d)
	if err != nil {
		t.Fatal(err)
	}
	finish(b)
	return b
}

// TestAnyConnection: a line needs no socket.
func TestAnyConnection(t *testing.T) {
	t.Parallel()
	a, b := net.Pipe()
	server, client := New(b, Options{Handler: echo{}}), New(a, Options{})
	defer server.Wait()
	defer client.Wait()
	defer client.Close()
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			var r wide
			if err := client.Call(t.Context(), 0, &From{}, &wide{Text: "x"}, &r); err != nil || r.Text != "x" {
				t.Error(r, err)
			}
		})
	}
	all.Wait()
}

// FuzzServer holds that whatever a front writes, the process that serves lives, and its line ends when the front is gone.
func FuzzServer(f *testing.F) {
	f.Add(callOf(f, 1, 0, &authn))
	f.Add(append(callOf(f, 1, 0, &authn), frameOf(frameCancel, 1)...))
	f.Add(frameOf(frameAnswer, 1, 1, 2, 3))
	f.Add([]byte{0, 0, 0, 5, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		a, b := net.Pipe()
		go io.Copy(io.Discard, a) //nolint:errcheck // answers
		server := New(b, Options{Handler: answers{}, MaxRequest: 1 << 16, Calls: 10})
		a.Write(data) //nolint:errcheck // it may be cut
		a.Close()
		<-server.Done()
		server.Wait()
	})
}

// FuzzClient holds that whatever the other end answers, the call ends, by an *aaa.Error or with a result.
func FuzzClient(f *testing.F) {
	answer, err := Append(begin(nil, frameAnswer, 1), &accepted)
	if err != nil {
		f.Fatal(err)
	}
	finish(answer)
	f.Add(answer)
	f.Add(errorOf(f, 1, aaa.ErrorData{Kind: aaa.KindBadInput, Fields: []aaa.FieldData{{Path: "a", Value: []byte("1")}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, b := net.Pipe()
		client := New(a, Options{MaxAnswer: 1 << 16})
		go func() {
			readFrame(b)  //nolint:errcheck // the call
			b.Write(data) //nolint:errcheck // it may be cut
			b.Close()
		}()
		var r *aaa.Result
		err := client.Call(t.Context(), 0, &From{}, &wide{}, &r)
		var e *aaa.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatal(err)
		}
		client.Close()
		client.Wait()
	})
}
