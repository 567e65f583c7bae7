package secmod

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"

	"aaa-api/internal/aaa"
	"aaa-api/internal/atomicfile"
	"aaa-api/internal/confine"
)

// keyBytes is the length of the key-encryption key and of every data key: AES-256.
const keyBytes = 32

// A key file holds one key a line: the first wraps, all unwrap.
const (
	maxKeys    = 4
	maxKeyFile = 512 // octets: each key is 44 of base64
)

// ErrWrongKey says that something was wrapped by another key-encryption key.
var ErrWrongKey = errors.New("sealed with another key")

// A KEK is a key-encryption key. It wraps the accounts' data keys, so a key service of
// the operator's can take the place of the key file.
type KEK interface {
	// Wrap encrypts an account's data key; the account is bound to the result.
	Wrap(ctx context.Context, account aaa.AccountID, key []byte) ([]byte, error)
	// Unwrap is Wrap's inverse: ErrWrongKey where another KEK did the wrapping.
	Unwrap(ctx context.Context, account aaa.AccountID, wrapped []byte) ([]byte, error)
	// Current reports whether Wrap would now use the key that made wrapped.
	Current(wrapped []byte) bool
}

// FileKEK is the key-encryption key of a key file. It follows the file: a key that is added to it while the process runs is
// found. It prints as its name, never as its key.
type FileKEK struct {
	path string
	ring *atomic.Pointer[ring]
}

// ring is what a key file held when it was read.
type ring struct {
	keys  []fileKey // the first wraps
	info  os.FileInfo
	lacks []confine.Missing // of the memory that it was read into
}

// fileKey is a key ready for use: all that stays in memory of a line is the cipher's own form of it.
type fileKey struct {
	aead cipher.AEAD
	id   [keyIDBytes]byte
}

// A wrapped key is this version octet, the id of the KEK, a nonce of 96 bits and the
// AES-256-GCM text. The id tells a wrong key from a damaged row.
const (
	wrapVersion = 1
	keyIDBytes  = 8
)

// LoadKeyFile reads a key file: 1 to 4 keys of 32 octets in base64, one a line. It refuses a file that others than its
// owner may write, or than its owner and root's group may read, and anything but a regular file; fs.ErrNotExist where there is none.
func LoadKeyFile(path string) (*FileKEK, error) {
	r, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	k := &FileKEK{path: path, ring: new(atomic.Pointer[ring])}
	k.ring.Store(r)
	return k, nil
}

func readKeyFile(path string) (*ring, error) {
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
	if err := private(path, info); err != nil {
		return nil, err
	}
	memory, lacks, err := confine.LockedBytes(maxKeyFile + 1 + keyBytes + 1)
	if err != nil {
		return nil, err
	}
	defer memory.Free()
	text, key := memory.Bytes()[:maxKeyFile+1], memory.Bytes()[maxKeyFile+1:] // one octet more of each tells what is too long
	n, err := io.ReadFull(f, text)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("key file: %w", err)
	}
	text = text[:n]
	lines := bytes.Fields(text)
	// The decoder's own error is left out: it quotes the text.
	bad := fmt.Errorf("key file %s does not hold 1 to %d keys of %d octets in base64, one a line", path, maxKeys, keyBytes)
	if len(text) > maxKeyFile || len(lines) == 0 || len(lines) > maxKeys {
		return nil, bad
	}
	r := &ring{info: info, lacks: lacks}
	for _, line := range lines {
		if base64.StdEncoding.DecodedLen(len(line)) > len(key) {
			return nil, bad
		}
		n, err := base64.StdEncoding.Decode(key, line)
		if err != nil || n != keyBytes {
			return nil, bad
		}
		fk, err := newFileKey(key[:n])
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, fk)
	}
	return r, nil
}

// private refuses a key file that others can reach. Root's group may read: service managers and container platforms
// hand secrets over with mode 0440 and owner root:root.
func private(path string, info os.FileInfo) error {
	reachable := info.Mode().Perm() & 0o077
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Gid == 0 {
		reachable &^= 0o040
	}
	if reachable != 0 {
		return fmt.Errorf("key file %s has mode %04o: others than its owner can reach it (chmod 600 %s)", path, info.Mode().Perm(), path)
	}
	return nil
}

