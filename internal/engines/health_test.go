package engines

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

func TestHealthStates(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		steps string // S success, F failure, R revive
		want  State
	}{
		{"new", "", Alive},
		{"one failure", "F", Zombie},
		{"two failures", "FF", Zombie},
		{"three failures", "FFF", Dead},
		{"an answer in between starts the count anew", "FFSFF", Zombie},
		{"failures after an answer still kill", "FFSFFF", Dead},
		{"zombie needs three answers", "FSS", Zombie},
		{"zombie recovers", "FSSS", Alive},
		{"dead needs three answers", "FFFSS", Dead},
		{"answers must be in a row", "FFFSSFSS", Dead},
		{"dead recovers", "FFFSSS", Alive},
		{"alive again is as good as new", "FFFSSSF", Zombie},
		{"revived", "FFFR", Zombie},
		{"revived and failed", "FFFRF", Dead},
		{"revived and recovered", "FFFRSSS", Alive},
		{"revive leaves the living alone", "R", Alive},
		{"failures do not overflow", "FFFFFFFFSSS", Alive},
	} {
		var h Health
		for _, s := range tc.steps {
			switch s {
			case 'S':
				if got := h.Success(); got != h.State() {
					t.Errorf("%s: Success returned %v in state %v", tc.name, got, h.State())
				}
			case 'F':
				if got := h.Failure(); got != h.State() {
					t.Errorf("%s: Failure returned %v in state %v", tc.name, got, h.State())
				}
			case 'R':
				if got := h.Revive(); got != h.State() {
					t.Errorf("%s: Revive returned %v in state %v", tc.name, got, h.State())
				}
			}
		}
		if h.State() != tc.want || h.Usable() != (tc.want != Dead) {
			t.Errorf("%s: state %v, usable %v, want %v", tc.name, h.State(), h.Usable(), tc.want)
		}
	}
	if size := unsafe.Sizeof(Health{}); size > 8 {
		t.Errorf("a Health is %d octets", size)
	}
}

// TestHealthSince: a server's state is known with the time of its last change, whatever else happens in between.
func TestHealthSince(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r Recovery
		if !r.Since().IsZero() {
			t.Errorf("a new server's state changed at %v", r.Since())
		}
		begun := time.Now()
		for at, step := range []struct {
			do      func() State
			changed int // seconds from begun
		}{{r.Success, -1}, {r.Failure, 1}, {r.Failure, 1}, {r.Success, 1}, {r.Failure, 1}, {r.Failure, 1}, {r.Failure, 6}, {r.Revive, 7}, {r.Success, 7}, {r.Success, 7}, {r.Success, 10}} {
			step.do()
			r.word.Or(answered)
			if got := r.Since(); step.changed < 0 != got.IsZero() || step.changed >= 0 && !got.Equal(begun.Add(time.Duration(step.changed)*time.Second)) {
				t.Errorf("after step %d the state is %v since %v, want second %d", at, r.State(), got.Sub(begun), step.changed)
			}
			time.Sleep(time.Second)
		}
		if !r.Answered() {
			t.Error("a step forgot that the server has answered")
		}
	})
}

func TestHealthManyGoroutines(t *testing.T) {
	t.Parallel()
	var h Health
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				h.Failure()
				h.Success()
			}
		})
	}
	wg.Wait()
	for range AnswersToAlive {
		h.Success()
	}
	if h.State() != Alive {
		t.Errorf("state %v after the answers", h.State())
	}
}
