package journal

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
)

// appendForEver is the process that TestKill kills. It says each number on its standard output once it is acknowledged.
func appendForEver(dir string) {
	j, err := Open(dir, database, slog.New(slog.DiscardHandler), Options{SegmentOctets: 64 << 10})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	from, err := strconv.Atoi(os.Getenv("JOURNAL_TEST_FROM"))
	if err != nil {
		os.Exit(1)
	}
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for n := from + g; ; n += 8 {
				if err := j.Append(context.Background(), [][]byte{entry(n)}); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Printf("%d\n", n) // one write
			}
		})
	}
	all.Wait()
}

// TestKill kills a process that appends twenty times: all that it acknowledged is there, once, and nothing else than what it appended.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acknowledged := map[int]bool{}
	for round := range 20 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "JOURNAL_TEST_APPENDER="+dir, fmt.Sprintf("JOURNAL_TEST_FROM=%d", round*1_000_000))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			number, err := strconv.Atoi(lines.Text())
			must(t, err)
			acknowledged[number] = true
			if n == 100+round*7 {
				must(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait() // killed
	}
	j, _ := open(t, dir, Options{})
	got := map[int]bool{}
	for _, n := range drained(t, j) {
		if got[n] {
			t.Fatalf("%d comes twice", n)
		}
		got[n] = true
	}
	for n := range acknowledged {
		if !got[n] {
			t.Errorf("%d is lost", n)
		}
	}
	if len(acknowledged) < 2000 || len(got) > len(acknowledged)+20*16 || j.Aside() != 0 {
		t.Errorf("%d are acknowledged, %d are there, %d files are put aside", len(acknowledged), len(got), j.Aside())
	}
}
