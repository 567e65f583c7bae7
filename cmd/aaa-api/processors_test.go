package main

import "testing"

func TestFrontsShareProcessors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ all, fronts, want int }{{1, 1, 1}, {2, 1, 2}, {2, 2, 1}, {2, 64, 1}, {8, 3, 3}, {64, 2, 32}} {
		if got := processorsOf(c.all, c.fronts); got != c.want {
			t.Errorf("one of %d fronts uses %d of %d processors, not %d", c.fronts, got, c.all, c.want)
		}
	}
}
