package router_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// TestEntriesAreBounded: a table may leave 256 entries, and its next action fails.
func TestEntriesAreBounded(t *testing.T) {
	t.Parallel()
	const most = 256
	l := newLab(t, time.Minute, "a")
	held := make(chan struct{})
	l.servers["a"].outcome, l.servers["a"].until = aaa.Accept, held
	var table strings.Builder
	table.WriteString("Start:\n\t*.+AUTHEN.ACK RAD2RAD S1 Xstring=a\n")
	for i := 1; i <= 300; i++ {
		fmt.Fprintf(&table, "S%d:\n\t*.RAD2RAD.WAIT RAD2RAD S%d Xstring=a\n\t*.RAD2RAD.ERROR NULL All\n", i, i+1)
	}
	table.WriteString("S301:\n\t*.RAD2RAD.WAIT NULL All\n" +
		"All:\n\t*.RAD2RAD.ACK PENDING All\n\t*.PENDING.ACK NULL All\n\t*.PENDING.NAK REPLY End\nEnd:\n")
	l.use(table.String())
	go func() {
		for l.servers["a"].busy.Load() < most {
			runtime.Gosched()
		}
		close(held)
	}()
	if res, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn}); err != nil || !res.IsAuthorized {
		t.Fatalf("%+v, %v", res, err)
	}
	l.quiet()
	if n := l.servers["a"].asked.Load(); n != most {
		t.Errorf("%d exchanges of one request at once, want %d", n, most)
	}
}
