package line

import (
	"bytes"
	"context"
	"testing"

	"aaa-api/internal/aaa"
)

// waits serves calls that end with their contexts.
type waits struct{ begun, ended chan struct{} }

func (w waits) Serve(ctx context.Context, _ uint16, _ *From, _ func(any) error) (any, error) {
	close(w.begun)
	<-ctx.Done()
	close(w.ended)
	return nil, ctx.Err()
}

// fails serves no call.
type fails struct{}

func (fails) Serve(context.Context, uint16, *From, func(any) error) (any, error) {
	return nil, aaa.Errorf(aaa.KindConflict, "it is open")
}

// TestRelay: a call passes through a process that does not know its type, with its answer, its error or its end.
func TestRelay(t *testing.T) {
	t.Parallel()
	through := func(h Handler) *Conn {
		module, _ := pair(t, Options{Handler: h})
		client, _ := pair(t, Options{Handler: Relay{To: func() Caller { return module }}})
		return client
	}
	q := wide{Text: "text", Octets: bytes.Repeat([]byte("x"), 1<<20)}
	var r wide
	if err := through(echo{}).Call(t.Context(), 1, &From{}, &q, &r); err != nil || r.Text != q.Text || !bytes.Equal(r.Octets, q.Octets) {
		t.Errorf("%q and %d octets, %v", r.Text, len(r.Octets), err)
	}
	if err := through(fails{}).Call(t.Context(), 1, &From{}, &q, &r); aaa.KindOf(err) != aaa.KindConflict || err.Error() != "it is open" {
		t.Errorf("an error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := waits{make(chan struct{}), make(chan struct{})}
	go func() { <-w.begun; cancel() }()
	if err := through(w).Call(ctx, 1, &From{}, &q, &r); err == nil {
		t.Error("a call that was given up has an answer")
	}
	<-w.ended
	client, _ := pair(t, Options{Handler: Relay{To: func() Caller { return nil }}})
	if err := client.Call(t.Context(), 1, &From{}, &q, &r); aaa.KindOf(err) != aaa.KindUnavailable {
		t.Errorf("with nobody there: %v", err)
	}
}
