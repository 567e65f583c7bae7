package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// testIdempotency: the first request with a key has it, until it is forgotten, has expired, or its node has fallen.
func testIdempotency(t *testing.T, s store.Store) {
	ctx := t.Context()
	r := store.Remembered{
		Account: aaa.NewAccountID(), Key: [32]byte{1}, Request: [32]byte{2}, Expires: noon.Add(24 * time.Hour),
		Claim: store.Lease{Node: "a", Until: noon.Add(time.Minute)},
	}
	begin := func(r store.Remembered, now time.Time, want *store.Remembered) {
		t.Helper()
		first := must[*store.Remembered](t)(s.Idempotency().Begin(ctx, r, now))
		if diff := cmp.Diff(want, first); diff != "" {
			t.Errorf("what is known (-want +got):\n%s", diff)
		}
	}
	begin(r, noon, nil)
	begin(r, noon, &r)
	again := r
	again.Claim = store.Lease{Node: "b", Until: noon.Add(2 * time.Minute)}
	begin(again, noon.Add(time.Minute-time.Microsecond), &r)
	different := again
	different.Request = [32]byte{3}
	begin(different, noon.Add(time.Minute), &r) // the caller sees that it is another request
	other := r
	other.Account = aaa.NewAccountID()
	begin(other, noon, nil)

	begin(again, noon.Add(time.Minute), nil) // taken over
	r.Answer = "late"
	refused(t, s.Idempotency().Finish(ctx, r), store.ErrStale)
	ok(t, s.Idempotency().Forget(ctx, r))
	begin(r, noon.Add(time.Minute), &again)
	again.Answer = "sealed"
	ok(t, s.Idempotency().Finish(ctx, again))
	refused(t, s.Idempotency().Finish(ctx, again), store.ErrStale)
	ok(t, s.Idempotency().Forget(ctx, again)) // it has an answer
	begin(r, noon.Add(time.Hour), &again)

	different.Expires = noon.Add(48 * time.Hour)
	begin(different, again.Expires.Add(-time.Microsecond), &again)
	begin(different, again.Expires, nil)
	ok(t, s.Idempotency().Forget(ctx, different))
	begin(different, again.Expires, nil)

	for now, want := range map[time.Time]int{again.Expires.Add(-time.Microsecond): 0} {
		if n := must[int](t)(s.Idempotency().DeleteExpired(ctx, now)); n != want {
			t.Errorf("%d have expired", n)
		}
	}
	if n := must[int](t)(s.Idempotency().DeleteExpired(ctx, again.Expires)); n != 1 { // the other account's
		t.Errorf("%d have expired", n)
	}
	begin(r, again.Expires, &different)
}

// testIdempotencyRace: of many nodes that begin a request at once one runs it, at first and when its node has fallen.
func testIdempotencyRace(t *testing.T, s store.Store) {
	r := store.Remembered{Account: aaa.NewAccountID(), Key: [32]byte{1}, Expires: noon.Add(24 * time.Hour)}
	for turn := range 5 {
		now := noon.Add(time.Duration(turn) * time.Minute)
		_, won := race(t, 8, func(int) error {
			mine := r
			mine.Claim = store.Lease{Node: "n", Until: now.Add(time.Minute)}
			first, err := s.Idempotency().Begin(t.Context(), mine, now)
			if err == nil && first != nil {
				err = store.ErrExists
			}
			return err
		}, store.ErrExists)
		if won != 1 {
			t.Fatalf("%d run the request", won)
		}
	}
}
