package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// is checks that a folder holds one file alone, of a text and a mode.
func is(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != text {
		t.Errorf("the file holds %q, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != 1 {
		t.Errorf("beside it are %v, %v", list, err)
	}
}

// TestCreate: of many at once one makes the file, and the others leave it alone.
func TestCreate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	var made atomic.Pointer[string]
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			text := fmt.Sprint(n)
			switch err := Create(path, []byte(text)); {
			case err == nil:
				if before := made.Swap(&text); before != nil {
					t.Errorf("%s and %s both made the file", *before, text)
				}
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made.Load() == nil {
		t.Fatal("there is no file")
	}
	is(t, path, *made.Load(), 0o600)
}

// TestReplace: the new text comes with mode 0600, or with that of the file it is to be like.
func TestReplace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(Replace(path, []byte("1"), nil))
	is(t, path, "1", 0o600)
	must(os.Chmod(path, 0o640))
	info, err := os.Stat(path)
	must(err)
	must(Replace(path, []byte("2"), info))
	is(t, path, "2", 0o640)
	must(Replace(path, []byte("3"), nil))
	is(t, path, "3", 0o600)
}

// TestReplaceIsWhole: who reads the file while it is replaced sees one text or the other.
func TestReplaceIsWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	texts := [][]byte{bytes.Repeat([]byte("a"), 100_000), bytes.Repeat([]byte("b"), 100_000)}
	if err := Replace(path, texts[0], nil); err != nil {
		t.Fatal(err)
	}
	var writes sync.WaitGroup
	writes.Go(func() {
		for n := range 20 {
			if err := Replace(path, texts[n%2], nil); err != nil {
				t.Error(err)
			}
		}
	})
	for range 100 {
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, texts[0]) && !bytes.Equal(got, texts[1]) {
			t.Fatalf("%d octets, %v", len(got), err)
		}
	}
	writes.Wait()
}

// TestFails: a file that can't be placed leaves nothing behind.
func TestFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, nil, nil); err == nil {
		t.Error("a folder is replaced")
	}
	if err := Create(path, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("in the place of a folder: %v", err)
	}
	if err := Create(filepath.Join(dir, "none", "key"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in no folder: %v", err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("left are %v, %v", list, err)
	}
}
