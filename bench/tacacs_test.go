package main

import (
	"testing"
	"time"

	"aaa-api/internal/engines/tacacs/conns"
)

// TestTACACSPeer: it accepts whom it should, and leaves one user without an answer on a connection that others share.
func TestTACACSPeer(t *testing.T) {
	t.Parallel()
	peer, err := startTACACSPeer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.stop)
	m, err := tacacsManager(peer.ln.Addr().String(), conns.Options{Connections: 1, ReplyTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Retire)
	if err := pap(t.Context(), m, "bob"); err != nil || m.Stats().Shared != 1 {
		t.Fatalf("%v, %+v", err, m.Stats())
	}
	if err := showInterleaving(m, 5); err != nil {
		t.Fatal(err)
	}
	if err := giveUp(m); err != nil || m.Stats().Tombstones != 1 {
		t.Errorf("%v, %+v", err, m.Stats())
	}
	if p99, err := besideStalled(m, 5); err != nil || p99 <= 0 || p99 > 60_000 {
		t.Errorf("%v ms, %v", p99, err)
	}
}

// TestBesideStalledNeedsNeighbours: without a shared connection there is nothing to measure.
func TestBesideStalledNeedsNeighbours(t *testing.T) {
	t.Parallel()
	peer, err := startTACACSPeer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.stop)
	m, err := tacacsManager(peer.ln.Addr().String(), conns.Options{Connections: 2, ReplyTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Retire)
	if _, err := besideStalled(m, 5); err == nil {
		t.Error("neighbours on another connection are taken for those of the stalled session")
	}
	if _, err := loginTimes(mustManager(t, "127.0.0.1:1"), 5); err == nil {
		t.Error("logins at no server are taken for good ones")
	}
}

func mustManager(t *testing.T, address string) *conns.Manager {
	t.Helper()
	m, err := tacacsManager(address, conns.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Retire)
	return m
}

// TestEntriesLeft: one of a hundred sessions ends without an answer, and nothing is left in either mode.
func TestEntriesLeft(t *testing.T) {
	t.Parallel()
	for _, each := range []bool{false, true} {
		left, timedOut, err := entriesLeft(500, each)
		if err != nil || left != 0 || timedOut != 5 {
			t.Errorf("a connection each %t: %d left, %d timed out, %v", each, left, timedOut, err)
		}
	}
}
