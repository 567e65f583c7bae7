package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"aaa-api/internal/aaa"
	"aaa-api/internal/radius"
	"aaa-api/internal/secmod"
	"aaa-api/internal/spool"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
)

const (
	addedRate = 2_000                 // records a second of the measurement of what durability adds
	billTime  = 10 * time.Millisecond // that the accounting server takes for an answer
	backlog   = 30_000                // records that wait for it

	waitingRecords = 1_000_000
)

// billing is an accounting server that answers after billTime, or not at all.
type billing struct {
	conn   *net.UDPConn
	key    *radius.Key
	silent atomic.Bool

	mu    sync.Mutex
	taken []time.Time
}

func startBilling() (*billing, error) {
	conn, err := listenResponder(false)
	if err != nil {
		return nil, err
	}
	b := &billing{conn: conn, key: radius.NewKey([]byte(backendSecret))}
	go b.serve()
	return b, nil
}

func (b *billing) serve() {
	buf := make([]byte, radius.MaxPacket)
	for {
		n, from, err := b.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return // closed
		}
		reply, ok := respond(nil, buf[:n], b.key)
		if !ok || b.silent.Load() {
			continue
		}
		time.AfterFunc(billTime, func() {
			if radius.Code(reply[0]) == radius.AccountingResponse {
				b.mu.Lock()
				b.taken = append(b.taken, time.Now())
				b.mu.Unlock()
			}
			_, _ = b.conn.WriteToUDPAddrPort(reply, from) // the client asks again
		})
	}
}

func (b *billing) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.taken)
}

// measureDelivered lets records wait for a silent server, and measures when the first of them comes once it answers, and how fast they go.
func measureDelivered(ctx context.Context, s settings, dir string) []row {
	rows := []row{
		{name: fmt.Sprintf("records delivered a second, server answers after %v", billTime), format: "%.0f", target: 5_000},
		{name: "first record after its server is back", format: "%.2f s", target: 1, atMost: true},
	}
	err := delivered(ctx, s, dir, rows)
	for i := range rows {
		rows[i].err = err
	}
	return rows
}

func delivered(ctx context.Context, s settings, dir string, rows []row) error {
	b, err := startBilling()
	if err != nil {
		return err
	}
	defer b.conn.Close()
	p, err := startSpooling(ctx, s, dir, b.conn.LocalAddr().String(), "stored")
	if err != nil {
		return err
	}
	defer func() { _ = p.svc.stop() }() // it ends by our signal
	// The server was heard once: a server that was never heard is asked ever more rarely.
	one := map[string]any{"User-Name": "bob", "Acct-Status-Type": "Start", "Acct-Session-Id": "first"}
	if err := p.svc.call(ctx, http.MethodPost, "/v2/accounts/"+p.account+"/aaa/accounting", one, nil); err != nil {
		return err
	}
	for b.count() == 0 {
		time.Sleep(time.Millisecond) // the record is another process's to send
	}
	b.silent.Store(true)
	for i := range backlog / batchLines {
		if _, err := p.batch(ctx, p.tokens[0], accountingLines(fmt.Sprint("back", i))); err != nil {
			return err
		}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(10 * time.Second): // past the server's last sign of life
	}
	before, err := p.svc.processor()
	if err != nil {
		return err
	}
	b.silent.Store(false)
	back := time.Now()
	for b.count() < backlog && time.Since(back) < 2*time.Minute && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond) // the records are another process's to send
	}
	after, err := p.svc.processor()
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.taken) < backlog {
		return fmt.Errorf("of %d records %d were delivered in %v", backlog, len(b.taken), time.Since(back))
	}
	from, to := b.taken[backlog/10], b.taken[backlog*9/10]
	rows[0].value = float64(backlog*8/10) / to.Sub(from).Seconds()
	rows[0].detail = fmt.Sprintf("%d records in %.1f s; the service's processor %.0f µs a record", backlog, b.taken[backlog-1].Sub(back).Seconds(), (after-before).Seconds()*1e6/backlog)
	rows[1].value = b.taken[1].Sub(back).Seconds()
	rows[1].detail = fmt.Sprintf("of %d that wait", backlog)
	return nil
}

// measureAdded compares the latencies of accounting requests, which are stored before they are sent, with those of requests that are not.
func measureAdded(ctx context.Context, s settings, dir string) row {
	r := row{name: fmt.Sprintf("added to an answer's p99 by durability, %d records a second", addedRate), format: "%.1f ms", target: 10, atMost: true}
	r.value, r.detail, r.err = addedByDurability(ctx, s, dir)
	return r
}

