package router

import (
	"strconv"
	"testing"
	"time"

	"aaa-api/internal/engines"
)

// TestComplaintsAreBounded: a server has one line a second for each reason, which tells how many were left out, and all
// together have a bounded number.
func TestComplaintsAreBounded(t *testing.T) {
	t.Parallel()
	var c complaints
	now := time.Now()
	a := complaint{"radius", "a:1812", engines.BadReply}
	want := func(k complaint, at time.Duration, left int, due bool) {
		t.Helper()
		if n, ok := c.due(k, now.Add(at)); n != left || ok != due {
			t.Errorf("%v after %v: %d left out, due %v; want %d, %v", k, at, n, ok, left, due)
		}
	}
	want(a, 0, 0, true)
	want(a, 0, 0, false)
	want(a, 999*time.Millisecond, 0, false)
	want(complaint{"radius", "b:1812", engines.BadReply}, 0, 0, true)
	want(complaint{"radius", "a:1812", engines.ServerError}, 0, 0, true)
	want(a, time.Second, 2, true)
	want(a, 2*time.Second, 0, true)

	lines := 0
	for i := range 2 * maxComplaints {
		if _, ok := c.due(complaint{"radius", strconv.Itoa(i), engines.BadReply}, now.Add(2*time.Second)); ok {
			lines++
		}
	}
	// Of the three before, one is as fresh as these; the others have made room by now.
	if want := maxComplaints - 1; lines != want || len(c.told) != maxComplaints {
		t.Errorf("%d lines of %d servers, %d remembered; want %d and %d", lines, 2*maxComplaints, len(c.told), want, maxComplaints)
	}
	want(complaint{"radius", "late:1812", engines.BadReply}, 3*time.Second, 0, true)
}
