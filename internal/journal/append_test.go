package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// faulty is a disk that a test breaks.
type faulty struct {
	file
	d *disk
}

type disk struct {
	sync, truncate atomic.Pointer[error] // what the calls return
	syncs          atomic.Int64
	gate           chan struct{} // a sync of records waits for an element; nil: it does not wait
	waits          chan struct{} // gets an element when one begins to wait
	made           atomic.Int64
}

func (d *disk) create(path string) (file, error) {
	d.made.Add(1)
	f, err := create(path)
	return &faulty{f, d}, err
}

func (f *faulty) Sync() error {
	if f.d.gate != nil {
		f.d.waits <- struct{}{}
		<-f.d.gate
	}
	f.d.syncs.Add(1)
	if err := f.d.sync.Load(); err != nil {
		return *err
	}
	return f.file.Sync()
}

func (f *faulty) Truncate(size int64) error {
	if err := f.d.truncate.Load(); err != nil {
		return *err
	}
	return f.file.Truncate(size)
}

// TestFailedSync: nobody in a group whose sync fails is acknowledged, the file is never written again, and what was acknowledged before stays.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := &disk{}
	j, l := open(t, dir, Options{create: d.create})
	add(t, j, 0, 10)
	first := one(t, dir, suffix)
	before, err := os.Stat(first)
	must(t, err)
	broken := error(syscall.EIO)
	d.sync.Store(&broken)
	for n := range 3 {
		if err := j.Append(t.Context(), [][]byte{entry(1000 + n)}); !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
	}
	if n, _ := j.Len(); n != 10 {
		t.Errorf("%d entries", n)
	}
	l.has(t, "level=ERROR")
	d.sync.Store(nil)
	add(t, j, 10, 20)
	l.has(t, "is written again")
	if after, err := os.Stat(first); err != nil || after.Size() != before.Size() {
		t.Errorf("the first file is written: %v", err)
	}
	if len(files(t, dir, suffix)) != 2 || d.made.Load() != 4 { // two that failed at once are gone
		t.Errorf("%d were made, left are %v", d.made.Load(), files(t, dir, suffix))
	}
	must(t, j.Close())
	j, _ = open(t, dir, Options{})
	is(t, drained(t, j), 0, 20)
	if j.Aside() != 0 {
		t.Error("a file is put aside")
	}
}

// TestFailedCut: where a segment can't be cut after a failed sync, Drain looks at the acknowledged part alone.
func TestFailedCut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := &disk{}
	j, l := open(t, dir, Options{create: d.create})
	add(t, j, 0, 10)
	broken := error(syscall.EIO)
	d.sync.Store(&broken)
	d.truncate.Store(&broken)
	if err := j.Append(t.Context(), [][]byte{entry(1000)}); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	l.has(t, "may be delivered")
	is(t, drained(t, j), 0, 10)
}

// TestGroups: entries that come while the disk is busy share one sync, and an Append returns only after it.
func TestGroups(t *testing.T) {
	t.Parallel()
	d := &disk{}
	j, _ := open(t, t.TempDir(), Options{create: d.create})
	add(t, j, 0, 1)
	d.gate, d.waits = make(chan struct{}), make(chan struct{}, 1)
	before := d.syncs.Load()
	var all sync.WaitGroup
	var done atomic.Int64
	all.Go(func() { add(t, j, 1, 2); done.Add(1) })
	<-d.waits
	for n := range 64 {
		all.Go(func() { add(t, j, n+2, n+3); done.Add(1) })
	}
	for n, _ := j.Len(); n < 66; n, _ = j.Len() { // all of them have joined
	}
	if done.Load() != 0 {
		t.Error("acknowledged before the sync")
	}
	d.gate <- struct{}{}
	<-d.waits
	d.gate <- struct{}{}
	all.Wait()
	if n := d.syncs.Load() - before; n != 2 {
		t.Errorf("%d syncs", n)
	}
	if n := len(drained(t, j)); n != 66 {
		t.Errorf("%d entries", n)
	}
}

// TestSlowDisk: what a disk that hangs keeps in memory is bounded, and a caller does not wait longer than its context.
func TestSlowDisk(t *testing.T) {
	t.Parallel()
	d := &disk{gate: make(chan struct{}), waits: make(chan struct{}, 1)}
	j, _ := open(t, t.TempDir(), Options{create: d.create, SegmentOctets: 1 << 30})
	big := [][]byte{make([]byte, MaxEntry), make([]byte, MaxEntry), make([]byte, MaxEntry)}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	var taken atomic.Int64
	try := func() {
		switch err := j.Append(ctx, big); {
		case errors.Is(err, context.Canceled):
			taken.Add(1)
		case !errors.Is(err, ErrBusy):
			t.Error(err)
		}
	}
	all.Go(try)
	<-d.waits
	for range 2 * maxQueue {
		all.Go(try)
	}
	for n, _ := j.Len(); n < 3*(1+maxQueue); n, _ = j.Len() {
	}
	cancel()
	all.Wait()
	if n := taken.Load(); n != 1+maxQueue {
		t.Errorf("%d are taken", n)
	}
	go func() {
		for range d.waits {
		}
	}()
	close(d.gate)
	must(t, j.Close())
	close(d.waits)
}

