package operations

import (
	"context"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/line"
)

// callEverything asks for every operation as whoever calls p would, with a token that nothing knows, and returns those that the gate let
// through or refused for another reason than where the call came from.
func callEverything(t *testing.T, p *Parts) (past []string) {
	t.Helper()
	for number, o := range all {
		func() {
			defer func() {
				if recover() != nil { // it ran, without its parts
					past = append(past, o.Name())
				}
			}()
			from := &line.From{Token: "none", Account: aaa.NewAccountID()}
			_, err := p.Serve(context.Background(), uint16(number), from, func(any) error { return nil }) //nolint:gosec // there are a hundred
			checked := aaa.KindOf(err) == aaa.KindBadInput && !o.forOperators()                           // before the gate
			if err != ErrNotHere && !checked {                                                            //nolint:errorlint // it itself
				past = append(past, o.Name())
			}
		}()
	}
	return past
}

// TestOperators: a front may run no operation that is for operators, whatever it sends, and operators may run no other one.
func TestOperators(t *testing.T) {
	t.Parallel()
	parts := &Parts{Local: &Local{}}
	isOperators := func(name string) bool { return strings.HasPrefix(name, "operators.") }
	if a, b := Protocol(), Protocol(); a != b || len(a) != 16 {
		t.Errorf("the protocol is %q, then %q", a, b)
	}
	front, operators := callEverything(t, parts), callEverything(t, parts.Operators())
	most := 0
	for _, o := range all {
		if isOperators(o.Name()) {
			most++
		}
	}
	if len(operators) != most || most == 0 || len(front) == 0 {
		t.Errorf("of %d operations fronts may try %d, operators %d, want %d", len(all), len(front), len(operators), most)
	}
	for _, name := range front {
		if isOperators(name) {
			t.Errorf("a front may run %s", name)
		}
	}
	for _, name := range operators {
		if !isOperators(name) {
			t.Errorf("operators may run %s without a token", name)
		}
	}
	if got := callEverything(t, (&Parts{}).Operators()); len(got) > 0 {
		t.Errorf("a process without anything for operators runs %v", got)
	}
	if _, err := OperatorRequests.Call(t.Context(), parts, line.From{}, AskRequests{}); err != ErrNotHere { //nolint:errorlint // it itself
		t.Errorf("a front in the same process: %v", err)
	}
}
