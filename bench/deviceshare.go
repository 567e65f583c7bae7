package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// The share of a tenant is the requests a second that its account is allowed. The loud one sends so many times as much.
const (
	deviceShare = 500
	deviceLoud  = 20
	deviceQuiet = 4 // other tenants
)

// shareRow compares the latencies of tenants whose devices send a login now and then, alone and while another one's send far more than its share.
func shareRow(ctx context.Context, s settings, dir string) row {
	r := row{name: fmt.Sprintf("devices' p99 beside a tenant at %d× its share / alone", deviceLoud), format: "%.2f×", target: 2, atMost: true}
	if err := share(ctx, s, dir, &r); err != nil {
		r.err = err
	}
	return r
}

func share(ctx context.Context, s settings, dir string, r *row) error {
	responder, backend, err := startSelf(ctx, "responder")
	if err != nil {
		return err
	}
	defer responder.stop() //nolint:errcheck // it ends by our signal
	svc, at, err := startDevices(ctx, s, dir, backend)
	if err != nil {
		return err
	}
	defer svc.stop() //nolint:errcheck // it ends by our signal
	loud := deviceLoad{Address: at, From: "127.9.9.9", Sockets: 4, InFlight: 256, Rate: deviceShare * deviceLoud, Seconds: s.seconds + 0.5, Last: true}
	account, err := svc.tenantOfDevices(ctx, "loud", loud.From, backend)
	if err != nil {
		return err
	}
	limits := map[string]any{"limits": map[string]any{"requests_per_second": deviceShare}}
	if err := svc.call(ctx, http.MethodPatch, "/v2/accounts/"+account, limits, nil); err != nil {
		return err
	}
	quiet := make([]deviceLoad, deviceQuiet)
	for i := range quiet {
		quiet[i] = deviceLoad{Address: at, From: fmt.Sprintf("127.9.0.%d", i+1), Sockets: 1, InFlight: 1, Pause: quietPause.Seconds(), Seconds: s.seconds}
		if _, err := svc.tenantOfDevices(ctx, fmt.Sprint("quiet", i), quiet[i].From, backend); err != nil {
			return err
		}
	}
	return compareShares(ctx, s, r, loud, quiet)
}

func compareShares(ctx context.Context, s settings, r *row, loud deviceLoad, quiet []deviceLoad) error {
	if _, err := worst(ctx, quiet); err != nil { // all is warm before it counts
		return err
	}
	var ratios, alone, beside []float64
	var became deviceTally
	var asked, lost int
	for range s.rounds {
		before, err := worst(ctx, quiet)
		if err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- runSelf(ctx, loud, &became, "device-load") }()
		select {
		case err := <-ended:
			return fmt.Errorf("the loud tenant ended: %w", err)
		case <-time.After(time.Second / 4): // it is in full swing
		}
		after, err := worst(ctx, quiet)
		if gone := <-ended; err == nil {
			err = gone
		}
		if err != nil {
			return err
		}
		asked, lost = asked+after.Requests, lost+after.Bad
		alone, beside = append(alone, before.P99.Seconds()*1e3), append(beside, after.P99.Seconds()*1e3)
		ratios = append(ratios, after.P99.Seconds()/before.P99.Seconds())
	}
	r.value = median(ratios)
	r.detail = fmt.Sprintf("p99 of the slowest of %d tenants %.2f ms → %.2f ms, rounds from %.2f× to %.2f×; %d of their %d logins lost beside it; the loud one sends %.0f/s, of which %d of %d are not accepted",
		len(quiet), median(alone), median(beside), slices.Min(ratios), slices.Max(ratios), lost, asked, float64(became.Requests)/max(became.Seconds, 1), became.Bad, became.Requests)
	if lost > 0 {
		return fmt.Errorf("logins of other tenants were lost: %s", r.detail)
	}
	return nil
}

// worst runs devices side by side. It adds them up, and keeps the latencies of the slowest.
func worst(ctx context.Context, list []deviceLoad) (sum deviceTally, err error) {
	tallies, errs := make([]deviceTally, len(list)), make([]error, len(list))
	var all sync.WaitGroup
	for i, l := range list {
		all.Go(func() { errs[i] = runSelf(ctx, l, &tallies[i], "device-load") })
	}
	all.Wait()
	for i, t := range tallies {
		if errs[i] != nil {
			return sum, errs[i]
		}
		sum.Requests, sum.Bad = sum.Requests+t.Requests, sum.Bad+t.Bad
		sum.P50, sum.P99 = max(sum.P50, t.P50), max(sum.P99, t.P99)
	}
	return sum, nil
}
