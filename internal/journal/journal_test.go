package journal

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if from := os.Getenv("JOURNAL_TEST_FROM"); from != "" {
		appendForEver(from)
		return
	}
	goleak.VerifyTestMain(m)
}

var database = [32]byte{1, 2, 3}

// logged is a log that a test reads.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) has(t *testing.T, text string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !strings.Contains(l.text.String(), text) {
		t.Errorf("the log does not say %q: %s", text, l.text.String())
	}
}

func newLog(l *logged) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// open opens a journal that the test closes.
func open(t testing.TB, dir string, o Options) (*Journal, *logged) {
	t.Helper()
	l := &logged{}
	j, err := Open(dir, database, newLog(l), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j, l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// entry is the nth entry of a test. Its length depends on n.
func entry(n int) []byte {
	return fmt.Appendf(nil, "%d %s", n, strings.Repeat("x", n*37%600))
}

// number reads what entry made, and checks it. It is -1 for anything else.
func number(t testing.TB, e []byte) int {
	t.Helper()
	n := -1
	if _, err := fmt.Sscanf(string(e), "%d ", &n); err != nil || !bytes.Equal(e, entry(n)) {
		t.Errorf("%d octets that were never appended", len(e))
		return -1
	}
	return n
}

func add(t testing.TB, j *Journal, from, to int) {
	t.Helper()
	for n := from; n < to; n++ {
		if err := j.Append(t.Context(), [][]byte{entry(n)}); err != nil {
			t.Error(err)
			return
		}
	}
}

// drain takes all of a journal.
func drain(t testing.TB, j *Journal) (numbers []int, err error) {
	t.Helper()
	err = j.Drain(t.Context(), func(entries [][]byte) error {
		for _, e := range entries {
			numbers = append(numbers, number(t, e))
		}
		return nil
	})
	return numbers, err
}

func drained(t testing.TB, j *Journal) []int {
	t.Helper()
	numbers, err := drain(t, j)
	must(t, err)
	return numbers
}

// is checks that numbers are from … to−1 in order.
func is(t testing.TB, numbers []int, from, to int) {
	t.Helper()
	if len(numbers) != to-from {
		t.Fatalf("%d entries, not %d", len(numbers), to-from)
	}
	for i, n := range numbers {
		if n != from+i {
			t.Fatalf("entry %d is %d", from+i, n)
		}
	}
}

// files lists the files under dir whose names contain part.
func files(t testing.TB, dir, part string) (paths []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.Contains(entry.Name(), part) {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

func one(t testing.TB, dir, part string) string {
	t.Helper()
	paths := files(t, dir, part)
	if len(paths) != 1 {
		t.Fatalf("%q: there are %v", part, paths)
	}
	return paths[0]
}

// TestRoundTrip: entries come back in order, once, over several segments and a restart; files and folders are the process's alone.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "journal")
	j, _ := open(t, dir, Options{SegmentOctets: 4096})
	add(t, j, 0, 100)
	if n, octets := j.Len(); n != 100 || octets < 20_000 {
		t.Errorf("%d entries of %d octets", n, octets)
	}
	if len(files(t, dir, suffix)) < 5 {
		t.Error("segments are not bounded")
	}
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, _ error) error {
		if info, err := entry.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v, %v", path, info.Mode(), err)
		}
		return nil
	}))
	before, octets := j.Len()
	must(t, j.Close())
	j, l := open(t, dir, Options{SegmentOctets: 4096})
	if n, o := j.Len(); n != before || o != octets {
		t.Errorf("%d entries of %d octets after a restart", n, o)
	}
	is(t, drained(t, j), 0, 100)
	is(t, drained(t, j), 0, 0)
	if n, octets := j.Len(); n != 0 || octets != 0 || len(files(t, dir, suffix)) != 0 {
		t.Errorf("left are %d entries, %d octets, %v", n, octets, files(t, dir, suffix))
	}
	if j.Aside() != 0 || l.text.Len() != 0 {
		t.Errorf("%d files are put aside: %s", j.Aside(), l.text.String())
	}
	if folders, err := os.ReadDir(dir); err != nil || len(folders) != 2 {
		t.Errorf("%v, %v", folders, err) // with the lock
	}
}

// TestEmptyEntries: an entry without octets and a call without entries are nothing special.
func TestEmptyEntries(t *testing.T) {
	t.Parallel()
	j, _ := open(t, t.TempDir(), Options{})
	must(t, j.Append(t.Context(), nil))
	must(t, j.Append(t.Context(), [][]byte{{}, []byte("a"), {}}))
	var lengths []int
	must(t, j.Drain(t.Context(), func(entries [][]byte) error {
		for _, e := range entries {
			lengths = append(lengths, len(e))
		}
		return nil
	}))
	if fmt.Sprint(lengths) != "[0 1 0]" {
		t.Error(lengths)
	}
}
