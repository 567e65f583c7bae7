package backoff

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
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

func TestSpread(t *testing.T) {
	t.Parallel()
	low, high := time.Hour, time.Duration(0)
	for range 10_000 {
		d := Spread(time.Minute)
		low, high = min(low, d), max(high, d)
	}
	if low < 30*time.Second || low > 31*time.Second || high > 90*time.Second || high < 89*time.Second {
		t.Errorf("a minute is %v to %v", low, high)
	}
}

func TestDouble(t *testing.T) {
	t.Parallel()
	for failures, want := range []float64{1, 1, 2, 4, 8, 10, 10} {
		if got := Double(time.Second, 10*time.Second, failures); got.Seconds() != want {
			t.Errorf("the wait after %d failures is %v, want %v s", failures, got, want)
		}
	}
	for _, failures := range []int{100, 1 << 40} { // no overflow, and no long loop
		if got := Double(time.Nanosecond, 1<<62, failures); got != 1<<62 {
			t.Errorf("the wait after %d failures is %v", failures, got)
		}
	}
	if got := Double(time.Hour, time.Minute, 5); got != time.Hour {
		t.Errorf("a first wait of an hour becomes %v", got)
	}
}

func TestSleep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := Sleep(t.Context(), time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("a minute took %v, %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := Sleep(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 61*time.Second {
			t.Errorf("it ends after %v with %v", time.Since(began), err)
		}
		for _, attempt := range []int{0, 1, 10, 1000} {
			began := time.Now()
			if err := Contended(t.Context(), attempt); err != nil || time.Since(began) > 100*time.Millisecond {
				t.Errorf("attempt %d waits for %v, %v", attempt, time.Since(began), err)
			}
		}
	})
}
