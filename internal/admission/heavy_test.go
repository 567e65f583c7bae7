package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
)

// TestHeavyWorkTakesTurns: a quiet account's upload begins after one of a busy account's at most, whose queue is bounded.
func TestHeavyWorkTakesTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := NewHeavy(1)
		var order []string
		work := func(account aaa.AccountID) {
			leave, err := h.Enter(t.Context(), account, true)
			if err != nil {
				t.Errorf("%s: %v", account, err)
				return
			}
			order = append(order, string(account)) // under the node's turn
			time.Sleep(time.Second)
			leave()
		}
		for range heavyQueue + 1 {
			go work("busy")
			synctest.Wait()
		}
		if _, err := h.Enter(t.Context(), "busy", true); aaa.KindOf(err) != aaa.KindLimited {
			t.Errorf("one too many: %v", err)
		}
		time.Sleep(1500 * time.Millisecond) // in the midst of the second
		go work("quiet")
		go work("other")
		time.Sleep(time.Minute)
		synctest.Wait()
		quiet := slices.Index(order, "quiet")
		if quiet < 0 || quiet > 4 {
			t.Errorf("the order is %v", order)
		}
		if len(h.accounts) != 0 || h.users != 0 {
			t.Errorf("%d accounts, %d users are left", len(h.accounts), h.users)
		}
	})
}

// TestHeavyQueueOfANode: the node's queue is bounded, its turns are not waited for without end, and who gives up leaves
// nothing behind.
func TestHeavyQueueOfANode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := NewHeavy(1)
		leave, err := h.Enter(t.Context(), "holder", true)
		if err != nil {
			t.Fatal(err)
		}
		var late atomic.Int32
		for i := range heavyQueues - 1 {
			go func() {
				_, err := h.Enter(t.Context(), aaa.AccountID(fmt.Sprint(i)), true)
				if e := (*aaa.Error)(nil); errors.As(err, &e) && e.Kind == aaa.KindBusy && e.RetryAfter > 0 {
					late.Add(1)
				}
			}()
			synctest.Wait()
		}
		if _, err := h.Enter(t.Context(), "late", true); aaa.KindOf(err) != aaa.KindBusy {
			t.Errorf("one too many: %v", err)
		}
		time.Sleep(2 * heavyWait)
		synctest.Wait()
		if n := late.Load(); n != heavyQueues-1 {
			t.Errorf("%d of %d were told to come again", n, heavyQueues-1)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.Enter(ctx, "gone", true); err == nil {
			t.Error("a caller who left has a turn")
		}
		leave()
		if leave, err = h.Enter(t.Context(), "next", true); err != nil {
			t.Fatal(err)
		}
		leave()
		if len(h.accounts) != 0 || h.users != 0 {
			t.Errorf("%d accounts, %d users are left", len(h.accounts), h.users)
		}
	})
}
