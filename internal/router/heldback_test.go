package router_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/limits"
)

// A table that asks silent servers again and again sends no more than the packets of one request, and the answer names the limit.
func TestPacketsOfATable(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10*time.Second, "first", "second")
	l.use(`
Start:
	*.+AUTHEN.ACK    RAD2RAD  Again  Xstring=first
Again:
	*.RAD2RAD.ERROR  RAD2RAD  Again  Xstring=second
	*.RAD2RAD.ACK    REPLY    End
	*.*.TIMEOUT      NULL     End
End:
`)
	allowed := aaa.NoLimits()
	allowed[aaa.LimitPacketsPerRequest] = 7
	l.plan.Limits.Set(limits.Root("root", nil).Below(l.plan.Account, &allowed))
	for _, b := range l.servers {
		b.counts = true
	}
	_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindNoAnswer || !strings.Contains(e.Message, "first: silent, 1 attempt") {
		t.Errorf("%v", err)
	}
	if n := l.servers["first"].sent.Load() + l.servers["second"].sent.Load(); n != 7 {
		t.Errorf("%d packets", n)
	}
	l.quiet()
}

// A request that no server may be asked for is told to come again, and what holds it back.
func TestHeldBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10*time.Second, "first", "second")
	allowed := aaa.NoLimits()
	allowed[aaa.LimitUnansweredPackets] = 0
	l.plan.Limits.Set(limits.Root("root", nil).Below(l.plan.Account, &allowed))
	for _, b := range l.servers {
		b.counts = true
	}
	_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBusy || e.RetryAfter == 0 ||
		!strings.Contains(e.Message, "first: not asked: ") || !strings.Contains(e.Message, "unanswered_packets_per_second") {
		t.Errorf("%v", err)
	}
	if n := l.servers["first"].sent.Load() + l.servers["second"].sent.Load(); n != 0 {
		t.Errorf("%d packets", n)
	}
}

// What one document's table has used up is not there for the next document's.
func TestPacketsOverDocuments(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10*time.Second, "first", "second")
	allowed := aaa.NoLimits()
	allowed[aaa.LimitPacketsPerRequest] = 3
	l.plan.Limits.Set(limits.Root("root", nil).Below(l.plan.Account, &allowed))
	for _, b := range l.servers {
		b.counts = true
	}
	for op := range l.plan.Routes {
		l.plan.Routes[op].Levels = append(l.plan.Routes[op].Levels, l.level)
	}
	if _, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn}); err == nil {
		t.Error("answered")
	}
	if n := l.servers["first"].sent.Load() + l.servers["second"].sent.Load(); n != 3 {
		t.Errorf("%d packets", n)
	}
}
