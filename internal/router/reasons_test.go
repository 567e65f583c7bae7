package router_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// TestReasonsNameServers: the error of a request without an answer says of each server why, and shows no address.
func TestReasonsNameServers(t *testing.T) {
	t.Parallel()
	const address = "192.0.2.77:1812"
	dial := func(err error) error {
		return &net.OpError{Op: "read", Net: "udp", Err: fmt.Errorf("%s: %w", address, err)}
	}
	for _, c := range []struct {
		failures []*engines.Failure
		want     string
	}{
		{[]*engines.Failure{{Reason: engines.NoAnswer, Attempts: 4, Err: errors.New(address)}}, "no AAA server answered: s0: silent, 4 attempts (a wrong secret looks the same)"},
		{[]*engines.Failure{{Reason: engines.NoAnswer}}, "no AAA server answered: s0: silent"},
		{
			[]*engines.Failure{{Reason: engines.Unreachable, Attempts: 1, Err: dial(syscall.ECONNREFUSED)}, {Reason: engines.Unreachable, Err: dial(&net.DNSError{Name: "radius.inside.example", Server: address})}},
			"no AAA server answered: s0: connection refused, 1 attempt; s1: its name does not resolve",
		},
		{
			[]*engines.Failure{{Reason: engines.BadReply, Attempts: 2, Err: fmt.Errorf("%s: %w", address, engines.ErrUnverified)}, {Reason: engines.NoAnswer, Attempts: 1}},
			"check the shared secret (s0: replies that do not verify under the shared secret, 2 attempts; s1: silent, 1 attempt (a wrong secret looks the same))",
		},
		{
			[]*engines.Failure{{Reason: engines.ServerError, Attempts: 1, Err: errors.New(address)}, {Reason: engines.NoEngine}, {Reason: engines.Unreachable, Err: dial(syscall.EHOSTUNREACH)}},
			"no AAA server answered: s0: answered with an error of its own, 1 attempt; s1: engine not available; s2: unreachable",
		},
	} {
		names := make([]string, len(c.failures))
		for i := range names {
			names[i] = fmt.Sprintf("s%d", i)
		}
		l := newLab(t, 10*time.Second, names...)
		for i, f := range c.failures {
			l.servers[names[i]].err = f
			l.level.Server(names[i]).Address = address
		}
		_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
		message := ""
		var e *aaa.Error
		if errors.As(err, &e) {
			message = e.Message
		}
		if !strings.HasSuffix(message, c.want) || strings.Contains(message, "192.0.2") || strings.Contains(message, "example") {
			t.Errorf("%v:\n%q, want …%q", c.failures, message, c.want)
		}
	}
}

// TestReasonsAreBounded: an error names eight servers, each once, and says which are an ancestor's.
func TestReasonsAreBounded(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("s%02d", i))
	}
	l := newLab(t, 10*time.Second, names...)
	parent := *l.level
	parent.Account = "ffffffffffffffffffffffffffffffff"
	l.level.Mode = aaa.ModeInherit
	for op := range l.level.Lists {
		l.level.Lists[op], parent.Lists[op] = l.level.Servers[:1], l.level.Servers[1:]
		l.plan.Routes[op].Levels = append(l.plan.Routes[op].Levels, &parent)
	}
	_, err := l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	message := fmt.Sprint(err)
	if !strings.Contains(message, "s00: silent") || strings.Contains(message, "s00 (inh") || !strings.Contains(message, "s07 (inherited): silent") ||
		strings.Contains(message, "s08") || !strings.HasSuffix(message, "; and others") {
		t.Errorf("%s", message)
	}
	l.quiet()

	l = newLab(t, 10*time.Second, "a")
	l.use("Start:\n\t*.+AUTHEN.ACK AUTHENTICATE One\nOne:\n\t*.AUTHENTICATE.ERROR AUTHENTICATE Two\nTwo:\n\t*.AUTHENTICATE.ERROR REPLY End\nEnd:\n")
	_, err = l.ask(t.Context(), &aaa.Request{Op: aaa.Authn})
	if message := fmt.Sprint(err); !strings.Contains(message, "answered: a: silent, 2 attempts (") {
		t.Errorf("asked twice: %s", message)
	}
	var e *aaa.Error
	if !errors.As(err, &e) || e.Server != "a" {
		t.Errorf("the error names %q as the server that was asked last", e.Server)
	}
}
