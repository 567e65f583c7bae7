package web

import (
	"net/http/httptest"
	"testing"
	"time"
)

// TestLateRequestsGainNothing: a request that took long to come, for its token was looked for in a slow body, gives its
// credential no more than another.
func TestLateRequestsGainNothing(t *testing.T) {
	t.Parallel()
	const burst = 3
	l := NewLimiter(1e-3, burst)
	s := New(Options{})
	through := 0
	for _, ago := range []time.Duration{0, time.Hour, 0, 0, 0, 0, 0} {
		c := s.NewCall(httptest.NewRecorder(), nil, "a")
		c.start = c.start.Add(-ago)
		if l.Allow(c, "token") == nil {
			through++
		}
	}
	if through != burst {
		t.Errorf("%d requests went through, want %d", through, burst)
	}
}
