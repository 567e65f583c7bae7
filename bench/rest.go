package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// restClients is how many keep-alive connections load a gateway.
const restClients = 64

// generators load a gateway, each from a process of its own. wrk parses answers and runs where it is installed.
var generators = []struct {
	name  string
	found func() bool
	run   func(context.Context, load, string) (tally, error)
}{
	{"own", func() bool { return true }, func(ctx context.Context, l load, _ string) (tally, error) { return runOwn(ctx, l) }},
	{"wrk", func() bool { _, err := exec.LookPath("wrk"); return err == nil }, runWrk},
}

func runOwn(ctx context.Context, l load) (t tally, err error) {
	err = runSelf(ctx, l, &t, "http-load")
	return t, err
}

// measureREST compares the service at its default settings with the naive gateway in
// front of the same backend, with a handler that only echoes, and with another build of the service.
func measureREST(ctx context.Context, s settings, dir string) []row {
	fail := func(err error) []row { return []row{{name: "REST authn", err: err}} }
	responder, backend, err := startSelf(ctx, "responder")
	if err != nil {
		return fail(err)
	}
	defer responder.stop() //nolint:errcheck // it ends by our signal
	var gateways []*gateway
	defer func() {
		for _, g := range gateways {
			g.process.stop() //nolint:errcheck // it ends by our signal
		}
	}()
	binaries := []string{s.binary}
	if s.baseline != "" {
		binaries = append(binaries, s.baseline)
	}
	for i, binary := range binaries {
		g, err := startGateway(ctx, binary, filepath.Join(dir, fmt.Sprint("service", i)), backend)
		if err != nil {
			return fail(err)
		}
		gateways = append(gateways, g)
	}
	for _, peer := range []struct {
		kind, want string
		args       []string
	}{{"naive", accepted, []string{backend}}, {"echo", `"User-Name":"bob@example.com"`, nil}} {
		p, address, err := startSelf(ctx, append([]string{peer.kind}, peer.args...)...)
		if err != nil {
			return fail(err)
		}
		gateways = append(gateways, &gateway{name: peer.kind, process: p, load: load{Address: address, Want: peer.want, Requests: authnRequests(address, "bench", "")}})
	}
	var rows []row
	for _, generator := range generators {
		if !generator.found() {
			continue
		}
		contenders := make([]contender, len(gateways))
		for i, g := range gateways {
			g.Clients, g.Seconds = restClients, s.seconds
			g.generate = func(ctx context.Context, l load) (tally, error) { return generator.run(ctx, l, dir) }
			contenders[i] = contender{name: g.name, run: func() (float64, error) { return g.run(ctx) }}
			if _, err := g.run(ctx); err != nil { // connections, pools and caches are warm before it counts
				return append(rows, fail(err)...)
			}
			g.used, g.answered = 0, 0
		}
		rates, err := alternate(s.rounds, contenders...)
		if err != nil {
			return append(rows, fail(err)...)
		}
		rows = append(rows, restRows(generator.name, gateways, rates)...)
	}
	return rows
}

// restRows are the results of one generator. The first gateway is the service.
func restRows(generator string, gateways []*gateway, rates map[string][]float64) (rows []row) {
	service := gateways[0]
	for _, g := range gateways[1:] {
		name := "REST authn, load by " + generator + " / "
		detail := fmt.Sprintf("%.0f/s against %.0f/s", median(rates[service.name]), median(rates[g.name]))
		times := float64(service.perRequest()) / float64(g.perRequest())
		processor := fmt.Sprintf("processor time of a request %v against %v", service.perRequest(), g.perRequest())
		speed := row{name: name + g.name, format: "%.2f×", value: ratio(rates[service.name], rates[g.name]), detail: detail + "; " + processor}
		switch g.name {
		case "naive":
			speed.target = 2.2
			rows = append(rows, speed)
		case "echo":
			speed.target = 0.65
			rows = append(rows, speed, row{name: name + "echo, processor time", format: "%.2f×", value: times, target: 1.5, atMost: true, detail: processor})
		default: // another build
			rows = append(rows, row{name: name + g.name + ", requests a processor second", format: "%.2f×", value: 1 / times, target: 1.3, detail: detail + "; " + processor})
		}
	}
	return rows
}

// accepted is the text of an answer that let the user in.
const accepted = `"AAA-Result":"accept"`

// startGateway starts a build of the service with an account whose one server is the backend.
func startGateway(ctx context.Context, binary, dir, backend string, more ...string) (_ *gateway, err error) {
	svc, err := startService(ctx, binary, dir, more...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			svc.stop() //nolint:errcheck // it ends by our signal
		}
	}()
	account, err := svc.child(ctx, "bench")
	if err != nil {
		return nil, err
	}
	doc, err := tenantDocument(backend, 4*restClients)
	if err != nil {
		return nil, err
	}
	if err := svc.put(ctx, account, doc); err != nil {
		return nil, err
	}
	tokens, err := svc.tokens(ctx, account, restClients)
	if err != nil {
		return nil, err
	}
	l := load{Address: svc.address, Want: accepted, Requests: authnRequests(svc.address, account, tokens...)}
	return &gateway{name: filepath.Base(binary), process: svc.process, load: l}, nil
}

// gateway is an HTTP server under test.
type gateway struct {
	load
	name     string
	process  *process
	generate func(context.Context, load) (tally, error)
	used     time.Duration // processor time
	answered int
}

// run loads the gateway once; an answer that is not the expected one fails the run.
func (g *gateway) run(ctx context.Context) (float64, error) {
	before, err := g.process.processor()
	if err != nil {
		return 0, err
	}
	t, err := g.generate(ctx, g.load)
	if err != nil {
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
