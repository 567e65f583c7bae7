package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
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
	var all sync.WaitGroup
	defer all.Wait()
	const workers = 8 // they wait for the disk
	for worker := range workers {
		all.Go(func() {
			for i := worker; i < len(cuts) && !t.Failed(); i += workers {
				cut(t, text, name, ends, cuts[i], i%50 == worker)
			}
		})
	}
}

// cut opens what a crash leaves of a segment if it cuts it there.
func cut(t *testing.T, text []byte, name string, ends []int64, at int64, appends bool) {
	whole := 0
	for whole < len(ends) && ends[whole] <= at {
		whole++
	}
	dir := placed(t, name, text[:at])
	l := &logged{}
	j, err := Open(dir, database, newLog(l), Options{})
	if err != nil {
		t.Error(err)
		return
	}
	defer j.Close() //nolint:errcheck // nothing is pending
	if at != headerSize && (whole == 0 || ends[whole-1] != at) {
		l.has(t, "level=WARN")
	}
	n, _ := j.Len()
	want := whole
	if appends { // go on after it
		err = j.Append(t.Context(), [][]byte{entry(whole)})
		want++
	}
	got, drainErr := drain(t, j)
	for i := range got {
		if got[i] != i {
			err = fmt.Errorf("entry %d is %d", i, got[i])
		}
	}
	if err = errors.Join(err, drainErr); err != nil || len(got) != want || int(n) != whole || j.Aside() != 0 {
		t.Errorf("cut at %d: %d and %d entries, not %d; %d files are put aside; %v", at, n, len(got), want, j.Aside(), err)
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
		add(t, j, 10, 20) // into another segment: the first is no longer the newest
		must(t, j.Close())
		j, l = open(t, dir, Options{})
		is(t, drained(t, j), 0, 20)
		if j.Aside() != 0 || l.text.Len() != 0 {
			t.Errorf("%d files are put aside: %s", j.Aside(), l.text.String())
		}
	}
}

// TestHighNumbers: a segment whose number is the highest that counts does not keep others from being found again.
func TestHighNumbers(t *testing.T) {
	t.Parallel()
	text, name, _ := written(t, 3)
	dir := placed(t, name, text)
	path := one(t, dir, suffix)
	must(t, os.Rename(path, filepath.Join(filepath.Dir(path), fmt.Sprintf("%020d%s", maxNumber-1, name[20:]))))
	j, _ := open(t, dir, Options{})
	add(t, j, 0, 2)
	must(t, j.Close())
	j, _ = open(t, dir, Options{})
	if n := len(drained(t, j)); n != 5 {
		t.Errorf("%d entries", n)
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
