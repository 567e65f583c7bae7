package main

import (
	"context"
	"fmt"
	"strings"
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
	contenders := []contender{
		{"service", httpContender(ctx, s, svc.address, authnRequests(svc.address, account, tokens...), accepted)},
		{"naive", httpContender(ctx, s, naiveAddress, authnRequests(naiveAddress, account, ""), accepted)},
		{"echo", httpContender(ctx, s, echoAddress, authnRequests(echoAddress, account, ""), `"User-Name":"bob@example.com"`)},
	}
	for _, c := range contenders { // connections, pools and caches are warm before it counts
		if _, err := c.run(); err != nil {
			return fail(err)
		}
	}
	rates, err := alternate(s.rounds, contenders...)
	if err != nil {
		return fail(err)
	}
	service := median(rates["service"])
	rows[0].value = ratio(rates["service"], rates["naive"])
	rows[0].detail = fmt.Sprintf("%.0f/s against %.0f/s", service, median(rates["naive"]))
	rows[1].value = ratio(rates["service"], rates["echo"])
	rows[1].detail = fmt.Sprintf("%.0f/s against %.0f/s", service, median(rates["echo"]))
	return rows
}

// httpContender loads one gateway from a process of its own; an answer that is not the expected one fails the run.
func httpContender(ctx context.Context, s settings, address string, requests [][]byte, want string) func() (float64, error) {
	l := load{Address: address, Clients: restClients, Seconds: s.seconds, Want: want, Requests: requests}
	return func() (float64, error) {
		var t tally
		if err := runSelf(ctx, l, &t, "http-load"); err != nil {
			return 0, err
		}
		if t.Bad > 0 {
			return 0, fmt.Errorf("%d of %d answers were bad, the first: %s", t.Bad, t.Requests, strings.TrimSpace(t.FirstBad))
		}
		return t.rate(), nil
	}
}
