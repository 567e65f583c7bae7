package gateway

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// TestLineIsPlainData walks all types that a caller exchanges with the Service, their unexported fields too. Another
// process can be sent plain data alone: no channel, function, context or pointer that means something here only,
// and no interface but the ones whose values are a closed set.
func TestLineIsPlainData(t *testing.T) {
	t.Parallel()
	w := lineWalk{closed: map[reflect.Type]string{
		reflect.TypeFor[aaa.Values](): "aaa.CheckValues says what is in it",
		reflect.TypeFor[time.Time]():  "has a text form of its own",
	}}
	service := reflect.TypeFor[Service]()
	for i := range service.NumMethod() {
		m := service.Method(i)
		for j := range m.Type.NumIn() {
			if j == 0 && m.Type.In(0) == reflect.TypeFor[context.Context]() {
				continue
			}
			w.walk(m.Type.In(j), fmt.Sprintf("%s(%d)", m.Name, j))
		}
		if n := m.Type.NumOut(); n == 0 || m.Type.Out(n-1) != reflect.TypeFor[error]() {
			w.faults = append(w.faults, m.Name+" has no error: a call of another process may fail")
		}
		for j := range m.Type.NumOut() - 1 {
			w.walk(m.Type.Out(j), fmt.Sprintf("%s→%d", m.Name, j))
		}
	}
	w.walk(reflect.TypeFor[aaa.ErrorData](), "error") // what an error is on the line
	if len(w.faults) > 0 {
		t.Errorf("%d are no plain data:\n%s", len(w.faults), strings.Join(w.faults, "\n"))
	}
	if len(w.seen) < 20 {
		t.Errorf("the walk saw %d types only", len(w.seen))
	}
}

// TestLineWalkSeesFaults breaks the promise once in each way.
func TestLineWalkSeesFaults(t *testing.T) {
	t.Parallel()
	for _, bad := range []any{
		struct{ C <-chan int }{},
		struct{ F func() }{},
		struct{ Ctx context.Context }{},
		struct{ M map[string]any }{},
		struct{ p []*struct{ c chan int } }{},
		struct{ E error }{},
		struct{ U uintptr }{},
		struct{ M map[string]func() }{},
		struct{ n *atomic.Int64 }{},
	} {
		w := lineWalk{}
		if w.walk(reflect.TypeOf(bad), "bad"); len(w.faults) != 1 {
			t.Errorf("%T: faults %q", bad, w.faults)
		}
	}
}

// lineWalk collects the paths of types that are no plain data.
type lineWalk struct {
	closed map[reflect.Type]string // types that are not looked into, and why
	seen   map[reflect.Type]bool
	faults []string
}

func (w *lineWalk) walk(t reflect.Type, path string) {
	if w.closed[t] != "" || w.seen[t] {
		return
	}
	if w.seen == nil {
		w.seen = map[reflect.Type]bool{}
	}
	w.seen[t] = true
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Interface, reflect.UnsafePointer, reflect.Uintptr:
		w.seen[t] = false // each place is told
		w.faults = append(w.faults, fmt.Sprintf("%s: %s", path, t))
	case reflect.Pointer, reflect.Slice, reflect.Array:
		w.walk(t.Elem(), path)
	case reflect.Map:
		w.walk(t.Key(), path+" key")
		w.walk(t.Elem(), path+"[]")
	case reflect.Struct:
		if pkg := t.PkgPath(); pkg == "sync" || pkg == "sync/atomic" { // shared with others who write it
			w.faults = append(w.faults, fmt.Sprintf("%s: %s", path, t))
			return
		}
		for i := range t.NumField() {
			w.walk(t.Field(i).Type, path+"."+t.Field(i).Name)
		}
	}
}
