package secmod

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

// fileOf is the text of a FileKEK's file.
func fileOf(t *testing.T, k *FileKEK) string {
	t.Helper()
	text, err := os.ReadFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func rewrapAll(t *testing.T, kek KEK, keys *memKeys) Rewrapped {
	t.Helper()
	done, err := Rewrap(t.Context(), kek, keys, func(Rewrapped) {})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// TestRotate goes the way of an operator, with a node that runs all the time and reads the file once more only when it has to.
func TestRotate(t *testing.T) {
	t.Parallel()
	kek, keys := newKEK(t), &memKeys{}
	running, err := LoadKeyFile(kek.path)
	if err != nil {
		t.Fatal(err)
	}
	node := New(running, keys)
	ctx := t.Context()
	sealed := map[aaa.AccountID]string{}
	for _, account := range []aaa.AccountID{alice, bob} {
		if sealed[account], err = node.Seal(ctx, account, "p", "clear"); err != nil {
			t.Fatal(err)
		}
	}
	old := fileOf(t, kek)

	if err := kek.AddKey(); err != nil {
		t.Fatal(err)
	}
	if got := fileOf(t, kek); strings.Count(got, "\n") != 2 || !strings.HasSuffix(got, old) || strings.HasPrefix(got, old) {
		t.Fatal("the file does not hold the new key and then the old one")
	}
	if done := rewrapAll(t, kek, keys); done != (Rewrapped{Checked: 2, Changed: 2}) {
		t.Errorf("%+v", done)
	}
	if done := rewrapAll(t, kek, keys); done != (Rewrapped{Checked: 2}) {
		t.Errorf("once more: %+v", done)
	}
	if err := kek.DropOldKeys(); err != nil {
		t.Fatal(err)
	}
	if got := fileOf(t, kek); strings.Count(got, "\n") != 1 || got == old {
		t.Fatal("the file does not hold the new key alone")
	}

	// The node that ran all the time, its memory of data keys empty, and one that starts now.
	for name, k := range map[string]*FileKEK{"running": running, "started": kek} {
		v := New(k, keys)
		for account, text := range sealed {
			if clear, err := v.Open(ctx, account, "p", text); err != nil || clear.Reveal() != "clear" {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	// One whose key file is still the old one.
	stale := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(stale, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	behind, err := LoadKeyFile(stale)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(behind, keys).Open(ctx, alice, "p", sealed[alice]); !errors.Is(err, ErrWrongKey) {
		t.Errorf("with the old file: %v", err)
	}
	if done := rewrapAll(t, behind, keys); done.Foreign != 2 || done.Changed != 0 {
		t.Errorf("rewrapping with the old file: %+v", done)
	}
}

// TestRotateWhileAnAccountGetsItsKey rotates between a node's Wrap and the end of its Add.
func TestRotateWhileAnAccountGetsItsKey(t *testing.T) {
	t.Parallel()
	kek, keys := newKEK(t), &memKeys{}
	running, err := LoadKeyFile(kek.path)
	if err != nil {
		t.Fatal(err)
	}
	keys.added = func() {
		if err := kek.AddKey(); err != nil {
			t.Error(err)
		}
	}
	if _, err := New(running, keys).Seal(t.Context(), alice, "p", "clear"); err != nil {
		t.Fatal(err)
	}
	if !kek.Current(keys.rows[alice]) {
		t.Error("the row that a rotation may have passed by is wrapped by the old key")
	}
}

func TestAddKeyKeepsModeAndRefusesAFifth(t *testing.T) {
	t.Parallel()
	kek := newKEK(t)
	if err := os.Chmod(kek.path, 0o400); err != nil {
		t.Fatal(err)
	}
	kek, err := LoadKeyFile(kek.path)
	if err != nil {
		t.Fatal(err)
	}
	for range maxKeys - 1 {
		if err := kek.AddKey(); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(kek.path); err != nil || info.Mode() != 0o400 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	before := fileOf(t, kek)
	if err := kek.AddKey(); err == nil || fileOf(t, kek) != before {
		t.Errorf("a fifth key: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(kek.path), ".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
