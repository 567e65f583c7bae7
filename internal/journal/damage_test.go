package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestBitFlips flips a bit at a time before the last record: the records it does not touch are used, the file is put aside after them, and
// the log and Aside tell. In the header it makes the file unusable, and the file is put aside at once.
func TestBitFlips(t *testing.T) {
	t.Parallel()
	text, name, ends := written(t, 30)
	for range 300 {
		bit := rand.IntN(int(ends[28])*8-1) + 1
		at := int64(bit / 8)
		damaged := bytes.Clone(text)
		damaged[at] ^= 1 << (bit % 8)
		dir := placed(t, name, damaged)
		j, l := open(t, dir, Options{})
		l.has(t, "level=ERROR")
		if j.Aside() != 1 {
			t.Fatalf("octet %d: %d are put aside", at, j.Aside())
		}
		hit := slices.IndexFunc(ends, func(end int64) bool { return end > at })
		want := 29
		if at < headerSize {
			want = 0
			one(t, dir, "aside-")
		}
		n, _ := j.Len()
		got := drained(t, j)
		if len(got) != want || int(n) != want {
			t.Fatalf("octet %d in record %d: %d entries, Len says %d", at, hit, len(got), n)
		}
		if want > 0 {
			is(t, got[:hit], 0, hit)
			is(t, got[hit:], hit+1, 30)
		}
		kept, err := os.ReadFile(one(t, dir, "aside-"))
		if err != nil || !bytes.Equal(kept, damaged) || len(files(t, dir, "aside-")) != 1 || j.Aside() != 1 {
			t.Fatalf("octet %d: the file is not kept: %v", at, err)
		}
		must(t, j.Close())
		j, _ = open(t, dir, Options{})
		if j.Aside() != 1 || len(drained(t, j)) != 0 {
			t.Fatal("after a restart it is not put aside")
		}
		must(t, j.Close())
		must(t, os.RemoveAll(dir))
	}
}

// TestDamagedLater: damage that appears between Open and Drain is told of as well.
func TestDamagedLater(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j, l := open(t, dir, Options{})
	add(t, j, 0, 10)
	path := one(t, dir, suffix)
	text, err := os.ReadFile(path)
	must(t, err)
	text[headerSize+frameSize] ^= 1
	must(t, os.WriteFile(path, text, 0o600))
	is(t, drained(t, j), 1, 10)
	l.has(t, "is damaged")
	one(t, dir, "aside-damaged-")
	if n, octets := j.Len(); n != 0 || octets != 0 || j.Aside() != 1 {
		t.Errorf("%d entries, %d octets, %d are put aside", n, octets, j.Aside())
	}
}

// TestWrongHeaders: a file that is no segment, or is one of another version or database, is put aside under a name that says so.
func TestWrongHeaders(t *testing.T) {
	t.Parallel()
	text, name, _ := written(t, 3)
	foreign, _ := newHeader([32]byte{9})
	newer := bytes.Clone(text)
	newer[11]++
	flipped := bytes.Clone(text)
	flipped[50]++
	for why, damaged := range map[string][]byte{
		"no-journal": bytes.Repeat([]byte("a"), 100),
		"version":    newer,
		"header":     flipped,
		"database":   append(foreign, text[headerSize:]...),
	} {
		dir := placed(t, name, damaged)
		j, l := open(t, dir, Options{})
		l.has(t, "is put aside")
		if n, octets := j.Len(); n != 0 || octets != 0 || j.Aside() != 1 {
			t.Errorf("%s: %d entries, %d octets, %d put aside", why, n, octets, j.Aside())
		}
		if kept, err := os.ReadFile(one(t, dir, "aside-"+why+"-0")); err != nil || !bytes.Equal(kept, damaged) {
			t.Errorf("%s: %v", why, err)
		}
	}
}

// TestForeignFolder: the folder of another database stays as it is until that database's process takes it.
func TestForeignFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j, _ := open(t, dir, Options{})
	add(t, j, 0, 10)
	must(t, j.Close())
	l := &logged{}
	other, err := Open(dir, [32]byte{7}, newLog(l), Options{})
	must(t, err)
	l.has(t, filepath.Base(j.own.path))
	if n, _ := other.Len(); n != 0 || other.Aside() != 1 {
		t.Errorf("%d entries, %d aside", n, other.Aside())
	}
	is(t, drained(t, other), 0, 0)
	must(t, other.Close())
	j, _ = open(t, dir, Options{})
	is(t, drained(t, j), 0, 10)
}

// TestOtherFiles: what the journal did not make is neither read nor removed.
func TestOtherFiles(t *testing.T) {
	t.Parallel()
	text, name, _ := written(t, 3)
	dir := placed(t, name, text)
	folder := filepath.Dir(one(t, dir, suffix))
	for _, odd := range []string{"note", "x.seg", "99999999999999999999-00000000.seg", "../note", "../node-1"} {
		must(t, os.WriteFile(filepath.Join(folder, odd), []byte("mine"), 0o600))
	}
	must(t, os.Symlink("/dev/zero", filepath.Join(folder, renumbered(name, 1))))
	must(t, os.Mkdir(filepath.Join(folder, renumbered(name, 2)), 0o700))
	j, _ := open(t, dir, Options{})
	is(t, drained(t, j), 0, 3)
	if n := len(files(t, dir, "")); n != 5+1+1+1 { // with the link, lock and owner
		t.Errorf("%d files: %v", n, files(t, dir, ""))
	}
}

