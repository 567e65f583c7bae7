package limits

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// niceNow is the calling thread's nice value.
func niceNow(t *testing.T) int {
	t.Helper()
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Gettid())
	if err != nil {
		t.Error(err)
	}
	return 20 - raw
}

// TestLowered: heavy work runs on threads of lower priority, and nothing else does.
func TestLowered(t *testing.T) {
	t.Parallel()
	own := niceNow(t)
	lower := min(own+niceness, 19)
	Lowered(func() {
		if got := niceNow(t); got != lower {
			t.Errorf("Lowered runs at %d, want %d", got, lower)
		}
	})
	p := NewProcessor()
	for range 20 {
		turn, err := p.Take(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		var threads []int
		for range 2 {
			turn.Run(func() {
				if got := niceNow(t); got != lower {
					t.Errorf("a turn runs at %d, want %d", got, lower)
				}
				for range 4 { // threads that are made on behalf of heavy work
					go runtime.Gosched()
				}
				threads = append(threads, unix.Gettid())
			})
		}
		turn.End()
		if threads[0] != threads[1] {
			t.Error("one turn runs on two threads")
		}
	}
	var ready, all sync.WaitGroup
	ready.Add(50)
	for range 50 {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Done()
			ready.Wait() // each has a thread of its own
			if got := niceNow(t); got != own {
				t.Errorf("a goroutine with no heavy work runs at %d", got)
			}
		})
	}
	all.Wait()
}

// TestLoweredPanics: a panic of heavy work is one of its request, and the Turn can be given back.
func TestLoweredPanics(t *testing.T) {
	t.Parallel()
	p := newProcessor(1, NewProcessor().now)
	func() {
		defer func() {
			if got := fmt.Sprint(recover()); !strings.Contains(got, "broken") || !strings.Contains(got, "lowered_linux_test.go") {
				t.Errorf("recovered %s", got)
			}
		}()
		_ = p.Do(t.Context(), "a", func() { panic("broken") })
	}()
	if err := p.Do(t.Context(), "a", func() {}); err != nil || p.free != 1 {
		t.Errorf("%v, %d places are free", err, p.free)
	}
}
