package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"aaa-api/internal/store/pgtest"
)

// batchCallers is how many calls send records at once.
const batchCallers = 4

// measureSpool measures how fast accounting records are taken and delivered.
func measureSpool(ctx context.Context, s settings, dir string) []row {
	rows := acknowledgedOnPostgres(ctx, s, dir+"/postgres")
	rows = append(rows, acknowledgedOnSQLite(ctx, s, dir+"/sqlite"))
	rows = append(rows, measureAdded(ctx, s, dir+"/added"))
	rows = append(rows, measureDelivered(ctx, s, dir+"/delivered")...)
	return append(rows, measureWaiting(ctx, s, dir+"/waiting")...)
}

// spooling is a service with an account whose records are taken before they are delivered.
type spooling struct {
	svc     *service
	account string
	tokens  []string
}

// startSpooling starts a service with an account whose accounting server is at backend.
func startSpooling(ctx context.Context, s settings, dir, backend, delivery string, flags ...string) (*spooling, error) {
	svc, err := startService(ctx, s.binary, dir, flags...)
	if err != nil {
		return nil, err
	}
	p := &spooling{svc: svc}
	if err := p.prepare(ctx, backend, delivery); err != nil {
		return nil, errors.Join(err, svc.stop())
	}
	return p, nil
}

func (p *spooling) prepare(ctx context.Context, backend, delivery string) (err error) {
	if p.account, err = p.svc.child(ctx, "spool"); err != nil {
		return err
	}
	if err := p.svc.call(ctx, http.MethodPatch, "/v2/accounts/"+p.account, map[string]any{
		"limits": map[string]any{"requests_per_second": 10_000_000, "spool_records": 100_000_000, "spool_octets": 1 << 36, "body_octets": 1 << 28},
	}, nil); err != nil {
		return err
	}
	doc, err := tenantDocument(backend, 64)
	if err != nil {
		return err
	}
	var rules []any
	for _, name := range []string{"User-Name", "Acct-Status-Type", "Acct-Session-Id", "Acct-Output-Octets"} {
		rules = append(rules, map[string]any{"request_key": name, "attribute": name, "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$"})
	}
	doc["accounting_avp_translation"], doc["accounting_delivery"] = rules, delivery
	if err := p.svc.put(ctx, p.account, doc); err != nil {
		return err
	}
	p.tokens, err = p.svc.tokens(ctx, p.account, batchCallers)
	return err
}

// accountingLines are the lines of one call, each a Start of a session of its own.
func accountingLines(call string) string {
	var b strings.Builder
	for i := range batchLines {
		fmt.Fprintf(&b, `{"id":"%d","op":"accounting","data":{"User-Name":"bob@example.com","Acct-Status-Type":"Start","Acct-Session-Id":"%s-%d","Acct-Output-Octets":"4711"}}`+"\n", i, call, i)
	}
	return b.String()
}

// batch sends lines in one call and returns how many of the answers are good.
func (p *spooling) batch(ctx context.Context, token, lines string) (int, error) {
	var t tally
	err := t.batch(ctx, "http://"+p.svc.address+"/v2/accounts/"+p.account+"/aaa/batch?accept=stored", token, lines, storedAnswer)
	good := t.Requests - t.Bad
	if err == nil && t.Bad > 0 {
		err = fmt.Errorf("of %d answers %d are good, a bad one: %.300s", t.Requests, good, t.FirstBad)
	}
	return good, err
}

// storedAnswer is the text of an answer that a record is taken.
const storedAnswer = `"AAA-Result":"stored"`

