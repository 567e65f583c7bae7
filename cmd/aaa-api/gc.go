package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// heapHeadroom is what the heap may grow by between two collections. A node with few tenants has a small heap: under load
	// GOGC=100 costs 17 % more processor time than this, GOGC=200 7 %. GOGC=400 costs as little, but takes five times the memory
	// of a hundred thousand tenants, and GOMEMLIMIT with GOGC=off grows every node to the limit.
	heapHeadroom = 64 << 20
	// frontHeadroom is that of a front, which holds little for long.
	frontHeadroom = 32 << 20
	// leastPercent is how far a large heap may grow: a hundred thousand tenants, some 260 MiB, have the headroom and no more.
	leastPercent, mostPercent = 25, 1600
)

// tuneGC keeps the collector's percentage at what the headroom is of the live heap,
// until ctx ends. An operator's GOGC or GOMEMLIMIT is left alone.
func tuneGC(ctx context.Context, headroom uint64) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	// Often, for a heap that has just grown tenfold may else grow by the old percentage of that.
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	last := 100 // the runtime's default
	for {
		metrics.Read(sample)
		if p := gcPercent(sample[0].Value.Uint64(), headroom); p != last {
			debug.SetGCPercent(p)
			last = p
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// gcPercent is the headroom as a percentage of live octets, in steps so that it seldom changes.
func gcPercent(live, headroom uint64) int {
	p := int(headroom * 100 / max(live, 1<<20))
	return min(max(p/leastPercent*leastPercent, leastPercent), mostPercent)
}
