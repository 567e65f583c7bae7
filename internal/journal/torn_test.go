package journal

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// written returns the one segment of n entries appended one by one, its name, and the file's length after each Append.
func written(t *testing.T, n int) (text []byte, name string, ends []int64) {
	t.Helper()
	dir := t.TempDir()
	j, _ := open(t, dir, Options{})
	for i := range n {
		add(t, j, i, i+1)
		info, err := os.Stat(one(t, dir, suffix))
		must(t, err)
		ends = append(ends, info.Size())
	}
	path := one(t, dir, suffix)
	must(t, j.Close())
	text, err := os.ReadFile(path)
	must(t, err)
	return text, filepath.Base(path), ends
}

// placed makes a journal directory of a process that is gone. The texts are its segments, oldest first.
func placed(t *testing.T, name string, texts ...[]byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	folder := filepath.Join(dir, (&Journal{database: database}).folderName()+"1")
	must(t, os.Mkdir(folder, 0o700))
	for i, text := range texts {
		must(t, os.WriteFile(filepath.Join(folder, renumbered(name, i)), text, 0o600))
	}
	return dir
}

// renumbered is a segment's name with another last digit of its number.
func renumbered(name string, digit int) string { return fmt.Sprint(name[:19], digit, name[20:]) }

// TestTorn cuts a segment at every octet of its last group and at 1,000 others: what was acknowledged before the cut is back, and no more.
func TestTorn(t *testing.T) {
	t.Parallel()
	text, name, ends := written(t, 60)
	var cuts []int64
	for at := ends[len(ends)-2]; at <= ends[len(ends)-1]; at++ {
		cuts = append(cuts, at)
	}
	for range 1000 {
		cuts = append(cuts, rand.Int64N(int64(len(text))))
	}
	for _, at := range cuts {
		whole := 0
		for whole < len(ends) && ends[whole] <= at {
			whole++
		}
		dir := placed(t, name, text[:at])
		j, l := open(t, dir, Options{})
		if n, _ := j.Len(); int(n) != whole {
			t.Fatalf("cut at %d: %d entries, not %d", at, n, whole)
		}
		if at != headerSize && (whole == 0 || ends[whole-1] != at) {
			l.has(t, "level=WARN")
		}
		add(t, j, whole, whole+1) // appends go on after it
		is(t, drained(t, j), 0, whole+1)
		if aside := j.Aside(); aside != 0 {
			t.Fatalf("cut at %d: %d files are put aside", at, aside)
		}
		must(t, j.Close())
		must(t, os.RemoveAll(dir))
	}
}

// TestTornOutOfOrder: zeros and noise in the place of the last octets are torn too.
func TestTornOutOfOrder(t *testing.T) {
	t.Parallel()
	text, name, ends := written(t, 20)
	for _, fill := range []byte{0, 0xff} {
		torn := append([]byte(nil), text...)
		for i := ends[9] + 3; i < int64(len(torn)); i++ {
			torn[i] = fill
		}
		dir := placed(t, name, torn)
		j, l := open(t, dir, Options{})
		l.has(t, "is cut")
		is(t, drained(t, j), 0, 10)
		if j.Aside() != 0 {
			t.Error("a torn file is put aside")
		}
	}
}

// TestTornTooLong: an unreadable end that is longer than any group is damage.
func TestTornTooLong(t *testing.T) {
	t.Parallel()
	text, name, _ := written(t, 5)
	dir := placed(t, name, append(text, make([]byte, maxGroup+1)...))
	j, l := open(t, dir, Options{})
	l.has(t, "is damaged")
	is(t, drained(t, j), 0, 5)
	one(t, dir, "aside-damaged-")
}

// TestTornInTheMiddle: a segment that others follow was whole once. A short one is damaged.
func TestTornInTheMiddle(t *testing.T) {
	t.Parallel()
	text, name, ends := written(t, 10)
	dir := placed(t, name, text[:ends[6]+5], text[:0], text)
	j, l := open(t, dir, Options{})
	l.has(t, "is damaged")
	numbers := drained(t, j)
	is(t, numbers[:7], 0, 7)
	is(t, numbers[7:], 0, 10)
	one(t, dir, "aside-damaged-")
	one(t, dir, "aside-header-")
	if j.Aside() != 2 {
		t.Errorf("%d are put aside", j.Aside())
	}
}
