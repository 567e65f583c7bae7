package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"aaa-api/internal/store/pgtest"
)

// The callers of the bulk measurement, and the time in which they write 10,000 accounts.
const (
	bulkCallers = 16
	bulkTarget  = 20 // seconds
)

// measureBulk writes many accounts through the API of a service on PostgreSQL, each with a document, by several callers at
// once. Each call waits until the node has the change in use.
func measureBulk(ctx context.Context, s settings, dir string) []row {
	r := row{
		name: fmt.Sprintf("%d accounts with documents, %d callers, PostgreSQL", s.bulk, bulkCallers), format: "%.1f s",
		target: bulkTarget * float64(s.bulk) / 10_000, atMost: true,
	}
	var err error
	if r.value, r.detail, err = bulk(ctx, s, dir); err != nil {
		r.err = err
	}
	return []row{r}
}

func bulk(ctx context.Context, s settings, dir string) (seconds float64, detail string, err error) {
	cluster, err := pgtest.StartCluster()
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = cluster.Remove() }() // its files are temporary
	svc, err := startService(ctx, s.binary, dir, "--database-url", cluster.URL("postgres"))
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = svc.stop() }() // it ends by our signal
	if err := svc.call(ctx, "PATCH", "/v2/accounts/"+svc.root, map[string]any{
		"limits": map[string]any{"api_requests_per_second": 1_000_000, "accounts": 1_000_000},
	}, nil); err != nil {
		return 0, "", err
	}
	tokens, err := svc.tokens(ctx, svc.root, bulkCallers)
	if err != nil {
		return 0, "", err
	}
	before, err := svc.processor()
	if err != nil {
		return 0, "", err
	}
	var next atomic.Int64
	creates, writes := make([][]float64, bulkCallers), make([][]float64, bulkCallers)
	begun := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	for w := range bulkCallers {
		caller := *svc
		caller.token = tokens[w]
		g.Go(func() error {
			for {
				i := int(next.Add(1))
				if i > s.bulk {
					return nil
				}
				start := time.Now()
				id, err := caller.child(gctx, "tenant "+strconv.Itoa(i))
				if err != nil {
					return err
				}
				made := time.Now()
				doc, err := tenantDocument("127.0.0.1:1812", 8)
				if err != nil {
					return err
				}
				doc["nas_port"] = i
				if err := caller.put(gctx, id, doc); err != nil {
					return err
				}
				creates[w] = append(creates[w], made.Sub(start).Seconds()*1000)
				writes[w] = append(writes[w], time.Since(made).Seconds()*1000)
			}
		})
	}
	if err := g.Wait(); err != nil {
		return 0, "", err
	}
	seconds = time.Since(begun).Seconds()
	used, err := svc.processor()
	if err != nil {
		return 0, "", err
	}
	detail = fmt.Sprintf("an account %.1f ms, a document %.1f ms (medians); the service's processor %.1f s",
		median(slices.Concat(creates...)), median(slices.Concat(writes...)), (used - before).Seconds())
	return seconds, detail, nil
}
