package secmod

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/atomicfile"
	"aaa-api/internal/store"
)

// rotatePage is how many wrapped keys are read at once.
const rotatePage = 500

// Keys is how many keys the file holds: more than one while a rotation is under way.
func (k *FileKEK) Keys() int { return len(k.follow().keys) }

// AddKey puts a new random key in front of those of the key file. It wraps from now on; the others go on unwrapping.
func (k *FileKEK) AddKey() error {
	lines, err := k.lines()
	if err != nil {
		return err
	}
	if len(lines) >= maxKeys {
		return fmt.Errorf("key file %s holds %d keys already, which is the most", k.path, len(lines))
	}
	return k.replace(append([]string{newKeyText()}, lines...))
}

// DropOldKeys leaves the first key alone in the key file. Rewrap must have found nothing that another one wraps.
func (k *FileKEK) DropOldKeys() error {
	lines, err := k.lines()
	if err != nil {
		return err
	}
	return k.replace(lines[:1])
}

// lines are the keys as the file has them, which is read anew: of those in use no text is kept.
func (k *FileKEK) lines() ([]string, error) {
	fresh, err := readKeyFile(k.path)
	if err != nil {
		return nil, err
	}
	k.ring.Store(fresh)
	text, err := os.ReadFile(k.path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	lines := strings.Fields(string(text))
	if len(lines) == 0 {
		return nil, fmt.Errorf("key file %s is being changed by another process", k.path)
	}
	return lines, nil
}

// replace writes the key file whole or not at all, with the mode and owner that it has.
func (k *FileKEK) replace(lines []string) error {
	if err := atomicfile.Replace(k.path, []byte(strings.Join(lines, "\n")+"\n"), k.ring.Load().info); err != nil {
		return fmt.Errorf("key file: %w", err)
	}
	fresh, err := readKeyFile(k.path)
	if err != nil {
		return err
	}
	k.ring.Store(fresh)
	return nil
}

// Rewrapped says what Rewrap did.
type Rewrapped struct {
	Checked int // data keys looked at
	Changed int // wrapped anew
	Foreign int // wrapped by a key that the KEK does not have: left as they are
}

// Rewrap wraps every data key of the store under the KEK's current key. Nodes may run meanwhile. progress is called after
// each page of keys.
func Rewrap(ctx context.Context, kek KEK, keys store.Keys, progress func(Rewrapped)) (Rewrapped, error) {
	var done Rewrapped
	for start := aaa.AccountID(""); ; {
		page, next, err := keys.List(ctx, start, rotatePage)
		if err != nil {
			return done, err
		}
		for _, row := range page {
			done.Checked++
			changed, err := rewrap(ctx, kek, keys, row.Account, row.Wrapped)
			switch {
			case errors.Is(err, ErrWrongKey):
				done.Foreign++
			case err != nil:
				return done, fmt.Errorf("key of account %s: %w", row.Account, err)
			case changed:
				done.Changed++
			}
		}
		progress(done)
		if next == "" {
			return done, nil
		}
		start = next
	}
}

// rewrap wraps one data key under the current key, unless it is, or another process did it meanwhile.
func rewrap(ctx context.Context, kek KEK, keys store.Keys, account aaa.AccountID, wrapped []byte) (bool, error) {
	if kek.Current(wrapped) {
		return false, nil
	}
	key, err := kek.Unwrap(ctx, account, wrapped)
	if err != nil {
		return false, err
	}
	fresh, err := kek.Wrap(ctx, account, key)
	if err != nil {
		return false, err
	}
	return keys.Replace(ctx, account, wrapped, fresh)
}
