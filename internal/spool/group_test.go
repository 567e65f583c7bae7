package spool

import (
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// TestGroupIsShared: an account whose records come faster than they are stored is refused more of them, and others are not.
func TestGroupIsShared(t *testing.T) {
	t.Parallel()
	stored := make(chan struct{})
	g := group{commit: func([]*pending) { <-stored }}
	g.size.most = 1
	payload := strings.Repeat("x", 350<<10)
	enter := func(account aaa.AccountID) error {
		return g.enter(&pending{record: store.SpoolRecord{Account: account, Payload: payload}, done: make(chan struct{})})
	}
	taken := 0
	for ; taken < 1000; taken++ {
		if err := enter("greedy"); err != nil {
			if aaa.KindOf(err) != aaa.KindBusy {
				t.Errorf("it is refused by %v", err)
			}
			break
		}
	}
	if octets := taken * len(payload); octets > mostOfAccount+2*len(payload) || octets < mostOfAccount/2 {
		t.Errorf("%d of its records wait", taken)
	}
	if err := enter("modest"); err != nil {
		t.Errorf("another account is refused: %v", err)
	}
	close(stored)
	for {
		g.mu.Lock()
		idle := g.running == 0 && len(g.waiting) == 0
		if idle && (g.octets != 0 || len(g.of) != 0) {
			t.Errorf("%d octets, %v", g.octets, g.of)
		}
		g.mu.Unlock()
		if idle {
			break
		}
	}
}
