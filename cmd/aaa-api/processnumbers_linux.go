package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// processNumbers are the metrics of a process that can open no file. It has two of /proc open since before, which is what
// Prometheus' own collector would open each time.
type processNumbers struct {
	stat, descriptors *os.File
	started           float64
}

// The metrics of a process, by the names and with the help of Prometheus' own collector: the security module's are of the same families.
var (
	processCPU       = prometheus.NewDesc("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", nil, nil)
	processOpen      = prometheus.NewDesc("process_open_fds", "Number of open file descriptors.", nil, nil)
	processMostOpen  = prometheus.NewDesc("process_max_fds", "Maximum number of open file descriptors.", nil, nil)
	processVirtual   = prometheus.NewDesc("process_virtual_memory_bytes", "Virtual memory size in bytes.", nil, nil)
	processMostSpace = prometheus.NewDesc("process_virtual_memory_max_bytes", "Maximum amount of virtual memory available in bytes.", nil, nil)
	processResident  = prometheus.NewDesc("process_resident_memory_bytes", "Resident memory size in bytes.", nil, nil)
	processStarted   = prometheus.NewDesc("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", nil, nil)
)

// newProcessNumbers opens what Collect reads. The process has only just begun.
func newProcessNumbers() (prometheus.Collector, error) {
	p := &processNumbers{started: float64(time.Now().UnixMilli()) / 1000}
	var serr, derr error
	p.stat, serr = os.Open("/proc/self/stat")
	p.descriptors, derr = os.Open("/proc/self/fd")
	if err := errors.Join(serr, derr); err != nil {
		return nil, fmt.Errorf("metrics of the process: %w", err)
	}
	return p, nil
}

// Describe implements prometheus.Collector.
func (p *processNumbers) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(p, to) }

// Collect implements prometheus.Collector. A number that is not to be had is left out.
func (p *processNumbers) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) { to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	gauge(processStarted, p.started)
	var usage unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &usage) == nil {
		seconds := time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
		to <- prometheus.MustNewConstMetric(processCPU, prometheus.CounterValue, seconds)
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		gauge(processMostOpen, float64(limit.Cur))
	}
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) == nil {
		gauge(processMostSpace, float64(limit.Cur))
	}
	if info, err := p.descriptors.Stat(); err == nil && info.Size() > 0 { // kernels before 6.2 don't count them here
		gauge(processOpen, float64(info.Size()-2)) // the two that are open for this alone
	}
	if virtual, resident, ok := p.memory(); ok {
		gauge(processVirtual, virtual)
		gauge(processResident, resident)
	}
}

// memory reads the octets that the process maps, and those that are in the machine's memory.
func (p *processNumbers) memory() (virtual, resident float64, ok bool) {
	text := make([]byte, 4096)
	n, _ := p.stat.ReadAt(text, 0) //nolint:errcheck // io.EOF, and what else there is shows in the text
	// The second field is the program's name, in parentheses, which may hold anything. See proc_pid_stat(5): the 23rd and 24th are wanted.
	fields := bytes.Fields(text[bytes.LastIndexByte(text[:n], ')')+1 : n])
	if len(fields) < 22 {
		return 0, 0, false
	}
	virtual, verr := strconv.ParseFloat(string(fields[20]), 64)
	pages, perr := strconv.ParseFloat(string(fields[21]), 64)
	return virtual, pages * float64(os.Getpagesize()), verr == nil && perr == nil
}
