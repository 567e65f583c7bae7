package router_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/plans"
)

// TestPlaceIsHeldToTheEnd: a request that left one document with something pending holds its place of the pool while it
// is at the next document's server, though what it left has ended.
func TestPlaceIsHeldToTheEnd(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10*time.Second, "quick", "slow", "next")
	l.use("Start:\n\t*.+AUTHEN.ACK RAD2RAD Both Xvalue=1 Xstring=authentication\nBoth:\n\t*.RAD2RAD.ERROR REPLY Hold\nHold:\n\t*.RAD2RAD.ACK NULL End\n\t*.*.TIMEOUT NULL End\nEnd:\n")
	l.level.Lists[aaa.Authn] = l.level.Servers[:2]
	second := &plans.CompiledDocument{Account: "ffffffffffffffffffffffffffffffff", Mode: aaa.ModeOn, Seldom: &plans.Seldom{}}
	second.Lists[aaa.Authn], second.Servers = l.level.Servers[2:], l.level.Servers[2:]
	l.plan.Routes[aaa.Authn].Levels = append(l.plan.Routes[aaa.Authn].Levels, second)

	leave, there, answer := make(chan struct{}), make(chan struct{}), make(chan struct{})
	l.play("slow", func(ctx context.Context) (*engines.Reply, error) { <-leave; return accepts(ctx) })
	l.play("next", func(ctx context.Context) (*engines.Reply, error) {
		close(there)
		<-answer
		return accepts(ctx)
	})
	var res *aaa.Result
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		res, err = l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	}()
	<-there
	close(leave)
	if err := l.router.Wait(t.Context()); err != nil { // what the first document left has ended
		t.Fatal(err)
	}
	if running, _ := l.plan.Pool.Depth(); running != 1 {
		t.Errorf("%d places are taken while the request is at a server", running)
	}
	close(answer)
	<-done
	if err != nil || res.Server != "next" {
		t.Errorf("%+v, %v", res, err)
	}
	l.quiet()
}

// TestCancelledWorkHoldsThePlace: what does not see at once that it is cancelled holds the place until it ends.
func TestCancelledWorkHoldsThePlace(t *testing.T) {
	t.Parallel()
	l := newLab(t, 10*time.Second, "fast", "stubborn")
	l.use(race)
	begun, end := make(chan struct{}), make(chan struct{})
	l.play("fast", func(ctx context.Context) (*engines.Reply, error) { <-begun; return accepts(ctx) })
	l.play("stubborn", func(ctx context.Context) (*engines.Reply, error) { close(begun); <-end; return nil, ctx.Err() })
	res, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	if err != nil || res.Server != "fast" {
		t.Fatalf("%+v, %v", res, err)
	}
	for range 1000 { // what is left of the request may give the place back at any time
		runtime.Gosched()
		if running, _ := l.plan.Pool.Depth(); running != 1 {
			t.Fatalf("%d places are taken while a server is still at work", running)
		}
	}
	close(end)
	l.quiet()
}
