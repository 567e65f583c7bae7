package web

import (
	"context"
	"testing"

	"aaa-api/internal/store"
)

// A list whose parts stay empty is not followed to its end for one answer.
func TestEmptyPartsAreBounded(t *testing.T) {
	t.Parallel()
	fetches := 0
	rows, next, err := collect(t.Context(), pageQuery{Page: store.Page{Limit: 50}}, func(context.Context, store.Page) ([]string, string, error) {
		fetches++
		return nil, "on", nil
	}, func(s string) string { return s }, func(s string) any { return s })
	ok(t, err)
	if len(rows) != 0 || next != "on" || fetches != maxFetches {
		t.Errorf("%d fetches give %v, next %q", fetches, rows, next)
	}
}