// TestReadError: what can be read before a read error is used.
func TestReadError(t *testing.T) {
	t.Parallel()
	text, _, ends := written(t, 10)
	bad := errors.New("bad block")
	s, err := newScanner(io.MultiReader(bytes.NewReader(text[:ends[4]+3]), failing{bad}), int64(len(text)), database)
	must(t, err)
	n := 0
	for _, ok := s.next(); ok; _, ok = s.next() {
		n++
	}
	if n != 5 || !errors.Is(s.broken, bad) || s.torn() {
		t.Errorf("%d records, %v", n, s.broken)
	}
	if _, err := newScanner(failing{bad}, 100, database); !errors.Is(err, bad) {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestTrailingBitFlip: the last record can't be told from a torn one. The others are back.
func TestTrailingBitFlip(t *testing.T) {
	t.Parallel()
	text, name, _ := written(t, 10)
	text[len(text)-1] ^= 1
	j, l := open(t, placed(t, name, text), Options{})
	is(t, drained(t, j), 0, 9)
	l.has(t, "is cut")
}

// TestCopiedRecords: a record is valid in its own file at its own place alone.
func TestCopiedRecords(t *testing.T) {
	t.Parallel()
	text, name, ends := written(t, 10)
	other, _, _ := written(t, 10)
	moved := slices.Concat(text[:ends[3]], text[ends[1]:ends[2]], text[ends[3]:])
	mixed := slices.Concat(text[:ends[3]], other[ends[3]:])
	for _, wrong := range [][]byte{moved, mixed} {
		j, _ := open(t, placed(t, name, wrong), Options{})
		is(t, drained(t, j), 0, 4)
	}
}

// FuzzSegment reads any octets as a segment: memory stays below the file's size and no record without right checksums is taken.
func FuzzSegment(f *testing.F) {
	header, seed := newHeader(database)
	records := func(payloads ...string) []byte {
		var b []byte
		for _, p := range payloads {
			b = appendFrame(b, []byte(p))
		}
		checksum(b, seed, headerSize)
		return slices.Concat(header, b)
	}
	f.Add([]byte{}, false)
	f.Add(header, false)
	f.Add(records("one", "", "three"), false)
	f.Add(records("one", "two", "three")[:90], false)
	f.Add(records("one", "two", "three")[headerSize:], true)
	f.Add(append(bytes.Clone(header), 0xff, 0xff, 0xff, 0xff), false)
	f.Fuzz(func(t *testing.T, text []byte, behind bool) {
		if behind { // a header that fits, so that the records are looked at
			text = slices.Concat(header, text)
		}
		s, err := newScanner(bytes.NewReader(text), int64(len(text)), database)
		if err != nil {
			var wrong headerError
			if !errors.As(err, &wrong) {
				t.Fatal(err)
			}
			return
		}
		if s.r.Size() > max(len(text), headerSize) {
			t.Fatalf("%d octets of memory for %d", s.r.Size(), len(text))
		}
		for payload, ok := s.next(); ok; payload, ok = s.next() {
			at := s.at - int64(len(payload)) - frameSize
			frame := text[at:]
			if int(binary.BigEndian.Uint32(frame)) != len(payload) || !bytes.Equal(frame[frameSize:][:len(payload)], payload) ||
				binary.BigEndian.Uint32(frame[4:]) != crc32.Checksum(payload, castagnoli) ||
				binary.BigEndian.Uint32(frame[8:]) != frameSum(frame, s.seed, at) {
				t.Fatalf("a wrong record at %d", at)
			}
		}
		if s.broken != nil || s.bad == 0 && s.at != s.size || s.bad >= s.size && s.bad != 0 {
			t.Fatalf("%v, ended at %d of %d, bad from %d", s.broken, s.at, s.size, s.bad)
		}
	})
}

// TestTakeFails: an error of take ends the Drain, and all of its segment comes again.
func TestTakeFails(t *testing.T) {
	t.Parallel()
	j, _ := open(t, t.TempDir(), Options{SegmentOctets: 2048})
	add(t, j, 0, 50)
	away := errors.New("away")
	first := -1
	err := j.Drain(t.Context(), func(entries [][]byte) error {
		if n := number(t, entries[0]); n >= 20 {
			first = n
			return away
		}
		return nil
	})
	if !errors.Is(err, away) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Drain(ctx, func([][]byte) error { t.Error("taken"); return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if n, _ := j.Len(); int(n) != 50-first {
		t.Errorf("%d entries are left after %d", n, first)
	}
	is(t, drained(t, j), first, 50)
}