// CreateKeyFile makes a key file of mode 0600 with a new random key. If path exists, it is left alone and the error is an fs.ErrExist.
func CreateKeyFile(path string) (*FileKEK, error) {
	if err := atomicfile.Create(path, []byte(newKeyText()+"\n")); err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	return LoadKeyFile(path)
}

// newKeyText is a new random key as a line of a key file.
func newKeyText() string {
	key := make([]byte, keyBytes)
	aaa.Random(key)
	return base64.StdEncoding.EncodeToString(key)
}

func newFileKey(key []byte) (fileKey, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return fileKey{}, err
	}
	sum := sha256.New()
	sum.Write([]byte("aaa-api key id\x00"))
	sum.Write(key)
	k := fileKey{aead: aead}
	copy(k.id[:], sum.Sum(nil))
	return k, nil
}

// newAEAD makes AES-256-GCM with a random nonce of 96 bits before each text. Such nonces serve 2^32 texts of one key: an account has
// some hundreds. What has more is sealed with a dataKey's many.
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

// Lacks names what the memory did without that the file was read into.
func (k *FileKEK) Lacks() []confine.Missing { return k.ring.Load().lacks }

// follow reads the file again where it is another one than was read. A file that can't be read or is refused leaves the keys
// in memory in force.
func (k *FileKEK) follow() *ring {
	r := k.ring.Load()
	info, err := os.Stat(k.path)
	if err != nil || os.SameFile(info, r.info) && info.ModTime().Equal(r.info.ModTime()) && info.Size() == r.info.Size() {
		return r
	}
	fresh, err := readKeyFile(k.path)
	if err != nil {
		return r
	}
	k.ring.Store(fresh)
	return fresh
}

// Wrap implements KEK.
func (k *FileKEK) Wrap(_ context.Context, account aaa.AccountID, key []byte) ([]byte, error) {
	first := &k.follow().keys[0]
	out := append([]byte{wrapVersion}, first.id[:]...)
	return first.aead.Seal(out, nil, key, associated("data key", string(account))), nil
}

// Current implements KEK.
func (k *FileKEK) Current(wrapped []byte) bool {
	return wrappedBy(wrapped, &k.follow().keys[0])
}

// wrappedBy reports whether a key made a wrapped text, by the key's id.
func wrappedBy(wrapped []byte, key *fileKey) bool {
	return len(wrapped) >= 1+keyIDBytes && string(wrapped[1:1+keyIDBytes]) == string(key.id[:])
}

// Unwrap implements KEK.
func (k *FileKEK) Unwrap(_ context.Context, account aaa.AccountID, wrapped []byte) ([]byte, error) {
	if len(wrapped) < 1+keyIDBytes || wrapped[0] != wrapVersion {
		return nil, errDamagedKey
	}
	by := k.ring.Load().find(wrapped)
	if by == nil {
		by = k.follow().find(wrapped)
	}
	if by == nil {
		return nil, ErrWrongKey
	}
	key, err := by.aead.Open(nil, nil, wrapped[1+keyIDBytes:], associated("data key", string(account)))
	if err != nil || len(key) != keyBytes {
		return nil, errDamagedKey
	}
	return key, nil
}

// find returns the key that made a wrapped text, nil where the ring has none.
func (r *ring) find(wrapped []byte) *fileKey {
	for i := range r.keys {
		if wrappedBy(wrapped, &r.keys[i]) {
			return &r.keys[i]
		}
	}
	return nil
}

var errDamagedKey = errors.New("the account's wrapped key is damaged")

// Format prints the kind of key and nothing of it.
func (k FileKEK) Format(f fmt.State, _ rune) { fmt.Fprint(f, "secmod.FileKEK") }

// LogValue is Format for slog.
func (k FileKEK) LogValue() slog.Value { return slog.StringValue("secmod.FileKEK") }
