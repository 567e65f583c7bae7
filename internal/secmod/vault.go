package secmod

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"golang.org/x/sync/singleflight"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// MaxSecret is the longest text that is sealed, in octets: a users file. Secrets of documents are far shorter.
const MaxSecret = 1 << 20

// maxSealed is the longest sealed text: prefix, and nonce, secret and tag in base64.
const maxSealed = len(SealedPrefix) + (MaxSecret+manyNonce+overhead+2)/3*4

// overhead is what AES-GCM adds to a secret: a nonce of 12 octets and a tag of 16. The texts of SealHeld have manyNonce octets more.
const overhead = 12 + 16

// ErrSealed is returned for a text that no Seal of this account and purpose made.
var ErrSealed = errors.New("the stored secret does not open: it is damaged, or of another account or place")

// Vault seals and opens secrets with one data key per account. The data keys live in
// the store, wrapped by the KEK; those in use lately are kept in memory.
type Vault struct {
	kek     KEK
	keys    store.Keys
	cache   *keyCache
	looking *singleflight.Group // of SealHeld, by account
}

// New makes a Vault. Check must have succeeded before it is used.
func New(kek KEK, keys store.Keys) *Vault {
	return &Vault{kek: kek, keys: keys, cache: &keyCache{limit: cachedKeys}, looking: new(singleflight.Group)}
}

// Sealed reports whether a store has been sealed: whether a Check succeeded on it before.
func Sealed(ctx context.Context, keys store.Keys) (bool, error) {
	_, err := keys.Get(ctx, aaa.SystemConfig)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Check opens the store's seal, and sets it where there is none. The seal is the data
// key of the system configuration: of two nodes that start at once with different keys
// the store takes one, and the other gets ErrWrongKey.
func (v *Vault) Check(ctx context.Context) error {
	_, err := v.key(ctx, aaa.SystemConfig, true)
	return err
}

// Seal implements Sealer. The text is SealedPrefix and base64url of nonce, ciphertext and tag.
func (v *Vault) Seal(ctx context.Context, account aaa.AccountID, purpose, clear string) (string, error) {
	if len(clear) > MaxSecret {
		return "", aaa.Errorf(aaa.KindBadInput, "a secret is longer than %d octets", MaxSecret)
	}
	key, err := v.key(ctx, account, true)
	if err != nil {
		return "", err
	}
	text := key.few.Seal(nil, nil, []byte(clear), associated("secret", string(account), purpose))
	return SealedPrefix + base64.RawURLEncoding.EncodeToString(text), nil
}

// Open implements Opener. It returns ErrSealed for what Seal did not make, ErrWrongKey
// where the account's key was wrapped by another KEK, or the store's error.
func (v *Vault) Open(ctx context.Context, account aaa.AccountID, purpose, sealed string) (aaa.Secret, error) {
	text, many, err := unwrapText(sealed)
	if err != nil {
		return aaa.Secret{}, err
	}
	// The key in memory may be of an account that was since made again under its id, or of a database that was put back.
	for _, find := range []func(context.Context, aaa.AccountID, bool) (*dataKey, error){v.key, v.storedKey} {
		key, err := find(ctx, account, false)
		if errors.Is(err, store.ErrNotFound) {
			return aaa.Secret{}, ErrSealed // no key was ever made for the account
		}
		if err != nil {
			return aaa.Secret{}, err
		}
		if clear, err := key.open(many, text, associated("secret", string(account), purpose)); err == nil {
			return aaa.NewSecret(string(clear)), nil
		}
	}
	return aaa.Secret{}, ErrSealed
}

// OpenHeld is Open with the key in memory alone: what strangers send makes no query.
func (v *Vault) OpenHeld(account aaa.AccountID, purpose, sealed string) (aaa.Secret, error) {
	text, many, err := unwrapText(sealed)
	if err != nil {
		return aaa.Secret{}, err
	}
	key, ok := v.cache.get(account)
	if !ok {
		return aaa.Secret{}, ErrSealed
	}
	clear, err := key.open(many, text, associated("secret", string(account), purpose))
	if err != nil {
		return aaa.Secret{}, ErrSealed
	}
	return aaa.NewSecret(string(clear)), nil
}

// unwrapText takes a sealed text out of its prefix and base64. many reports whether SealHeld made it.
func unwrapText(sealed string) (text []byte, many bool, err error) {
	body, ok := strings.CutPrefix(sealed, SealedPrefix)
	if !ok {
		body, many = strings.CutPrefix(sealed, manyPrefix)
	}
	if !ok && !many || len(sealed) > maxSealed || strings.ContainsAny(body, "\r\n") { // the decoder skips line ends
		return nil, false, ErrSealed
	}
	text, err = base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(text) < overhead {
		return nil, false, ErrSealed
	}
	return text, many, nil
}

// key returns the account's data key, ready for use. With create, an account that has
// none gets one; else it is store.ErrNotFound.
//
// Whoever seals gets the key that is stored, not the one in memory: what is sealed with a key that the database lost to a
// restore is lost, too. The seal's own key is taken from memory, since nodes speak to each other while the store is away.
func (v *Vault) key(ctx context.Context, account aaa.AccountID, create bool) (*dataKey, error) {
	if !create || account == aaa.SystemConfig {
		if key, ok := v.cache.get(account); ok {
			return key, nil
		}
	}
	return v.storedKey(ctx, account, create)
}

// storedKey is key, whatever is in memory.
func (v *Vault) storedKey(ctx context.Context, account aaa.AccountID, create bool) (*dataKey, error) {
	wrapped, err := v.keys.Get(ctx, account)
	if create && errors.Is(err, store.ErrNotFound) {
		wrapped, err = v.addKey(ctx, account)
	}
	if err != nil {
		return nil, fmt.Errorf("key of account %s: %w", account, err)
	}
	octets, err := v.kek.Unwrap(ctx, account, wrapped)
	if err != nil {
		return nil, fmt.Errorf("key of account %s: %w", account, err)
	}
	key, err := newDataKey(octets)
	if err != nil {
		return nil, err
	}
	v.cache.put(account, key)
	return key, nil
}

// addKey offers a new data key to the store and returns the one that is now stored: another node may have been first.
func (v *Vault) addKey(ctx context.Context, account aaa.AccountID) ([]byte, error) {
	var key [keyBytes]byte
	aaa.Random(key[:])
	wrapped, err := v.kek.Wrap(ctx, account, key[:])
	if err != nil {
		return nil, err
	}
	if wrapped, err = v.keys.Add(ctx, account, wrapped); err != nil {
		return nil, err
	}
	// A rotation that began since the Wrap may have passed this row by.
	if _, err := rewrap(ctx, v.kek, v.keys, account, wrapped); err != nil {
		return nil, err
	}
	return wrapped, nil
}

// associated makes associated data of a domain and parts, each with its length, so that
// no two lists make the same octets.
func associated(domain string, parts ...string) []byte {
	out := append([]byte("aaa-api "), domain...)
	for _, p := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(p)))
		out = append(out, p...)
	}
	return out
}

// Format prints the type and nothing of what it holds.
func (v Vault) Format(f fmt.State, _ rune) { fmt.Fprint(f, "secmod.Vault") }

// LogValue is Format for slog.
func (v Vault) LogValue() slog.Value { return slog.StringValue("secmod.Vault") }