// TestTooLarge: a long entry is refused, and with it all of its call. A call that is longer than a group is written in several.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	j, _ := open(t, t.TempDir(), Options{})
	if err := j.Append(t.Context(), [][]byte{entry(1), make([]byte, MaxEntry+1)}); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if n, octets := j.Len(); n != 0 || octets != 0 {
		t.Errorf("%d entries of %d octets", n, octets)
	}
	var many [][]byte
	for range 10 {
		many = append(many, make([]byte, MaxEntry))
	}
	must(t, j.Append(t.Context(), many))
	n := 0
	must(t, j.Drain(t.Context(), func(entries [][]byte) error {
		n += len(entries)
		if len(entries) > batchOctets/MaxEntry {
			t.Errorf("a batch of %d", len(entries))
		}
		return nil
	}))
	if n != 10 {
		t.Errorf("%d entries", n)
	}
}

// TestFull: the journal takes no more than its bound, and takes more when it is drained.
func TestFull(t *testing.T) {
	t.Parallel()
	j, _ := open(t, t.TempDir(), Options{MaxOctets: 10_000})
	n := 0
	var err error
	for ; err == nil; n++ {
		err = j.Append(t.Context(), [][]byte{entry(n)})
	}
	if _, octets := j.Len(); !errors.Is(err, ErrFull) || octets > 10_000 || octets < 9_000 {
		t.Errorf("%v at %d octets", err, octets)
	}
	is(t, drained(t, j), 0, n-1)
	add(t, j, 0, 10)
}

// TestClosed: a journal that is closed takes nothing.
func TestClosed(t *testing.T) {
	t.Parallel()
	j, _ := open(t, t.TempDir(), Options{})
	must(t, j.Close())
	must(t, j.Close())
	if err := j.Append(t.Context(), [][]byte{entry(1)}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := j.Drain(t.Context(), nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestFullDisk fills the disk: what is acknowledged comes back, what is refused does not, and there is room again after a Drain.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	mount, err := os.MkdirTemp("", "disk")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(mount) })
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("a disk to fill can't be mounted: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(mount, syscall.MNT_DETACH) })
	dir := filepath.Join(mount, "journal")
	j, l := open(t, dir, Options{SegmentOctets: 100_000})
	n := 0
	for err == nil {
		if err = j.Append(t.Context(), [][]byte{entry(n)}); err == nil {
			n++
		}
	}
	if !errors.Is(err, syscall.ENOSPC) || n < 1000 {
		t.Fatalf("%v after %d", err, n)
	}
	for range 10 { // fails each time, and leaves nothing
		if err := j.Append(t.Context(), [][]byte{make([]byte, 100_000)}); !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
	l.has(t, "can't be written")
	must(t, j.Close())
	j, l = open(t, dir, Options{SegmentOctets: 100_000})
	is(t, drained(t, j), 0, n)
	add(t, j, 0, 100)
	is(t, drained(t, j), 0, 100)
	if j.Aside() != 0 || l.text.Len() != 0 {
		t.Errorf("%d are put aside: %s", j.Aside(), l.text.String())
	}
}

// TestDrainBesideAppend: while many append and one drains, each entry comes once.
func TestDrainBesideAppend(t *testing.T) {
	t.Parallel()
	j, _ := open(t, t.TempDir(), Options{SegmentOctets: 8192})
	const writers, each = 16, 100
	var all sync.WaitGroup
	for g := range writers {
		all.Go(func() { add(t, j, g*each, (g+1)*each) })
	}
	appended := make(chan struct{})
	go func() { all.Wait(); close(appended) }()
	var numbers []int
	for running := true; running; {
		select {
		case <-appended:
			running = false
		default:
		}
		numbers = append(numbers, drained(t, j)...)
	}
	seen := map[int]int{}
	last := map[int]int{}
	for _, n := range numbers {
		if seen[n]++; seen[n] > 1 {
			t.Fatalf("%d comes twice", n)
		}
		if g := n / each; last[g] > n {
			t.Fatalf("%d comes before %d", last[g], n)
		} else {
			last[g] = n
		}
	}
	if n, octets := j.Len(); len(seen) != writers*each || n != 0 || octets != 0 {
		t.Errorf("%d entries came, %d of %d octets are left", len(seen), n, octets)
	}
}

// BenchmarkAppend has 64 goroutines append records of 500 octets.
func BenchmarkAppend(b *testing.B) {
	j, _ := open(b, b.TempDir(), Options{MaxOctets: 1 << 40})
	payload := [][]byte{make([]byte, 500)}
	b.SetParallelism(64 / max(1, runtime.GOMAXPROCS(0)))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := j.Append(b.Context(), payload); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
