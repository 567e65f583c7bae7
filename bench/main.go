// Command bench measures the service against what it has to beat and prints one
// table of ratios. The servers under test, the load generators and the RADIUS
// backend are processes of their own, compared in alternating rounds; a missed
// ratio is printed, and only a measurement that could not be made fails the run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// settings of a run.
type settings struct {
	rounds   int
	seconds  float64 // of one contender in one round
	binary   string  // the service; built when empty
	baseline string  // another build of the service, measured beside it; empty: none
	accounts int
	tables   int
	bulk     int             // accounts of the bulk measurement
	only     map[string]bool // measurements to make; empty: all
}

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// command runs the whole measurement, or the part of a child process.
func command(args []string) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return measure(args)
	}
	switch args[0] {
	case "responder-everywhere":
		return runResponder(true)
	case "responder":
		return runResponder(false)
	case "naive", "echo":
		return runHTTPServer(args[0], args[1:])
	case "http-load":
		return runHTTPLoad()
	case "radius-load":
		return runRADIUSLoad()
	case "attack":
		return runAttack(args[1:])
	case "device-load":
		return runDeviceLoad()
	case "tacacs-load":
		return runTACACSLoad()
	}
	return fmt.Errorf("no part named %q", args[0])
}

var errIncomplete = errors.New("not everything could be measured")

func measure(args []string) error {
	var s settings
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.IntVar(&s.rounds, "rounds", 5, "alternating rounds")
	fs.Float64Var(&s.seconds, "seconds", 2, "seconds of one contender in one round")
	fs.StringVar(&s.binary, "binary", "", "the service's binary; built from ./cmd/aaa-api when empty")
	fs.StringVar(&s.baseline, "baseline", "", "an older binary of the service whose REST speed is measured beside it")
	fs.IntVar(&s.accounts, "accounts", 100_000, "accounts of the memory measurement")
	fs.IntVar(&s.tables, "tables", 10_000, "accounts with a state machine table of their own, of the fsm measurement")
	fs.IntVar(&s.bulk, "bulk", 10_000, "accounts of the bulk measurement")
	only := fs.String("only", "", "comma-separated measurements: rest, processes, batch, client, tacacs, devices, warm, fsm, neighbours, timers, start, memory, large, bulk, spool")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if *only != "" {
		s.only = make(map[string]bool)
		for name := range strings.SplitSeq(*only, ",") {
			s.only[name] = true
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "aaa-api-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if s.binary == "" {
		if s.binary, err = build(ctx, dir); err != nil {
			return err
		}
	}
	var rows []row
	for _, m := range []struct {
		name string
		run  func(context.Context, settings, string) []row
	}{
		{"rest", measureREST},
		{"processes", measureProcesses},
		{"batch", measureBatch},
		{"client", measureClient},
		{"tacacs", measureTACACS},
		{"devices", measureDevices},
		{"warm", measureWarmPath},
		{"fsm", measureFSM},
		{"neighbours", measureNeighbours},
		{"timers", measureTimers},
		{"start", measureStart},
		{"memory", measureMemory},
		{"large", measureLargeStore},
		{"bulk", measureBulk},
		{"spool", measureSpool},
	} {
		if len(s.only) > 0 && !s.only[m.name] {
			continue
		}
		begun := time.Now()
		sub, err := os.MkdirTemp(dir, m.name)
		if err != nil {
			return err
		}
		rows = append(rows, m.run(ctx, s, sub)...)
		fmt.Fprintf(os.Stderr, "bench: %s took %.0f s\n", m.name, time.Since(begun).Seconds())
	}
	if !printTable(os.Stdout, rows) {
		return errIncomplete
	}
	return nil
}
