package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"aaa-api/internal/backoff"
)

// newTime is how long a connection may take to its first request when its server stops.
const newTime = time.Second

// newcomers are the connections of a server that have had no request yet. http.Server closes them when it shuts down, also where
// their request has come.
type newcomers struct {
	conns   sync.Map // net.Conn → *newcomer
	waiting atomic.Int64
}

type newcomer struct {
	all  *newcomers
	done atomic.Bool
}

type newcomerKey struct{}

// watch has a server, which takes no connections yet, tell of its own.
func (n *newcomers) watch(s *http.Server) {
	state, handler := s.ConnState, s.Handler
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		own := &newcomer{all: n}
		n.conns.Store(c, own)
		n.waiting.Add(1)
		return context.WithValue(ctx, newcomerKey{}, own)
	}
	s.ConnState = func(c net.Conn, to http.ConnState) {
		if state != nil {
			state(c, to)
		}
		if to == http.StateClosed || to == http.StateHijacked {
			if own, ok := n.conns.LoadAndDelete(c); ok {
				own.(*newcomer).leave()
			}
		}
	}
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if own, ok := r.Context().Value(newcomerKey{}).(*newcomer); ok {
			own.leave()
		}
		handler.ServeHTTP(w, r)
	})
}

// leave notes that the connection has had a request, or ended.
func (c *newcomer) leave() {
	if !c.done.Load() && c.done.CompareAndSwap(false, true) {
		c.all.waiting.Add(-1)
	}
}

// wait returns when all have had a request, or have taken too long. No new ones may come.
func (n *newcomers) wait(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, newTime)
	defer cancel()
	for n.waiting.Load() > 0 && backoff.Sleep(ctx, time.Millisecond) == nil {
	}
}
