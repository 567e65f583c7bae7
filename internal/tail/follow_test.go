package tail

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestFollow: a follower gets each request once, in order, and one that waits gets the next one.
func TestFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tail := New()
		add(tail, "a", time.Now(), "before")
		after := tail.Begin()
		add(tail, "a", time.Now(), "1", "2", "3")
		for _, want := range []string{"1 2", "3"} {
			list, next, missed := tail.Follow(t.Context(), after, &Filter{}, 2)
			if got := ids(list); got != want || missed != 0 {
				t.Errorf("%q and %d missed, want %q", got, missed, want)
			}
			after = next
		}
		go func() {
			time.Sleep(3 * time.Second)
			add(tail, "b", time.Now(), "other")
			time.Sleep(time.Minute) // longer than a follower without a call stays one, but this one waits
			add(tail, "a", time.Now(), "4")
		}()
		begun := time.Now()
		list, after, missed := tail.Follow(t.Context(), after, only("a"), 2)
		if got := ids(list); got != "4" || missed != 0 || time.Since(begun) > 64*time.Second {
			t.Errorf("%q and %d missed after %v", got, missed, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		list, next, missed := tail.Follow(ctx, after, &Filter{}, 2)
		if len(list) > 0 || missed > 0 || next != after || ctx.Err() == nil {
			t.Errorf("%q and %d missed while there was nothing", ids(list), missed)
		}
	})
}

// TestFollowMissed: a follower that does not come for a time holds nothing up. It learns how many requests it missed.
func TestFollowMissed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tail := New()
		after := tail.Begin()
		for i := range liveSlots + 100 {
			add(tail, "a", time.Now(), fmt.Sprint(i))
		}
		list, after, missed := tail.Follow(t.Context(), after, &Filter{}, 10)
		if missed != 100 || len(list) != 10 || list[0].ID != "100" {
			t.Errorf("%d missed, then %q", missed, ids(list))
		}
		// One that is gone for longer costs nothing any more.
		time.Sleep(liveTime + time.Second)
		add(tail, "a", time.Now(), "x")
		if tail.live.Load() != nil {
			t.Error("the ring of followers is kept though nobody follows")
		}
		list, after, missed = tail.Follow(t.Context(), after, &Filter{}, 10)
		if missed != liveSlots-10+1 || len(list) != 0 {
			t.Errorf("%d missed and %q after a long absence", missed, ids(list))
		}
		add(tail, "a", time.Now(), "y")
		if list, _, missed = tail.Follow(t.Context(), after, &Filter{}, 10); ids(list) != "y" || missed != 0 {
			t.Errorf("%d missed and %q after that", missed, ids(list))
		}
		// A number of an earlier process means from now on.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if list, next, missed := tail.Follow(ctx, 1<<40, &Filter{}, 10); len(list) != 0 || missed != 0 || next != tail.seq.Load() {
			t.Errorf("%q, %d missed, next %d", ids(list), missed, next)
		}
	})
}
