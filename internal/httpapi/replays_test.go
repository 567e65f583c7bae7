package httpapi

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aaa-api/internal/aaa"
)

func TestReplays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReplays(2*(replayOctets+2), time.Minute)
		runs := 0
		var told []string
		repeat := func(id string) error { told = append(told, id); return nil }
		run := func(n byte) bool {
			t.Helper()
			_, replayed, err := r.do(t.Context(), "a", replayKey{n}, func(string) ([]byte, error) { runs++; return []byte("{}"), nil }, repeat)
			ok(t, err)
			return replayed
		}
		if run(1) || !run(1) {
			t.Error("not replayed once")
		}
		time.Sleep(time.Minute)
		if run(1) {
			t.Error("kept for too long")
		}
		run(2)
		run(3) // there is room for two: the oldest goes
		if run(1) || len(r.entries) != 2 || r.order.Len() != 2 {
			t.Errorf("%d entries of 2", len(r.entries))
		}

		// While the places are taken by requests under way, others run unremembered.
		hold := make(chan struct{})
		var wg sync.WaitGroup
		for n := range byte(2) {
			wg.Go(func() {
				_, _, err := r.do(t.Context(), "a", replayKey{10 + n}, func(string) ([]byte, error) { <-hold; return nil, errors.New("failed") }, repeat)
				if err == nil {
					t.Error("no error")
				}
			})
		}
		synctest.Wait()
		for range 2 {
			if run(20) {
				t.Error("remembered without room")
			}
		}
		// Who waits gives up with its own request; who goes on waiting tries it after a failure.
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := r.do(short, "a", replayKey{10}, nil, repeat); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		var second []byte
		wg.Go(func() {
			second, _, _ = r.do(t.Context(), "a", replayKey{11}, func(string) ([]byte, error) { return []byte("second"), nil }, repeat)
		})
		synctest.Wait()
		close(hold)
		wg.Wait()
		if string(second) != "second" {
			t.Errorf("got %v", second)
		}
		if want := []string{replayKey{10}.id(), replayKey{11}.id()}; !slices.Equal(told, want) {
			t.Errorf("told of repetitions of %q, want %q", told, want)
		}
		// A panic leaves nothing behind.
		func() {
			defer func() { _ = recover() }()
			_, _, _ = r.do(t.Context(), "a", replayKey{30}, func(string) ([]byte, error) { panic("x") }, repeat)
		}()
		if run(30) {
			t.Error("a panic was remembered")
		}
	})
}

// One account's answers don't push those of others out, however many and large they are.
func TestReplaysAreShared(t *testing.T) {
	t.Parallel()
	r := newReplays(1<<20, time.Minute)
	run := func(account aaa.AccountID, n int, size int) (replayed bool) {
		_, replayed, err := r.do(t.Context(), account, keyOf(account, strconv.Itoa(n), nil), func(string) ([]byte, error) {
			return make([]byte, size), nil
		}, nil)
		ok(t, err)
		return replayed
	}
	for n := range 100 {
		run("quiet", n, 200)
	}
	for n := range 1000 {
		if run("loud", n, 20_000) {
			t.Fatal("an account was given what another had asked for under the same key")
		}
		if r.octets > r.most {
			t.Fatalf("%d octets of %d", r.octets, r.most)
		}
	}
	for n := range 100 {
		if !run("quiet", n, 200) {
			t.Fatalf("answer %d of the quiet account was forgotten", n)
		}
	}
	if !run("loud", 999, 20_000) {
		t.Error("the last answer of the loud one was forgotten")
	}
	for n := range 10 { // what is larger than all the room is not kept, and leaves nothing behind
		run("huge"+aaa.AccountID(strconv.Itoa(n)), 1, 2<<20)
	}
	if r.octets > r.most || len(r.accounts) != len(r.largest) || len(r.entries) != r.order.Len() {
		t.Errorf("%d octets, %d accounts, %d in the heap, %d entries, %d in order", r.octets, len(r.accounts), len(r.largest), len(r.entries), r.order.Len())
	}
}
