package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// restarts is how often a front is killed, steady how long it lives before: main lets one that dies sooner wait, each time longer.
const (
	restarts = 3
	steady   = 11 * time.Second
)

// measureProcesses compares the service as processes with the same build as one process, two fronts with one, and tells what the
// processes cost beside: memory, and the time without a front after one dies.
func measureProcesses(ctx context.Context, s settings, dir string) []row {
	fail := func(err error) []row { return []row{{name: "processes", err: err}} }
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
	for _, form := range []struct {
		name  string
		flags []string
	}{{"processes", nil}, {"two fronts", []string{"--fronts=2"}}, {"one process", []string{"--isolation=none"}}} {
		g, err := startGateway(ctx, s.binary, filepath.Join(dir, strings.ReplaceAll(form.name, " ", "-")), backend, form.flags...)
		if err != nil {
			return fail(err)
		}
		g.name = form.name
		gateways = append(gateways, g)
	}
	rows, err := idleRows(gateways[0].process)
	if err != nil {
		return fail(err)
	}
	naive, address, err := startSelf(ctx, "naive", backend)
	if err != nil {
		return fail(err)
	}
	gateways = append(gateways, &gateway{name: "naive", process: naive, load: load{Address: address, Want: accepted, Requests: authnRequests(address, "bench", "")}})
	rates, err := loadAll(ctx, s, gateways)
	if err != nil {
		return append(rows, fail(err)...)
	}
	rows = append(rows, processRows(gateways, rates)...)
	calls, err := lineRows(ctx, s.rounds)
	if err != nil {
		return append(rows, fail(err)...)
	}
	rows = append(rows, calls...)
	again, err := restartRow(ctx, gateways[0])
	if err != nil {
		return append(rows, fail(err)...)
	}
	return append(rows, again)
}

// loadAll loads each gateway once for warmth, and then in turn.
func loadAll(ctx context.Context, s settings, gateways []*gateway) (map[string][]float64, error) {
	contenders := make([]contender, len(gateways))
	for i, g := range gateways {
		g.Clients, g.Seconds, g.generate = restClients, s.seconds, runOwn
		contenders[i] = contender{name: g.name, run: func() (float64, error) { return g.run(ctx) }}
		if _, err := g.run(ctx); err != nil {
			return nil, err
		}
		g.used, g.answered = 0, 0
	}
	return alternate(s.rounds, contenders...)
}

// processRows are the ratios of the load. The gateways are processes, two fronts, one process and naive, in this order.
func processRows(list []*gateway, rates map[string][]float64) []row {
	apart, two, one, naive := list[0], list[1], list[2], list[3]
	compare := func(name string, value, target float64, a, b *gateway) row {
		return row{
			name: name, format: "%.2f×", value: value, target: target,
			detail: fmt.Sprintf("%.0f/s against %.0f/s; processor time of a request %v against %v",
				median(rates[a.name]), median(rates[b.name]), a.perRequest(), b.perRequest()),
		}
	}
	return []row{
		compare("processes / one process, requests a processor second", float64(one.perRequest())/float64(apart.perRequest()), 0.85, apart, one),
		compare("processes / naive gateway", ratio(rates[apart.name], rates[naive.name]), 1.8, apart, naive),
		compare("two fronts / one front", ratio(rates[two.name], rates[apart.name]), 1, two, apart),
	}
}

// Roles of the service's processes, as their command lines name them.
const (
	roleMain  = "serve"
	roleFront = "process-front"
)

// withRole finds the process of a service that has a role.
func (p *process) withRole(role string) (int, error) {
	pids, err := family(p.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		line, err := os.ReadFile(procFile(pid, "cmdline"))
		if err != nil {
			continue // it ended meanwhile
		}
		if words := strings.Split(string(line), "\x00"); len(words) > 1 && words[1] == role {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("no process of the service is its %s", role)
}

// idleRows are the memory of a front and of main before any load.
func idleRows(p *process) (rows []row, err error) {
	for _, want := range []struct {
		role string
		most float64
	}{{roleFront, 40}, {roleMain, 25}} {
		pid, err := p.withRole(want.role)
		if err != nil {
			return nil, err
		}
		n, err := shareOf(pid)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{
			name: "memory of the idle process " + strings.TrimPrefix(want.role, "process-"), format: "%.1f MiB", value: float64(n) / (1 << 20), target: want.most, atMost: true,
			detail: "its share of resident pages (PSS): one that processes have together is counted once",
		})
	}
	return rows, nil
}

// restartRow kills the front and waits until the next one answers.
func restartRow(ctx context.Context, g *gateway) (row, error) {
	var took []float64
	for range restarts {
		time.Sleep(steady)
		old, err := g.process.withRole(roleFront)
		if err != nil {
			return row{}, err
		}
		if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
			return row{}, err
		}
		begun := time.Now()
		for !answers(ctx, g.Address) {
			if time.Since(begun) > 10*time.Second {
				return row{}, errors.New("no front has answered for 10 s after one was killed")
			}
			time.Sleep(time.Millisecond) // there is nothing to wait on: the process is another's
		}
		took = append(took, time.Since(begun).Seconds()*1e3)
	}
	return row{
		name: "front killed, until the next one answers", format: "%.0f ms", value: median(took), target: 200, atMost: true,
		detail: fmt.Sprintf("median of %d", restarts),
	}, nil
}

// answers tells whether a new connection is answered.
func answers(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		return false
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
