package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"aaa-api/internal/admission"
)

// memoryLimit is how much memory the node may use, 0 where nothing says. The collector is told of nine tenths of it: the
// rest is for what it does not count. An operator's GOMEMLIMIT is left alone.
func memoryLimit(set int64) int64 {
	limit := set
	if limit == 0 {
		if soft := debug.SetMemoryLimit(-1); soft < math.MaxInt64 {
			return soft
		}
		if limit = containerLimit("/sys/fs/cgroup", "/proc/self/cgroup"); limit == 0 {
			return 0
		}
	}
	debug.SetMemoryLimit(limit / 10 * 9)
	return limit
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