// batches sends calls by several callers for a time, and returns the answers a second.
func (p *spooling) batches(ctx context.Context, long time.Duration) (rate float64, err error) {
	var answered, calls atomic.Int64
	begun := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	for _, token := range p.tokens {
		g.Go(func() error {
			for time.Since(begun) < long {
				n, err := p.batch(gctx, token, accountingLines("b"+strconv.FormatInt(calls.Add(1), 10)+strconv.FormatInt(begun.UnixNano(), 36)))
				answered.Add(int64(n))
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = g.Wait()
	return float64(answered.Load()) / time.Since(begun).Seconds(), err
}

// silence is an address at which nobody answers: delivery takes nothing of the machine from what is measured.
const silence = "127.0.0.1:9"

// acknowledgedOnPostgres measures records taken through batches on PostgreSQL, beside single inserts, and in the journal while PostgreSQL is away.
func acknowledgedOnPostgres(ctx context.Context, s settings, dir string) []row {
	rows := []row{
		{name: "records taken a second by batch, PostgreSQL", format: "%.0f", target: 20_000},
		{name: "records taken by batch / single autocommit inserts, PostgreSQL", format: "%.1f×", target: 4},
		{name: "records taken a second while PostgreSQL is away", format: "%.0f", target: 20_000},
	}
	fail := func(err error) []row {
		for i := range rows {
			if rows[i].value == 0 {
				rows[i].err = err
			}
		}
		return rows
	}
	cluster, err := pgtest.StartCluster("fsync=on", "full_page_writes=on", "synchronous_commit=on")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = cluster.Remove() }() // its files are temporary
	p, err := startSpooling(ctx, s, dir, silence, "stored", "--database-url", cluster.URL("postgres"))
	if err != nil {
		return fail(err)
	}
	defer func() { _ = p.svc.stop() }() // it ends by our signal
	took := time.Duration(s.seconds * float64(time.Second))
	var used time.Duration
	rates, err := alternate(s.rounds,
		contender{"batch", func() (float64, error) {
			before, err := p.svc.processor()
			if err != nil {
				return 0, err
			}
			rate, err := p.batches(ctx, took)
			if err != nil {
				return 0, err
			}
			after, err := p.svc.processor()
			used += after - before
			return rate, err
		}},
		contender{"single", func() (float64, error) { return singleInserts(ctx, cluster.URL("postgres"), took) }},
	)
	if err != nil {
		return fail(err)
	}
	rows[0].value, rows[1].value = median(rates["batch"]), ratio(rates["batch"], rates["single"])
	total := 0.0
	for _, r := range rates["batch"] {
		total += r * s.seconds
	}
	rows[0].detail = fmt.Sprintf("%d callers of %d lines; the service's processor %.1f µs a record", batchCallers, batchLines, used.Seconds()*1e6/total)
	rows[1].detail = fmt.Sprintf("%.0f single inserts a second, %d connections, synchronous_commit=on", median(rates["single"]), batchCallers)
	if err := cluster.Stop(); err != nil {
		return fail(err)
	}
	if _, err := p.batches(ctx, time.Second/2); err != nil { // the node finds out that the store is away
		return fail(err)
	}
	if rows[2].value, err = p.batches(ctx, took); err != nil {
		rows[2].value = 0
		return fail(err)
	}
	return rows
}

// singleInserts writes records of the same size, each in a transaction of its own, by as many connections as there are callers.
func singleInserts(ctx context.Context, url string, long time.Duration) (float64, error) {
	var inserted atomic.Int64
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	_, err = conn.Exec(ctx, `CREATE TABLE IF NOT EXISTS bench_single (account_id text, id bigint, payload text, PRIMARY KEY (account_id, id))`)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return 0, err
	}
	payload := strings.Repeat("x", 300)
	begun := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	for w := range batchCallers {
		g.Go(func() error {
			conn, err := pgx.Connect(gctx, url)
			if err != nil {
				return err
			}
			defer conn.Close(ctx) //nolint:errcheck // nothing is pending
			for n := begun.UnixNano(); time.Since(begun) < long; n++ {
				if _, err := conn.Exec(gctx, `INSERT INTO bench_single VALUES ($1, $2, $3)`, "account "+strconv.Itoa(w), n, payload); err != nil {
					return err
				}
				inserted.Add(1)
			}
			return nil
		})
	}
	err = g.Wait()
	return float64(inserted.Load()) / time.Since(begun).Seconds(), err
}

func acknowledgedOnSQLite(ctx context.Context, s settings, dir string) row {
	r := row{name: "records taken a second by batch, SQLite", format: "%.0f", target: 10_000}
	p, err := startSpooling(ctx, s, dir, silence, "stored")
	if err != nil {
		r.err = err
		return r
	}
	defer func() { _ = p.svc.stop() }() // it ends by our signal
	var rates []float64
	for range s.rounds {
		rate, err := p.batches(ctx, time.Duration(s.seconds*float64(time.Second)))
		if err != nil {
			r.err = err
			return r
		}
		rates = append(rates, rate)
	}
	r.value, r.detail = median(rates), "synchronous=FULL"
	return r
}
