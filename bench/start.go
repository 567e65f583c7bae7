package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
)

// measureStart starts the service again and again on a store that exists, with
// all system dictionaries.
func measureStart(ctx context.Context, s settings, dir string) []row {
	rows := []row{
		{name: "start, all system dictionaries", format: "%.2f s", target: 1, atMost: true},
		{name: "resident after the start", format: "%.0f MiB", target: 100, atMost: true},
	}
	fail := func(err error) []row {
		for i := range rows {
			rows[i].err = err
		}
		return rows
	}
	var seconds, resident []float64
	for i := range s.rounds + 1 {
		svc, err := startService(ctx, s.binary, dir)
		if err != nil {
			return fail(err)
		}
		octets, err := svc.resident()
		if stop := svc.stop(); err == nil {
			err = stop
		}
		if err != nil {
			return fail(err)
		}
		if i == 0 {
			rows[0].detail = fmt.Sprintf("the first of all, which makes the store: %.2f s", svc.started.Seconds())
			continue
		}
		seconds = append(seconds, svc.started.Seconds())
		resident = append(resident, float64(octets)/(1<<20))
	}
	rows[0].value, rows[1].value = median(seconds), median(resident)
	rows[1].detail = "median of " + strconv.Itoa(s.rounds) + " starts of " + filepath.Base(s.binary)
	return rows
}