func addedByDurability(ctx context.Context, s settings, dir string) (ms float64, detail string, err error) {
	responder, backend, err := startSelf(ctx, "responder")
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = responder.stop() }()
	p, err := startSpooling(ctx, s, dir, backend, "answered")
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = p.svc.stop() }() // both end by our signal
	lists := map[string][]time.Duration{}
	for round := range 2 * s.rounds {
		op := []string{"accounting", "authz"}[round%2]
		list, err := p.paced(ctx, op, fmt.Sprint("added", round), time.Duration(s.seconds*float64(time.Second)))
		if err != nil {
			return 0, "", err
		}
		lists[op] = append(lists[op], list...)
	}
	for _, list := range lists {
		slices.Sort(list)
	}
	with, without := lists["accounting"], lists["authz"]
	return float64(part(with, 99)-part(without, 99)) / float64(time.Millisecond),
		fmt.Sprintf("p50 %v → %v, p99 %v → %v, SQLite", part(without, 50), part(with, 50), part(without, 99), part(with, 99)), nil
}

// paced sends requests at addedRate, whatever becomes of them, and returns how long each took.
func (p *spooling) paced(ctx context.Context, op, name string, long time.Duration) ([]time.Duration, error) {
	const callers = 64
	var list []time.Duration
	var mu sync.Mutex
	g, gctx := errgroup.WithContext(ctx)
	due := make(chan int)
	g.Go(func() error {
		defer close(due)
		begun := time.Now()
		for n := 0; time.Since(begun) < long; n++ {
			if wait := time.Until(begun.Add(time.Duration(n) * time.Second / addedRate)); wait > 0 {
				time.Sleep(wait)
			}
			select {
			case due <- n:
			case <-gctx.Done():
				return nil
			}
		}
		return nil
	})
	for c := range callers {
		caller := *p.svc
		caller.token = p.tokens[c%len(p.tokens)]
		g.Go(func() error {
			for n := range due {
				begun := time.Now()
				err := caller.call(gctx, http.MethodPost, "/v2/accounts/"+p.account+"/aaa/"+op, map[string]any{
					"User-Name": "bob", "Acct-Status-Type": "Start", "Acct-Session-Id": fmt.Sprint(name, "-", n),
				}, nil)
				if err != nil {
					return err
				}
				mu.Lock()
				list = append(list, time.Since(begun))
				mu.Unlock()
			}
			return nil
		})
	}
	err := g.Wait()
	return list, err
}

// measureWaiting starts a service whose store holds very many records.
func measureWaiting(ctx context.Context, s settings, dir string) []row {
	rows := []row{
		{name: fmt.Sprintf("memory of %d waiting records", waitingRecords), format: "%.0f MiB", target: 50, atMost: true},
		{name: fmt.Sprintf("start with %d waiting records", waitingRecords), format: "%.2f s", target: 2, atMost: true},
	}
	err := waiting(ctx, s, dir, rows)
	for i := range rows {
		rows[i].err = err
	}
	return rows
}

func waiting(ctx context.Context, s settings, dir string, rows []row) error {
	resident := func() (int64, time.Duration, error) {
		svc, err := startService(ctx, s.binary, dir)
		if err != nil {
			return 0, 0, err
		}
		time.Sleep(5 * time.Second) // it looks at what waits
		octets, err := svc.resident()
		_ = svc.stop() // it ends by our signal
		return octets, svc.started, err
	}
	p, err := startSpooling(ctx, s, dir, silence, "stored")
	if err != nil {
		return err
	}
	_ = p.svc.stop()
	empty, _, err := resident()
	if err != nil {
		return err
	}
	if err := fillSpool(ctx, filepath.Join(dir, dataDir), aaa.AccountID(p.account)); err != nil {
		return err
	}
	full, started, err := resident()
	if err != nil {
		return err
	}
	rows[0].value, rows[0].detail = float64(full-empty)/(1<<20), fmt.Sprintf("%d MiB without any", empty>>20)
	rows[1].value, rows[1].detail = started.Seconds(), "SQLite"
	return nil
}

// fillSpool stores records as the service does.
func fillSpool(ctx context.Context, data string, account aaa.AccountID) error {
	kek, err := secmod.LoadKeyFile(filepath.Join(data, "secret.key"))
	if err != nil {
		return err
	}
	db, err := sqlite.Open(ctx, filepath.Join(data, "aaa-api.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	vault := secmod.New(kek, db.Keys())
	const group = 512
	now := time.Now().UTC().Truncate(time.Microsecond)
	list := make([]store.SpoolRecord, 0, group)
	for n := range waitingRecords {
		one, err := spool.Sealed(ctx, vault, &spool.Record{
			ID: fmt.Sprintf("%032x", n+1), Account: account, Kind: store.SpoolStart, Session: fmt.Sprint(n), AcctSessionID: fmt.Sprint(n), EventAt: now, Keep: 24 * time.Hour,
			Body: spool.Body{RequestID: "bench", Values: aaa.Values{"User-Name": "bob", "Acct-Status-Type": "Start", "Acct-Session-Id": fmt.Sprint(n)}},
		}, now)
		if err != nil {
			return err
		}
		if list = append(list, one); len(list) == group || n == waitingRecords-1 {
			if _, err := db.Spool().Append(ctx, list); err != nil {
				return err
			}
			list = list[:0]
		}
	}
	return nil
}
