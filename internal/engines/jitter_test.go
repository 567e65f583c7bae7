package engines

import (
	"testing"
	"time"
)

func TestJitter(t *testing.T) {
	t.Parallel()
	low, high := time.Hour, time.Duration(0)
	for range 10_000 {
		d := Jitter(time.Minute)
		low, high = min(low, d), max(high, d)
	}
	if low < 54*time.Second || low > 55*time.Second || high > 66*time.Second || high < 65*time.Second {
		t.Errorf("a minute is %v to %v", low, high)
	}
	for _, d := range []time.Duration{0, 1, 9} {
		if got := Jitter(d); got < 0 || got > d+d/5 {
			t.Errorf("%v is %v", d, got)
		}
	}
}
