package secmod

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"aaa-api/internal/aaa"
)

func TestKeyFileIsMadeOnceWithMode0600(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret.key")
	if _, err := LoadKeyFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("missing file: %v", err)
	}
	made, err := CreateKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	if _, err := CreateKeyFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second creation: %v, want fs.ErrExist", err)
	}
	loaded, err := LoadKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := made.Wrap(t.Context(), "a", make([]byte, keyBytes))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loaded.Unwrap(t.Context(), "a", wrapped); err != nil {
		t.Errorf("the file does not hold the key that was made: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestKeyFileRaceHasOneWinner(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret.key")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { _, errs[i] = CreateKeyFile(path) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, fs.ErrExist):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d creations succeeded, want 1", won)
	}
}

func TestKeyFileRefused(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString(make([]byte, keyBytes))
	for name, tc := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"group may write": {good, 0o660, "0660"},
		"others may read": {good, 0o604, "0604"},
		"empty":           {"", 0o600, "32 octets"},
		"five keys":       {strings.Repeat(good+"\n", 5), 0o600, "1 to 4 keys"},
		"second is bad":   {good + "\nhunter2\n", 0o600, "32 octets"},
		"short key":       {base64.StdEncoding.EncodeToString(make([]byte, 16)), 0o600, "32 octets"},
		"long key":        {base64.StdEncoding.EncodeToString(make([]byte, 33)), 0o600, "32 octets"},
		"not base64":      {"hunter2-hunter2-hunter2-hunter2-hunter2-hun!", 0o600, "32 octets"},
		"huge":            {good + strings.Repeat(" ", 1<<20), 0o600, "32 octets"},
	} {
		path := filepath.Join(t.TempDir(), "k")
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tc.mode); err != nil {
			t.Fatal(err)
		}
		_, err := LoadKeyFile(path)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error quotes the file: %v", name, err)
		}
	}
	if err := private("k", fileInfo{mode: 0o440, gid: 1000}); err == nil || !strings.Contains(err.Error(), "0440") {
		t.Errorf("a group other than root's may read: %v", err)
	}
	for _, mode := range []os.FileMode{0o400, 0o440, 0o600, 0o640} {
		if err := private("k", fileInfo{mode: mode, gid: 0}); err != nil {
			t.Errorf("mode %04o of root's group: %v", mode, err)
		}
	}
	if _, err := LoadKeyFile(t.TempDir()); err == nil {
		t.Error("a folder was taken for a key file")
	}
}

func TestUnwrap(t *testing.T) {
	t.Parallel()
	ours, other := newKEK(t), newKEK(t)
	wrapped, err := ours.Wrap(t.Context(), "a", []byte(strings.Repeat("k", keyBytes)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Unwrap(t.Context(), "a", wrapped); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another key: %v, want ErrWrongKey", err)
	}
	if _, err := ours.Unwrap(t.Context(), "b", wrapped); err == nil {
		t.Error("a wrapped key opened for another account")
	}
	for i := range wrapped {
		bad := append([]byte(nil), wrapped...)
		bad[i] ^= 1
		if _, err := ours.Unwrap(t.Context(), "a", bad); err == nil {
			t.Errorf("octet %d changed and still opened", i)
		}
		if _, err := ours.Unwrap(t.Context(), "a", wrapped[:i]); err == nil {
			t.Errorf("cut to %d octets and still opened", i)
		}
	}
}

func newKEK(t testing.TB) *FileKEK {
	t.Helper()
	k, err := CreateKeyFile(filepath.Join(t.TempDir(), aaa.NewID()))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// fileInfo is a file with a mode and a group.
type fileInfo struct {
	os.FileInfo
	mode os.FileMode
	gid  uint32
}

func (f fileInfo) Mode() os.FileMode { return f.mode }
func (f fileInfo) Sys() any          { return &syscall.Stat_t{Gid: f.gid} }
