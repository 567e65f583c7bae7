package secmod

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"aaa-api/internal/aaa"
)

// dataKey is an account's data key, ready for use. It never changes.
type dataKey struct {
	octets [keyBytes]byte
	few    cipher.AEAD // of Seal
	many   manySealer  // of SealHeld
}

func newDataKey(octets []byte) (*dataKey, error) {
	few, err := newAEAD(octets)
	if err != nil {
		return nil, err
	}
	derived, err := hkdf.Key(sha256.New, octets, nil, "aaa-api many texts", keyBytes)
	if err != nil {
		return nil, fmt.Errorf("secmod: %w", err)
	}
	many, err := newManySealer(derived)
	if err != nil {
		return nil, err
	}
	return &dataKey{octets: [keyBytes]byte(octets), few: few, many: many}, nil
}

// open decrypts a text of Seal, or of SealHeld if many is set.
func (k *dataKey) open(many bool, text, associated []byte) ([]byte, error) {
	if many {
		return k.many.open(text, associated)
	}
	return k.few.Open(nil, nil, text, associated)
}

// Format prints the type and nothing of what it holds.
func (k dataKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "secmod.dataKey") }

// manyNonce is the part of the nonce from which the key of one text is derived, in octets. AES-GCM's own follows it.
const manyNonce = 12

var errDoesNotOpen = errors.New("the text does not open")

// manySealer is XAES-256-GCM (https://c2sp.org/XAES-256-GCM): each text has a key of its own, derived from the first half of a random nonce of
// 192 bits. One key serves 2^80 texts, where AES-GCM's random nonce of 96 bits is used up by a busy account's accounting records in days.
type manySealer struct {
	block cipher.Block
	mask  [aes.BlockSize]byte // K1 of CMAC
}

func newManySealer(key []byte) (manySealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return manySealer{}, fmt.Errorf("secmod: %w", err)
	}
	m := manySealer{block: block}
	block.Encrypt(m.mask[:], m.mask[:])
	carry := byte(0)
	for i := aes.BlockSize - 1; i >= 0; i-- {
		carry, m.mask[i] = m.mask[i]>>7, m.mask[i]<<1|carry
	}
	m.mask[aes.BlockSize-1] ^= carry * 0b10000111
	return m, nil
}

// aead makes the AES-256-GCM of one text.
func (m *manySealer) aead(nonce []byte) (cipher.AEAD, error) {
	var key [2 * aes.BlockSize]byte
	for half := range 2 {
		b := key[half*aes.BlockSize:][:aes.BlockSize]
		copy(b, []byte{0, byte(half + 1), 'X', 0})
		copy(b[4:], nonce[:manyNonce])
		for i := range b {
			b[i] ^= m.mask[i]
		}
		m.block.Encrypt(b, b)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("secmod: %w", err)
	}
	return cipher.NewGCM(block)
}

// seal returns nonce, ciphertext and tag.
func (m *manySealer) seal(clear string, associated []byte) ([]byte, error) {
	text := make([]byte, manyNonce+12, manyNonce+overhead+len(clear))
	aaa.Random(text)
	return m.sealWith(text, clear, associated)
}

func (m *manySealer) sealWith(nonce []byte, clear string, associated []byte) ([]byte, error) {
	aead, err := m.aead(nonce)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nonce, nonce[manyNonce:], []byte(clear), associated), nil
}

func (m *manySealer) open(text, associated []byte) ([]byte, error) {
	if len(text) < manyNonce+overhead {
		return nil, errDoesNotOpen
	}
	aead, err := m.aead(text)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, text[manyNonce:manyNonce+12], text[manyNonce+12:], associated)
}

// cachedKeys bounds the data keys kept in memory: about 2 KiB each. A plan that is warm needs none, so a miss costs one query when an
// account is first resolved or written.
const cachedKeys = 4096

// keyCache holds unwrapped data keys. When it is full, an arbitrary one makes room.
type keyCache struct {
	limit int
	mu    sync.Mutex
	keys  map[aaa.AccountID]held
}

func (c *keyCache) get(account aaa.AccountID) (*dataKey, bool) {
	h, ok := c.look(account)
	return h.key, ok
}

func (c *keyCache) look(account aaa.AccountID) (held, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.keys[account]
	return h, ok
}

// put keeps the key that the store has now.
func (c *keyCache) put(account aaa.AccountID, key *dataKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = map[aaa.AccountID]held{}
	}
	if h, ok := c.keys[account]; ok && h.key.octets == key.octets {
		key = h.key
	}
	for other := range c.keys {
		if len(c.keys) < c.limit {
			break
		}
		delete(c.keys, other)
	}
	c.keys[account] = seenNow(key)
}
