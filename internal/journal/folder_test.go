package journal

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
)

// TestTwoOwners: processes with one directory have folders of their own, and neither sees the other's entries while it lives.
func TestTwoOwners(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, _ := open(t, dir, Options{})
	b, _ := open(t, dir, Options{})
	if a.own.path == b.own.path {
		t.Fatal("one folder")
	}
	add(t, a, 0, 10)
	add(t, b, 10, 20)
	is(t, drained(t, a), 0, 10)
	is(t, drained(t, b), 10, 20)
}

// TestTakeover: the entries of a process that is gone come with another's Drain, or at the next Open, in their order, and its folder goes away.
// Files that it has put aside are kept.
func TestTakeover(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, _ := open(t, dir, Options{SegmentOctets: 1024})
	b, _ := open(t, dir, Options{SegmentOctets: 1024})
	c, _ := open(t, dir, Options{})
	add(t, a, 0, 20)
	add(t, b, 20, 40)
	must(t, os.WriteFile(filepath.Join(a.own.path, "aside-damaged-x"), []byte("kept"), 0o600))
	must(t, a.Close())
	must(t, b.Close())
	add(t, c, 40, 50)
	is(t, drained(t, c), 0, 50)
	if got := len(files(t, dir, suffix)); got != 0 {
		t.Errorf("%d segments are left", got)
	}
	if path := one(t, dir, asidePrefix); filepath.Dir(path) != c.own.path || c.Aside() != 1 {
		t.Errorf("%s, %d are put aside", path, c.Aside())
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 2 {
		t.Errorf("folders are left: %v, %v", list, err)
	}
}

// TestOpenTogether: of many that open a directory at once, each has its own folder, and what a dead one left is taken once.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dead, _ := open(t, dir, Options{})
	add(t, dead, 0, 10)
	must(t, dead.Close())
	var all sync.WaitGroup
	journals := make([]*Journal, 8)
	for i := range journals {
		all.Go(func() {
			var err error
			if journals[i], err = Open(dir, database, newLog(&logged{}), Options{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	var numbers []int
	var paths []string
	for _, j := range journals {
		paths = append(paths, j.own.path)
		numbers = append(numbers, drained(t, j)...)
	}
	is(t, numbers, 0, 10)
	slices.Sort(paths)
	if len(slices.Compact(paths)) != 8 {
		t.Error(paths)
	}
	for _, j := range journals {
		must(t, j.Close())
	}
	open(t, dir, Options{})
	if list, err := os.ReadDir(dir); err != nil || len(list) != 2 {
		t.Errorf("folders are left: %v, %v", list, err)
	}
}

// TestReleasedWhileForking: a child between fork and exec holds a copy of the lock's descriptor. The folder is free all the same.
func TestReleasedWhileForking(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j, _ := open(t, dir, Options{})
	add(t, j, 0, 10)
	held, err := syscall.Dup(int(j.own.lock.Fd()))
	must(t, err)
	defer syscall.Close(held) //nolint:errcheck // nothing is written
	must(t, j.Close())
	j, _ = open(t, dir, Options{})
	is(t, drained(t, j), 0, 10)
}
