package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"aaa-api/internal/engines/tacacs/conns"
)

// measureStalled compares the times of logins on one connection with and without a session
// beside them that is never answered.
func measureStalled(s settings) row {
	r := row{name: "TACACS+ neighbours of a stalled session, added at p99", format: "%.2f ms", target: 5, atMost: true}
	peer, err := startTACACSPeer()
	if err != nil {
		r.err = err
		return r
	}
	defer peer.stop()
	m, err := tacacsManager(peer.ln.Addr().String(), conns.Options{Connections: 1, ReplyTimeout: time.Hour})
	if err != nil {
		r.err = err
		return r
	}
	defer m.Retire()
	const each = 200
	alone := func() (float64, error) { return loginTimes(m, each) }
	beside := func() (float64, error) { return besideStalled(m, each) }
	if r.err = showInterleaving(m, each); r.err != nil {
		return r
	}
	times, err := alternate(2*s.rounds+1, contender{"alone", alone}, contender{"beside", beside})
	if err != nil {
		r.err = err
		return r
	}
	var added []float64
	for i, t := range times["alone"] {
		added = append(added, times["beside"][i]-t)
	}
	r.value = median(added)
	r.detail = fmt.Sprintf("%d in flight on one connection; p99 %.2f ms beside it, %.2f ms without", tacacsInFlight, median(times["beside"]), median(times["alone"]))
	return r
}

// showInterleaving makes logins until one was answered after a later one of its connection.
func showInterleaving(m *conns.Manager, each int) error {
	for range 100 {
		late := make(chan error, 1)
		if _, err := loginTimes(m, each); err != nil { // which negotiates the mode, and shows that the server is quick
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second) // it may have a connection that gets no later one
		go func() {
			defer cancel()
			late <- pap(ctx, m, lateUser)
		}()
		for ended := false; !ended; {
			if _, err := loginTimes(m, each); err != nil {
				return err
			}
			select {
			case err := <-late:
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					return err
				}
				ended = true
			default:
			}
		}
		if m.Stats().Interleaves {
			return nil
		}
	}
	return errors.New("no login was answered late")
}

// loginTimes makes logins, tacacsInFlight at once and so many one after the other, and returns what 99 of 100 take at most, in ms.
func loginTimes(m *conns.Manager, each int) (p99 float64, err error) {
	times := make([]time.Duration, tacacsInFlight*each)
	errs := make([]error, tacacsInFlight)
	var wg sync.WaitGroup
	for i := range tacacsInFlight {
		wg.Go(func() {
			for j := range each {
				begun := time.Now()
				if err := pap(context.Background(), m, "bob"); err != nil {
					errs[i] = err
					return
				}
				times[i*each+j] = time.Since(begun)
			}
		})
	}
	wg.Wait()
	slices.Sort(times)
	return float64(times[len(times)*99/100].Microseconds()) / 1000, errors.Join(errs...)
}

// besideStalled is loginTimes while a session waits on the same connection.
func besideStalled(m *conns.Manager, each int) (p99 float64, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- pap(ctx, m, silentUser) }()
	for m.Stats().Sessions == 0 {
		time.Sleep(100 * time.Microsecond)
	}
	p99, err = loginTimes(m, each)
	if s := m.Stats(); err == nil && (s.Connections != 1 || s.Sessions != 1) {
		err = fmt.Errorf("the stalled session had no neighbours: %+v", s)
	}
	cancel()
	if stalled := <-ended; err == nil && !errors.Is(stalled, context.Canceled) {
		err = fmt.Errorf("the stalled session ended: %v", stalled) //nolint:errorlint // or without one
	}
	return p99, err
}

// The sessions of measureLeft.
const (
	tacacsSessions = 100_000
	timedOutOf     = 100 // one of so many gets no answer
	gaveUpAfter    = 5 * time.Millisecond
)

// measureLeft counts what n sessions leave behind, and a tenth as many with a connection
// each: once the idle connections have closed themselves there is to be nothing.
func measureLeft(n int) row {
	r := row{name: fmt.Sprintf("TACACS+ left after %d sessions, 1 %% timed out", n), format: "%.0f", atMost: true}
	goroutines, files, err := held()
	if err != nil {
		r.err = err
		return r
	}
	var entries, timedOut int
	for _, mode := range []struct {
		sessions int
		each     bool
	}{{n, false}, {n / 10, true}} {
		left, unanswered, err := entriesLeft(mode.sessions, mode.each)
		if err != nil {
			r.err = err
			return r
		}
		entries += left
		timedOut += unanswered
	}
	var moreGoroutines, moreFiles int
	until(func() bool {
		var nowGoroutines, nowFiles int
		nowGoroutines, nowFiles, r.err = held()
		moreGoroutines, moreFiles = max(nowGoroutines-goroutines, 0), max(nowFiles-files, 0)
		return moreGoroutines+moreFiles == 0
	})
	r.value = float64(moreGoroutines + entries + moreFiles)
	r.detail = fmt.Sprintf("%d goroutines, %d map entries, %d descriptors; %d of %d timed out, the last %d had a connection each",
		moreGoroutines, entries, moreFiles, timedOut, n+n/10, n/10)
	return r
}

// entriesLeft makes n sessions, and counts what the manager holds once it had the time to close what is idle.
func entriesLeft(n int, each bool) (entries, timedOut int, err error) {
	peer, err := startTACACSPeer()
	if err != nil {
		return 0, 0, err
	}
	defer peer.stop()
	m, err := tacacsManager(peer.ln.Addr().String(), conns.Options{NoSingleConnect: each, IdleTimeout: 200 * time.Millisecond})
	if err != nil {
		return 0, 0, err
	}
	defer m.Retire()
	var next, unanswered atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range tacacsInFlight {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n) && failed.Load() == nil; i = next.Add(1) {
				var err error
				if i%timedOutOf == 0 {
					err = giveUp(m)
					unanswered.Add(1)
				} else {
					err = pap(context.Background(), m, "bob")
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, 0, *err
	}
	until(func() bool {
		s := m.Stats()
		entries = s.Connections + s.Sessions + s.Tombstones
		return entries == 0
	})
	return entries, int(unanswered.Load()), nil
}

// giveUp is a session that is not answered in time.
func giveUp(m *conns.Manager) error {
	ctx, cancel := context.WithTimeout(context.Background(), gaveUpAfter)
	defer cancel()
	if err := pap(ctx, m, silentUser); !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("a session without an answer ended with %v", err) //nolint:errorlint // or with none
	}
	return nil
}

// held is how many goroutines and open descriptors this process has.
func held() (goroutines, files int, err error) {
	list, err := os.ReadDir("/proc/self/fd")
	return runtime.NumGoroutine(), len(list), err
}

// until waits for done, but not for long.
func until(done func() bool) {
	for end := time.Now().Add(5 * time.Second); !done() && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
}
