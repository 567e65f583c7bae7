package operations

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/admission"
	"aaa-api/internal/token"
)

// TestHeavyCallsWait: what takes a processor long waits for its turn, holds what it has read meanwhile, and gives all back. A caller
// whose texts are short waits for nobody.
func TestHeavyCallsWait(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.parts.Budget = admission.NewBudget(admission.OctetsFor(0), nil)
	tenant := s.token(s.tenant, token.Scopes()...)
	long := admin.TableUpload{Name: "long", Text: []byte(strings.Repeat("# a comment\n", admission.HeavyOctets/10) + smallTable)}
	_, err := CreateTable.Call(t.Context(), s.parts, *about(tenant, s.tenant), long)
	ok(t, err)
	var held []func()
	for i := range admission.HeavyAtOnce() {
		leave, err := s.parts.Heavy.Enter(t.Context(), aaa.AccountID(fmt.Sprint("holder ", i)), true)
		ok(t, err)
		held = append(held, leave)
	}
	for what, call := range map[string]func(context.Context) error{
		"a read": func(ctx context.Context) error {
			_, err := GetTable.Call(ctx, s.parts, *about(tenant, s.tenant), KnownTable{Name: "long"})
			return err
		},
		"a write": func(ctx context.Context) error {
			_, err := ReplaceTable.Call(ctx, s.parts, *about(tenant, s.tenant), TableWritten{Upload: long})
			return err
		},
		"a document": func(ctx context.Context) error {
			note := map[string]any{"aaa_mode": "off", "x-note": strings.Repeat("x", admission.HeavyOctets)}
			_, err := CreateDocument.Call(ctx, s.parts, *about(tenant, s.tenant), Written{Sent: aaa.Decoded{Value: note}})
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() {
			if err := call(ctx); err == nil {
				t.Errorf("%s did not wait", what)
			}
		})
		for s.parts.Heavy.Users() == len(held) {
			runtime.Gosched()
		}
		if n := s.parts.Budget.Held(); what == "a read" && n < int64(len(long.Text)) {
			t.Errorf("%s holds %d octets", what, n)
		}
		cancel()
		done.Wait()
		if n := s.parts.Budget.Held(); n != 0 {
			t.Errorf("%s left %d octets held", what, n)
		}
	}
	_, err = CreateTable.Call(t.Context(), s.parts, *about(tenant, s.tenant), admin.TableUpload{Name: "short", Text: []byte(smallTable)})
	ok(t, err)
	for _, leave := range held {
		leave()
	}
	if n := s.parts.Heavy.Users(); n != 0 {
		t.Errorf("%d turns are left", n)
	}
}
