package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPart(t *testing.T) {
	t.Parallel()
	var list []time.Duration
	for i := range 200 {
		list = append(list, time.Duration(i)*time.Millisecond)
	}
	if p50, p99 := part(list, 50), part(list, 99); p50 != 100*time.Millisecond || p99 != 198*time.Millisecond || part(nil, 99) != 0 {
		t.Errorf("p50 %v, p99 %v", p50, p99)
	}
}

// TestBeside: what the quiet tenant gets while the attack goes on is kept apart from how the attack fared, and an attack
// that ends by itself measures nothing.
func TestBeside(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	quiet := func(path string) func() ([]time.Duration, error) {
		return func() ([]time.Duration, error) {
			return quietly(address, postRequest(address, path, "", nil), 20*time.Millisecond)
		}
	}
	going := attack(func(ctx context.Context) (string, error) {
		<-ctx.Done()
		return "went on", nil
	})
	list, became, err := going.beside(t.Context(), quiet("/"))
	if err != nil || became != "went on" || len(list) == 0 || slices.Contains(list, 0) {
		t.Errorf("%v, %q, %v", list, became, err)
	}
	if _, _, err := going.beside(t.Context(), quiet("/refused")); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("the quiet tenant is refused: %v", err)
	}
	failed := errors.New("failed")
	if _, _, err := attack(func(context.Context) (string, error) { return "", failed }).beside(t.Context(), quiet("/")); !errors.Is(err, failed) {
		t.Errorf("the attack fails: %v", err)
	}
}

// TestCrowd: what the clients of an attack got is told apart, with the first reason why one got nothing.
func TestCrowd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	became, err := crowd(1, "calls", func(ctx context.Context, _, n int) (int, error) {
		switch n {
		case 0, 1:
			return http.StatusOK, nil
		case 2:
			return http.StatusTooManyRequests, nil
		case 3:
			return 0, errors.New("no connection")
		}
		cancel()
		return 0, ctx.Err()
	})(ctx)
	if want := "the other: 2 calls, 1 refused, 1 failed, 1 under way at the end (Too Many Requests)"; err != nil || became != want {
		t.Errorf("%q, %v", became, err)
	}
}
