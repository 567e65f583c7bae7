package operations

import (
	"context"
	"net"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/gateway"
	"aaa-api/internal/line"
	"aaa-api/internal/token"
)

// What follows is done by a front that strangers have taken over: it has the line, and some token or none.

// front is a line to the site as a front has it.
func (s *site) front() *line.Conn {
	parts, leave := s.parts.For("front")
	a, b := net.Pipe()
	server := line.New(a, line.Options{Handler: parts, NameOf: NameOf, Hold: parts.Hold})
	there := line.New(b, line.Options{})
	s.t.Cleanup(func() {
		there.Close()
		there.Wait()
		server.Wait()
		leave()
	})
	return there
}

func number(t *testing.T, name string) uint16 {
	t.Helper()
	for i, o := range all {
		if o.Name() == name {
			return uint16(i)
		}
	}
	t.Fatalf("there is no operation %s", name)
	return 0
}

// countingTree tells of each call that the gate looks at.
type countingTree struct {
	Tree
	gate chan struct{}
}

func (c countingTree) Enabled(ctx context.Context, id aaa.AccountID) (bool, error) {
	defer func() { c.gate <- struct{}{} }()
	return c.Tree.Enabled(ctx, id)
}

// slowService calls enter where the documents in force are asked for.
type slowService struct {
	gateway.Service
	enter func()
}

func (s slowService) Effective(ctx context.Context, account aaa.AccountID, op aaa.Op) (*gateway.Effective, error) {
	s.enter()
	return s.Service.Effective(ctx, account, op)
}

// TestNobodyIsReadWithoutAToken: what a call costs before its gate, it costs for everybody.
func TestNobodyIsReadWithoutAToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tenant := s.token(s.tenant, token.Scopes()...)
	for name, sample := range samples {
		if sample.access.Public || sample.access.Device {
			continue
		}
		for text, account := range map[string]aaa.AccountID{"": s.tenant, tenant: s.sibling} {
			if sample.access.Reach == OnToken && text != "" {
				continue
			}
			_, err := named(t, name).from(t.Context(), s.parts, about(text, account), func(any) error {
				t.Errorf("%s reads the request of one who may not", name)
				return nil
			})
			if err == nil {
				t.Errorf("%s is done for one who may not", name)
			}
		}
	}
}

// TestLongRequestsAreHeld: requests of few octets that are much in memory take of the budget, all calls together.
func TestLongRequestsAreHeld(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := make([]any, 200_000)
	for i := range list {
		list[i] = false
	}
	values, object := aaa.Values{"x": list}, aaa.Decoded{Value: map[string]any{"x-note": list}}
	for name, request := range map[string]any{"requests.handle": &aaa.Request{Values: values}, "documents.create": &Written{Sent: object}} {
		s.parts.Budget = admission.NewBudget(8<<20, nil) // of which one takes more
		there := s.front()
		from := about(s.token(s.tenant, token.Scopes()...), s.tenant)
		err := there.Call(t.Context(), number(t, name), from, request, new(aaa.Result))
		if aaa.KindOf(err) != aaa.KindBusy {
			t.Errorf("%s: %v", name, err)
		}
		if n := s.parts.Budget.Held(); n != 0 {
			t.Errorf("%s: %d octets are held after the call", name, n)
		}
		s.parts.Budget = admission.NewBudget(32<<20, nil)
		there = s.front()
		if err := there.Call(t.Context(), number(t, name), from, request, new(aaa.Result)); err == nil || aaa.KindOf(err) == aaa.KindBusy {
			t.Errorf("%s with room: %v", name, err)
		}
		if n := s.parts.Budget.Held(); n != 0 {
			t.Errorf("%s: %d octets are held after the call", name, n)
		}
	}
}

// TestPlacesOfAFront: few calls about configuration are under way for a front, whatever it lets in, and those of another front find places of their own.
func TestPlacesOfAFront(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var mu sync.Mutex
	within, most := 0, 0
	hold, entered := make(chan struct{}), make(chan struct{}, 100)
	s.parts.Service = slowService{s.parts.Service, func() {
		mu.Lock()
		within++
		most = max(most, within)
		mu.Unlock()
		entered <- struct{}{}
		<-hold
		mu.Lock()
		within--
		mu.Unlock()
	}}
	gate := make(chan struct{}, 100)
	s.parts.Tree = countingTree{s.parts.Tree, gate}
	there, other := s.front(), s.front()
	root := s.token(s.root, token.Scopes()...)
	var calls sync.WaitGroup
	for _, account := range []aaa.AccountID{s.tenant, s.sibling, s.child} {
		text := s.token(account, token.Scopes()...)
		for range 10 {
			calls.Go(func() {
				_, err := Effective.Call(t.Context(), there, *about(text, account), OfOperation{})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	for range 30 { // all are at the gate, or beyond
		<-gate
	}
	for range admission.PlacesOfNode {
		<-entered
	}
	calls.Go(func() {
		if _, err := Effective.Call(t.Context(), other, *about(root, s.root), OfOperation{}); err != nil {
			t.Error(err)
		}
	})
	<-entered // the other front's
	mu.Lock()
	if most > admission.PlacesOfNode+1 {
		t.Errorf("%d calls are under way", most)
	}
	mu.Unlock()
	close(hold)
	calls.Wait()
	if most > admission.PlacesOfNode+1 {
		t.Errorf("%d calls were under way", most)
	}
}

// TestSignaturesWait: handshakes keep to their part of the processors, and those for which the line is too long fail at once.
func TestSignaturesWait(t *testing.T) {
	t.Parallel()
	s := newSigns()
	var held []func()
	for range admission.HeavyAtOnce() {
		leave, err := s.enter(t.Context())
		ok(t, err)
		held = append(held, leave)
	}
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 2*maxSigning)
	for range 2 * maxSigning {
		go func() {
			_, err := s.enter(ctx)
			results <- err
		}()
	}
	for range maxSigning { // those that wait don't come back
		if err := <-results; aaa.KindOf(err) != aaa.KindBusy {
			t.Fatal(err)
		}
	}
	cancel()
	for range maxSigning {
		if err := <-results; err == nil || aaa.KindOf(err) == aaa.KindBusy {
			t.Error(err)
		}
	}
	held[0]()
	leave, err := s.enter(t.Context())
	ok(t, err)
	leave()
}
