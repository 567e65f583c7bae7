package router_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// TestTimeRanOutBeforeAServerWasAsked: the account's servers are not to blame, and not said to be missing.
func TestTimeRanOutBeforeAServerWasAsked(t *testing.T) {
	t.Parallel()
	l := newLab(t, time.Minute, "a", "b")
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for op := range aaa.Op(aaa.NumOps) {
		_, err := l.ask(ctx, &aaa.Request{Op: op})
		if aaa.KindOf(err) != aaa.KindNoAnswer || !strings.Contains(err.Error(), "time ran out") {
			t.Errorf("%s: %v", op, err)
		}
	}
	for name, b := range l.servers {
		if n := b.asked.Load(); n != 0 {
			t.Errorf("server %s was asked %d times", name, n)
		}
	}
	l.quiet()
}
