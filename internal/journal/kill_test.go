package journal

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// appendForEver is the process that TestKill kills. It appends to the journal in its folder, and says each number on its standard output
// once it is acknowledged.
func appendForEver(first string) {
	from, err := strconv.Atoi(first)
	if err == nil {
		err = appendFrom(from)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func appendFrom(from int) error {
	j, err := Open(".", database, slog.New(slog.DiscardHandler), Options{SegmentOctets: 64 << 10})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for g := range 8 {
		go func() {
			for n := from + g; ; n += 8 {
				if err := j.Append(context.Background(), [][]byte{entry(n)}); err != nil {
					failed <- err
				}
				fmt.Printf("%d\n", n) // one write
			}
		}()
	}
	return <-failed
}

// TestKill kills a process that appends twenty times: another process that has the directory open too sees none of it before, and then
// all that was acknowledged, once, and nothing else than what was appended.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j, _ := open(t, dir, Options{})
	acknowledged := map[int]bool{}
	for round := range 20 {
		cmd := exec.Command(os.Args[0])
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), fmt.Sprintf("JOURNAL_TEST_FROM=%d", round*1_000_000))
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
				is(t, drained(t, j), 0, 0)
				must(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait() // killed
	}
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
