package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// restClients is how many keep-alive connections load a gateway.
const restClients = 64

// measureREST compares the service with the naive gateway in front of the same
// backend, and with a handler that only echoes.
func measureREST(ctx context.Context, s settings, dir string) []row {
	rows := []row{
		{name: "REST authn, 64 clients / naive gateway", format: "%.2f×", target: 2},
		{name: "REST authn, 64 clients / chi echo", format: "%.2f×", target: 0.6},
	}
	fail := func(err error) []row {
		for i := range rows {
			rows[i].err = err
		}
		return rows
	}
	responder, backend, err := startSelf(ctx, "responder")
	if err != nil {
		return fail(err)
	}
	defer responder.stop() //nolint:errcheck // it ends by our signal
	naive, naiveAddress, err := startSelf(ctx, "naive", backend)
	if err != nil {
		return fail(err)
	}
	defer naive.stop() //nolint:errcheck // it ends by our signal
	echo, echoAddress, err := startSelf(ctx, "echo")
	if err != nil {
		return fail(err)
	}
	defer echo.stop() //nolint:errcheck // it ends by our signal
	svc, err := startService(ctx, s.binary, dir)
	if err != nil {
		return fail(err)
	}
	defer svc.stop() //nolint:errcheck // it ends by our signal
	account, err := svc.child(ctx, "bench")
	if err != nil {
		return fail(err)
	}
	doc, err := tenantDocument(backend, 4*restClients)
	if err != nil {
		return fail(err)
	}
	if err := svc.put(ctx, account, doc); err != nil {
		return fail(err)
	}

	tokens, err := svc.tokens(ctx, account, restClients)
	if err != nil {
		return fail(err)
	}

	const accepted = `"AAA-Result":"accept"`
	gateways := []*gateway{
		{process: svc.process, load: load{Address: svc.address, Want: accepted, Requests: authnRequests(svc.address, account, tokens...)}},
		{process: naive, load: load{Address: naiveAddress, Want: accepted, Requests: authnRequests(naiveAddress, account, "")}},
		{process: echo, load: load{Address: echoAddress, Want: `"User-Name":"bob@example.com"`, Requests: authnRequests(echoAddress, account, "")}},
	}
	contenders := []contender{{name: "service"}, {name: "naive"}, {name: "echo"}}
	for i, g := range gateways {
		g.Clients, g.Seconds = restClients, s.seconds
		contenders[i].run = func() (float64, error) { return g.run(ctx) }
		if _, err := g.run(ctx); err != nil { // connections, pools and caches are warm before it counts
			return fail(err)
		}
		g.used, g.answered = 0, 0
	}
	rates, err := alternate(s.rounds, contenders...)
	if err != nil {
		return fail(err)
	}
	for i, other := range []string{"naive", "echo"} {
		rows[i].value = ratio(rates["service"], rates[other])
		rows[i].detail = fmt.Sprintf("%.0f/s against %.0f/s; processor time of a request %v against %v",
			median(rates["service"]), median(rates[other]), gateways[0].perRequest(), gateways[i+1].perRequest())
	}
	return rows
}

// gateway is an HTTP server under test.
type gateway struct {
	load
	process  *process
	used     time.Duration // processor time
	answered int
}

// run loads the gateway once, from a process of its own; an answer that is not the expected one fails the run.
func (g *gateway) run(ctx context.Context) (float64, error) {
	before, err := g.process.processor()
	if err != nil {
		return 0, err
	}
	var t tally
	if err := runSelf(ctx, g.load, &t, "http-load"); err != nil {
		return 0, err
	}
	if t.Bad > 0 {
		return 0, fmt.Errorf("%d of %d answers were bad, the first: %s", t.Bad, t.Requests, strings.TrimSpace(t.FirstBad))
	}
	after, err := g.process.processor()
	g.used += after - before
	g.answered += t.Requests
	return t.rate(), err
}

// perRequest is the processor time of one request, which other work on the machine disturbs less than a rate.
func (g *gateway) perRequest() time.Duration {
	return (g.used / time.Duration(max(g.answered, 1))).Round(100 * time.Nanosecond)
}
