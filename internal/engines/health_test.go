package engines

import (
	"sync"
	"testing"
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
