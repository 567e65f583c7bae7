package router_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// TestEntriesAreBounded: a table may leave 256 entries, and its next action fails.
func TestEntriesAreBounded(t *testing.T) {
	t.Parallel()
	l := newLab(t, 500*time.Millisecond, "silent")
	l.servers["silent"].forever = true
	var table strings.Builder
	table.WriteString("Start:\n\t*.+AUTHEN.ACK RAD2RAD S1 Xstring=silent\n")
	for i := 1; i <= 300; i++ {
		fmt.Fprintf(&table, "S%d:\n\t*.RAD2RAD.WAIT RAD2RAD S%d Xstring=silent\n\t*.*.TIMEOUT NULL End\n", i, i+1)
	}
	table.WriteString("S301:\n\t*.*.TIMEOUT NULL End\nEnd:\n")
	l.use(table.String())
	res, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn, Trace: true})
	if aaa.KindOf(err) != aaa.KindNoAnswer {
		t.Fatalf("%+v, %v", res, err)
	}
	l.quiet()
	if n := l.servers["silent"].asked.Load(); n != 256 {
		t.Errorf("%d exchanges of one request at once, want 256", n)
	}
}
