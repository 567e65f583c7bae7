package conns

import (
	"bytes"
	"runtime"
	"sync"
	"testing"
)

// TestNoPasswordStays: over TLS, packets have passwords in the clear, and none stays in memory that is used again: where
// packets are encoded, and where they wait to be written.
func TestNoPasswordStays(t *testing.T) { // alone: it watches memory that all managers share
	var (
		mu  sync.Mutex
		all []*[]byte
	)
	usual := buffers.New
	buffers.New = func() any {
		b := new([]byte)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, b)
		return b
	}
	defer func() { buffers.New = usual }()
	for range 2 { // what the pool has already
		runtime.GC()
	}
	p, client := tlsPeer(t, good)
	m := interleaving(managerWith(t, p, Secrets{}, Options{TLS: client}))
	for range 3 {
		login(t, m)
	}
	if len(all) == 0 {
		t.Error("no buffer is known")
	}
	for _, b := range all {
		if bytes.Contains((*b)[:cap(*b)], []byte("password")) {
			t.Error("the password is where packets are encoded")
		}
	}
	eventually(t, "a queue that the writer has given back", func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		out := m.conns[0].out
		if bytes.Contains(out[:cap(out)], []byte("password")) {
			t.Fatal("the password is in the queue")
		}
		return cap(out) > 0
	})
}
