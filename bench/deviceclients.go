package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// manyDevices is how many clients the test of the registry's memory and its benchmark have.
const manyDevices = 100_000

var (
	octetsAClient = regexp.MustCompile(`opened: (\d+) octets a client`)
	lookUp        = regexp.MustCompile(`BenchmarkByAddress\S*\s.*\s([\d.]+) processor-ns/op`)
)

// clientRows are the memory and the time that many known clients take, as the registry's own test and benchmark tell.
func clientRows(ctx context.Context) []row {
	rows := []row{
		{name: fmt.Sprintf("memory of %d clients", manyDevices), format: "%.1f MiB", target: 100, atMost: true, detail: "secrets opened"},
		{name: fmt.Sprintf("look-up among %d clients", manyDevices), format: "%.0f ns", target: 200, atMost: true, detail: "longest prefix, processor time"},
	}
	out, err := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-run=^TestMemory$", "-bench=^BenchmarkByAddress$", "./internal/clients").CombinedOutput()
	read := func(r *row, pattern *regexp.Regexp, scale float64) {
		found := pattern.FindSubmatch(out)
		if err != nil || found == nil {
			r.err = fmt.Errorf("go test tells nothing (%w): %s", err, out)
			return
		}
		n, _ := strconv.ParseFloat(string(found[1]), 64)
		r.value = n * scale
	}
	read(&rows[0], octetsAClient, float64(manyDevices)/(1<<20))
	read(&rows[1], lookUp, 1)
	return rows
}
