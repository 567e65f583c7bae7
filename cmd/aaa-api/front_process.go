package main

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/backoff"
	"aaa-api/internal/httpapi"
	"aaa-api/internal/line"
	"aaa-api/internal/operations"
	"aaa-api/internal/processes"
)

// front is the process of a front: it serves HTTP until main tells it to stop.
func (c *child) front() error {
	var set frontStart
	if err := c.start.Decode(&set); err != nil {
		return err
	}
	tune(set.Environment, set.Settings.Memory)
	runtime.GOMAXPROCS(set.Processors)
	http := min(set.HTTP, len(c.start.Files))
	at, err := socketsOf(c.start.Files[:http])
	if err != nil {
		return err
	}
	if at.devices, err = deviceSocketsOf(set.Devices, c.start.Files[http:]); err != nil {
		return err
	}
	for _, f := range c.start.Files {
		f.Close() //nolint:errcheck,gosec // the listeners are copies
	}
	registry := prometheus.NewRegistry()
	numbers, err := newProcessNumbers()
	if err != nil {
		return err
	}
	registry.MustRegister(collectors.NewGoCollector(), numbers)
	lacks, err := confineFront(set.Settings.Memory)
	if err != nil {
		return err
	}
	to := &trunk{cut: make(chan error, 1)}
	budget := admission.NewBudget(admission.OctetsFor(set.Settings.Memory), registry)
	f := newFront(&set.Settings, at, to, c.lines, registry, budget, func(o *httpapi.Options) {
		o.Apart, o.Own, o.Lacks = true, registry, lacks.lines()
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if c.first { // the others lack the same
		lacks.warn(ctx, f.log)
	}
	go tuneGC(ctx, frontHeadroom)
	go watchMemory(ctx, set.Settings.Memory, budget)
	go f.reportMetrics(ctx)
	said := c.messages()
	for {
		select {
		case err := <-f.failed:
			return err
		case err := <-to.cut:
			return err
		case m := <-said:
			switch m.Kind {
			case processes.Line:
				err = to.connect(m, f)
			case processes.Serve:
				if err = f.followCertificate(ctx); err == nil {
					f.start()
					err = c.Send(processes.Ready, struct{}{})
				}
			case processes.Reload:
				f.reload(ctx)
			case processes.Stop:
				within, err := until(m)
				if err != nil {
					return err
				}
				finish, end := context.WithTimeout(context.Background(), within)
				defer end()
				return f.stop(finish, within)
			}
			if err != nil {
				return err
			}
		}
	}
}

// reportEvery is how old a front's metrics may be where another one is asked for those of the node.
const reportEvery = 5 * time.Second

// reportMetrics hands over what the front counted, until ctx ends. What a front that is killed has counted since is lost.
func (f *front) reportMetrics(ctx context.Context) {
	for backoff.Sleep(ctx, reportEvery) == nil {
		if err := f.api.ReportMetrics(ctx); err != nil && ctx.Err() == nil && aaa.KindOf(err) != aaa.KindUnavailable {
			f.log.WarnContext(ctx, "the metrics of the front are not taken", "error", err)
		}
	}
}

// processorsOf is how many of the machine's processors a front uses at once: all if it is the only one, else its share. A runtime
// that has all of them wakes threads up to look for work where there is none: two fronts on two processors take 15 % less of their time
// for a request with one each.
func processorsOf(all, fronts int) int { return max(1, (all+fronts-1)/fronts) }

// trunk is a front's way to the security module: two lines, so that large calls don't delay small ones. They are made anew with the
// security module.
type trunk struct {
	lines atomic.Pointer[lines]
	cut   chan error // why this end cut a line: the process then ends, to be started anew
}

type lines struct{ calls, bulk *line.Conn }

// connect takes new lines in the place of those before.
func (t *trunk) connect(m *processes.Message, f *front) error {
	ends, err := lineEnds(m)
	if err != nil {
		return err
	}
	o := line.Options{Log: f.log, Peer: "security module", NameOf: operations.NameOf}
	now := &lines{calls: line.New(ends[0], callsOnly(o)), bulk: line.New(ends[1], o)}
	before := t.lines.Swap(now)
	for _, conn := range []*line.Conn{now.calls, now.bulk} {
		go func() {
			if conn.Wait(); conn.Cut() {
				select {
				case t.cut <- conn.Err():
				default:
				}
			}
		}()
	}
	if before != nil {
		before.calls.Close()
		before.bulk.Close()
	}
	return nil
}

// callsOnly are the options of either end of the line of AAA requests. What a request becomes in memory is a multiple of its octets, so
// they are few; the calls are many, as slow servers of some tenants must not take the calls of all.
func callsOnly(o line.Options) line.Options {
	o.MaxRequest, o.Calls = 1<<20, 1<<16
	return o
}

// Call implements line.Caller.
func (t *trunk) Call(ctx context.Context, operation uint16, from *line.From, request, answer any) error {
	l := t.lines.Load()
	if l == nil {
		return line.Away()
	}
	if !operations.Hot(operation) {
		return l.bulk.Call(ctx, operation, from, request, answer)
	}
	return l.calls.Call(ctx, operation, from, request, answer)
}
