package secmod

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"aaa-api/internal/aaa"
)

// keyBytes is the length of the key-encryption key and of every data key: AES-256.
const keyBytes = 32

// maxKeyFile bounds what is read of a key file, in octets: 44 of base64 and white space.
const maxKeyFile = 256

// ErrWrongKey says that something was wrapped by another key-encryption key.
var ErrWrongKey = errors.New("sealed with another key")

// A KEK is a key-encryption key. It wraps the accounts' data keys, so a key service of
// the operator's can take the place of the key file.
type KEK interface {
	// Wrap encrypts an account's data key; the account is bound to the result.
	Wrap(ctx context.Context, account aaa.AccountID, key []byte) ([]byte, error)
	// Unwrap is Wrap's inverse: ErrWrongKey where another KEK did the wrapping.
	Unwrap(ctx context.Context, account aaa.AccountID, wrapped []byte) ([]byte, error)
}

// FileKEK is the key-encryption key of a key file. It prints as its name, never as its key.
type FileKEK struct {
	aead cipher.AEAD
	id   *[keyIDBytes]byte
}

// A wrapped key is this version octet, the id of the KEK, a nonce of 96 bits and the
// AES-256-GCM text. The id tells a wrong key from a damaged row.
const (
	wrapVersion = 1
	keyIDBytes  = 8
)

// LoadKeyFile reads a key file: 32 octets in base64, with white space around. It
// refuses a file that group or others may read or write, and anything but a regular
// file; fs.ErrNotExist where there is none.
func LoadKeyFile(path string) (*FileKEK, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO is refused, not waited for
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("key file %s is not a regular file", path)
	}
	if m := info.Mode().Perm(); m&0o077 != 0 {
		return nil, fmt.Errorf("key file %s has mode %04o: others than its owner can reach it (chmod 600 %s)", path, m, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(text) > maxKeyFile || len(key) != keyBytes {
		// The decoder's own error is left out: it quotes the text.
		return nil, fmt.Errorf("key file %s does not hold %d octets in base64", path, keyBytes)
	}
	return newFileKEK(key)
}

// CreateKeyFile makes a key file of mode 0600 with a new random key; fs.ErrExist where there
// is one already, which is then left alone.
func CreateKeyFile(path string) (*FileKEK, error) {
	key := make([]byte, keyBytes)
	rand.Read(key) //nolint:errcheck // never fails since Go 1.24
	text := base64.StdEncoding.EncodeToString(key) + "\n"
	if err := WriteNewFile(path, []byte(text)); err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	return newFileKEK(key)
}

// WriteNewFile writes a file of mode 0600 that holds all of text or does not exist:
// it is written under another name, made durable and then linked, which fails with
// fs.ErrExist where path is taken.
func WriteNewFile(path string, text []byte) error {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // O_EXCL, mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	if err == nil {
		err = tmp.Sync()
	}
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
		}
		return err
	}
	return syncDir(dir)
}

// syncDir makes a new name in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func newFileKEK(key []byte) (*FileKEK, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("aaa-api key id\x00"), key...))
	k := &FileKEK{aead: aead, id: new([keyIDBytes]byte)}
	copy(k.id[:], sum[:])
	return k, nil
}

// newAEAD makes AES-256-GCM with a random nonce of 96 bits before each text. A random
// nonce serves 2^32 texts of one key with room to spare: an account has some hundreds.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("secmod: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("secmod: %w", err)
	}
	return aead, nil
}

// Wrap implements KEK.
func (k *FileKEK) Wrap(_ context.Context, account aaa.AccountID, key []byte) ([]byte, error) {
	out := append([]byte{wrapVersion}, k.id[:]...)
	return k.aead.Seal(out, nil, key, associated("data key", string(account))), nil
}

// Unwrap implements KEK.
func (k *FileKEK) Unwrap(_ context.Context, account aaa.AccountID, wrapped []byte) ([]byte, error) {
	if len(wrapped) < 1+keyIDBytes || wrapped[0] != wrapVersion {
		return nil, errDamagedKey
	}
	if string(wrapped[1:1+keyIDBytes]) != string(k.id[:]) {
		return nil, ErrWrongKey
	}
	key, err := k.aead.Open(nil, nil, wrapped[1+keyIDBytes:], associated("data key", string(account)))
	if err != nil || len(key) != keyBytes {
		return nil, errDamagedKey
	}
	return key, nil
}

var errDamagedKey = errors.New("the account's wrapped key is damaged")

// Format prints the kind of key and nothing of it.
func (k FileKEK) Format(f fmt.State, _ rune) { fmt.Fprint(f, "secmod.FileKEK") }

// LogValue is Format for slog.
func (k FileKEK) LogValue() slog.Value { return slog.StringValue("secmod.FileKEK") }
