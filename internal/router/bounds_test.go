package router_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
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

// TestAnswerAfterTheEnd: an answer that waits for the machine when the deadline passes is not an event. Both are ready when
// the machine looks, so that a machine which takes the answer is found in one round of three.
func TestAnswerAfterTheEnd(t *testing.T) {
	t.Parallel()
	for range 40 {
		l := newLab(t, 10*time.Millisecond, "late", "failing", "spare")
		l.use("Start:\n\t*.+AUTHEN.ACK RAD2RAD Both Xstring=late\n" +
			"Both:\n\t*.RAD2RAD.WAIT RAD2RAD Wait Xstring=failing\n" +
			"Wait:\n\t*.RAD2RAD.ACK REPLY End\n\t*.RAD2RAD.ERROR RAD2RAD Wait Xstring=spare\n\t*.*.TIMEOUT NULL End\nEnd:\n")
		ended := make(chan struct{})
		l.play("late", func(ctx context.Context) (*engines.Reply, error) {
			<-ctx.Done()
			close(ended)
			return accepts(ctx)
		})
		healthy := new(engines.Health)
		l.level.Server("spare").Client = played{l.servers["spare"], accepts, func() *engines.Health {
			<-ended                           // the machine is here while the deadline passes
			time.Sleep(20 * time.Microsecond) // the answer gets a moment to arrive: the test finds less without it
			return healthy
		}}
		if res, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn}); aaa.KindOf(err) != aaa.KindNoAnswer {
			t.Fatalf("an answer after the deadline counted: %+v, %v", res, err)
		}
		l.quiet()
	}
}
