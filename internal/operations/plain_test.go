package operations

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aaa-api/internal/line"
	"aaa-api/internal/token"
)

// TestAllIsPlainData: what crosses a line has a form in octets.
func TestAllIsPlainData(t *testing.T) {
	t.Parallel()
	for _, o := range all {
		request, answer := o.types()
		for _, v := range []any{request, answer} {
			if err := line.CheckPlain(reflect.TypeOf(v).Elem()); err != nil {
				t.Errorf("%s: %v", o.Name(), err)
			}
		}
	}
}

// TestAnswersCross: requests and answers come out of their octets as they went in.
func TestAnswersCross(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.token(s.root, token.Scopes()...)
	names := slices.Sorted(maps.Keys(samples))
	answers := 0
	cross := func(name string, v any) {
		t.Helper()
		octets, err := line.Append(nil, v)
		ok(t, err)
		back := reflect.New(reflect.TypeOf(v).Elem()).Interface()
		ok(t, line.Read(string(octets), back))
		if diff := cmp.Diff(v, back, cmpopts.EquateComparable(netip.AddrPort{}, netip.Addr{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for range 2 { // what the first round creates the second one reads
		for _, name := range names {
			request := samples[name].request(s)
			cross(name, request)
			if answer, err := s.send(name, about(root, s.child), request); err == nil {
				answers++
				cross(name, answer)
			}
		}
	}
	if answers < len(samples) {
		t.Errorf("%d answers of %d operations", answers, len(samples))
	}
}
