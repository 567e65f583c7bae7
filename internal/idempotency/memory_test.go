package idempotency

import (
	"strconv"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// one runs a request in memory alone, and reports whether its answer was there already.
func one(t *testing.T, m *memory, account aaa.AccountID, key string, size int) (replayed bool) {
	t.Helper()
	r := Request{Account: account, Key: key}
	e, mine := m.enter(account, r.name(), r.Digest)
	if e == nil {
		return false
	}
	if mine {
		e.answer = make([]byte, size)
		m.leave(e, true)
	}
	return !mine
}

func TestMemoryForgets(t *testing.T) {
	t.Parallel()
	now := time.Now()
	m := newMemory(2*(entryOctets+2), time.Minute, func() time.Time { return now })
	if one(t, m, "a", "1", 2) || !one(t, m, "a", "1", 2) {
		t.Error("not kept once")
	}
	now = now.Add(time.Minute)
	if one(t, m, "a", "1", 2) {
		t.Error("kept for too long")
	}
	one(t, m, "a", "2", 2)
	one(t, m, "a", "3", 2) // there is room for two: the oldest goes
	if one(t, m, "a", "1", 2) || len(m.entries) != 2 || m.order.Len() != 2 {
		t.Errorf("%d entries of 2", len(m.entries))
	}

	// While requests under way take the room, others have no entry.
	var held []*entry
	for n := range 2 {
		r := Request{Account: "a", Key: "held" + strconv.Itoa(n)}
		e, mine := m.enter("a", r.name(), r.Digest)
		if !mine {
			t.Fatal("no room for a request under way")
		}
		held = append(held, e)
	}
	if first, second := one(t, m, "a", "20", 2), one(t, m, "a", "20", 2); first || second {
		t.Error("remembered without room")
	}
	for _, e := range held {
		m.leave(e, true) // it failed
	}
	if m.octets != 0 || len(m.entries) != 0 || len(m.accounts) != 0 {
		t.Errorf("%d octets, %d entries, %d accounts are left", m.octets, len(m.entries), len(m.accounts))
	}
}

// One account's answers don't push those of others out, however many and large they are.
func TestMemoryIsShared(t *testing.T) {
	t.Parallel()
	m := newMemory(1<<20, time.Minute, time.Now)
	for n := range 100 {
		one(t, m, "quiet", strconv.Itoa(n), 200)
	}
	for n := range 1000 {
		if one(t, m, "loud", strconv.Itoa(n), 20_000) {
			t.Fatal("an account was given what another had asked for under the same key")
		}
		if m.octets > m.most {
			t.Fatalf("%d octets of %d", m.octets, m.most)
		}
	}
	for n := range 100 {
		if !one(t, m, "quiet", strconv.Itoa(n), 200) {
			t.Fatalf("answer %d of the quiet account was forgotten", n)
		}
	}
	if !one(t, m, "loud", "999", 20_000) {
		t.Error("the last answer of the loud one was forgotten")
	}
	for n := range 10 { // what is larger than all the room is not kept, and leaves nothing behind
		one(t, m, "huge"+aaa.AccountID(strconv.Itoa(n)), "1", 2<<20)
	}
	if m.octets > m.most || len(m.accounts) != len(m.largest) || len(m.entries) != m.order.Len() {
		t.Errorf("%d octets, %d accounts, %d in the heap, %d entries, %d in order", m.octets, len(m.accounts), len(m.largest), len(m.entries), m.order.Len())
	}
}
