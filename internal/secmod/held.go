package secmod

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

const (
	// freshKey is how long SealHeld trusts a key that the store had.
	freshKey = 10 * time.Second
	// awayPause is how long SealHeld goes on with the key in memory before it asks a store again that was away.
	awayPause = time.Second
	// lookTime is how long SealHeld waits for the store's answer if a key is in memory, and coldLookTime if none is.
	lookTime     = time.Second
	coldLookTime = 2 * time.Second
)

// held is a data key in memory.
type held struct {
	key     *dataKey
	askFrom time.Time // SealHeld asks the store for the key from then on
	away    bool      // the store did not answer last
}

func seenNow(key *dataKey) held { return held{key: key, askFrom: time.Now().Add(freshKey)} }

// SealHeld implements HeldSealer.
func (v *Vault) SealHeld(ctx context.Context, account aaa.AccountID, purpose, clear string) (string, error) {
	if len(clear) > MaxSecret {
		return "", aaa.Errorf(aaa.KindBadInput, "a secret is longer than %d octets", MaxSecret)
	}
	key, err := v.heldKey(ctx, account)
	if err != nil {
		return "", err
	}
	text, err := key.many.seal(clear, associated("secret", string(account), purpose))
	if err != nil {
		return "", err
	}
	out := make([]byte, len(manyPrefix), len(manyPrefix)+base64.RawURLEncoding.EncodedLen(len(text)))
	copy(out, manyPrefix)
	return string(base64.RawURLEncoding.AppendEncode(out, text)), nil
}

// heldKey returns the key in memory while it may be trusted. Callers that need the store's key share one query. If the store was away at the
// last query, the key in memory is returned at once.
func (v *Vault) heldKey(ctx context.Context, account aaa.AccountID) (*dataKey, error) {
	h, ok := v.cache.look(account)
	if ok && time.Now().Before(h.askFrom) {
		return h.key, nil
	}
	within := coldLookTime
	if ok {
		within = lookTime
	}
	found := v.looking.DoChan(string(account), func() (any, error) { return v.lookUp(context.WithoutCancel(ctx), account, within) })
	if ok && h.away {
		return h.key, nil
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-found:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*dataKey), nil
	}
}

// lookUp returns the stored key, or the one in memory if the store is away.
func (v *Vault) lookUp(ctx context.Context, account aaa.AccountID, within time.Duration) (*dataKey, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	key, err := v.storedKey(ctx, account, true)
	if err == nil || !errors.Is(err, store.ErrUnavailable) && ctx.Err() == nil {
		return key, err
	}
	if key, ok := v.cache.postpone(account); ok {
		return key, nil
	}
	return nil, errors.Join(store.ErrUnavailable, err)
}

// postpone notes that the store is away: SealHeld goes on with the key in memory, if there is one, for awayPause.
func (c *keyCache) postpone(account aaa.AccountID) (*dataKey, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.keys[account]
	if ok {
		h.askFrom, h.away = time.Now().Add(awayPause), true
		c.keys[account] = h
	}
	return h.key, ok
}
