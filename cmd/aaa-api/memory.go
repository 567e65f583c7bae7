package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"aaa-api/internal/admission"
	"aaa-api/internal/config"
)

// memoryLimit is how much memory the node may use, 0 where nothing says. The collector is told of nine tenths of it: the
// rest is for what it does not count. An operator's GOMEMLIMIT is left alone.
func memoryLimit(set int64) int64 {
	limit := memoryOf(set)
	if limit > 0 && (set > 0 || debug.SetMemoryLimit(-1) == math.MaxInt64) {
		debug.SetMemoryLimit(limit / 10 * 9)
	}
	return limit
}

// memoryOf is how much memory the node may use, 0 where nothing says.
func memoryOf(set int64) int64 {
	if set > 0 {
		return set
	}
	if soft := debug.SetMemoryLimit(-1); soft < math.MaxInt64 {
		return soft
	}
	return containerLimit("/sys/fs/cgroup", "/proc/self/cgroup")
}

// shares are what each process may use of the node's memory; 0: nobody says.
type shares struct{ secmod, front int64 }

// What main takes, and the least that the others do.
const (
	mainShare  = 24 << 20
	leastShare = 32 << 20
)

// sharesOf gives the fronts a quarter of the memory together, but each what it needs to live.
func sharesOf(memory int64, fronts int) (shares, error) {
	if memory == 0 {
		return shares{}, nil
	}
	rest, n := memory-mainShare, int64(fronts)
	all := max(rest/4, min(rest/2, n*40<<20))
	s := shares{secmod: rest - all, front: all / n}
	if s.front < leastShare || s.secmod < leastShare {
		return s, fmt.Errorf("%d MiB of memory are too little for %d fronts, each of which takes %d MiB: set --%s or --%s", memory>>20, fronts, leastShare>>20, config.Memory, config.Fronts)
	}
	return s, nil
}

// containerLimit is the memory limit of the control group that this process is in, 0 without one.
func containerLimit(root, groups string) int64 {
	files := []string{filepath.Join(root, "memory.max"), filepath.Join(root, "memory", "memory.limit_in_bytes")}
	text, _ := os.ReadFile(groups) //nolint:errcheck // without it the container's own is all there is
	for line := range strings.Lines(string(text)) {
		if group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			files = append(files, filepath.Join(root, group, "memory.max"))
		}
	}
	least := int64(0)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // or the word max
		if err == nil && n > 0 && n < 1<<60 && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}

// watchMemory lets the budget refuse what is large while memory is short, until ctx ends.
func watchMemory(ctx context.Context, limit int64, budget *admission.Budget) {
	if limit == 0 {
		return
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	tight := false
	for {
		if now := isTight(tight, readMemory(), limit); now != tight {
			tight = now
			budget.SetTight(tight)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// memory is what the runtime knows of the process's memory, in octets.
type memory struct {
	resident int64 // all that is not given back
	live     int64 // what the last collection left, and all that is no heap
}

func readMemory() memory {
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(samples)
	v := func(i int) int64 { return int64(samples[i].Value.Uint64()) } //nolint:gosec // no machine has more
	resident := v(0) - v(1)
	return memory{resident: resident, live: resident - v(2) - v(3) - v(4) + v(5)}
}

// isTight tells whether memory is short: where what is live takes three quarters of the limit, or the collector
// can't keep all of it below. It was short before until there is a little room.
func isTight(before bool, m memory, limit int64) bool {
	live, resident := limit/100*75, limit/100*97
	if before {
		live, resident = limit/100*65, limit/100*93
	}
	return m.live >= live || m.resident >= resident
}
