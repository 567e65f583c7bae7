package router_test

import (
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/router"
	"aaa-api/internal/translate"
)

// TestNoPasswordStays: when a request is over, none of its AVPs is left in the memory that later requests use, whether or
// not all could be translated.
func TestNoPasswordStays(t *testing.T) { // alone: it watches memory that all requests share
	all, stop := router.WatchScratches()
	defer stop()
	l := newLab(t, 10*time.Second, "a")
	l.servers["a"].outcome = aaa.Accept
	for name, c := range map[string]struct {
		classes int
		kind    aaa.Kind
	}{"asked": {classes: 2}, "more than fit": {classes: 100}, "refused": {classes: translate.MaxElements + 1, kind: aaa.KindBadInput}} {
		classes := make([]any, c.classes)
		for i := range classes {
			classes[i] = "x"
		}
		_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn, Values: map[string]any{"User-Name": "alice", "classes": classes}})
		if (err != nil || c.kind != 0) && aaa.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
		if len(all()) == 0 {
			t.Fatal("no memory is known")
		}
		for _, avps := range all() {
			for _, v := range avps {
				if v.Attr != nil || v.Value != nil {
					t.Errorf("%s: %s is still there", name, v.Attr.Name)
				}
			}
		}
	}
	l.quiet()
}
