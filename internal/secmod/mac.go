package secmod

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"

	"aaa-api/internal/aaa"
)

// MAC is a fingerprint of text: HMAC-SHA256 under a key that is derived from the account's data key for this purpose. The database alone is not
// enough to test guesses against it.
func (v *Vault) MAC(ctx context.Context, account aaa.AccountID, purpose string, text []byte) (sum [sha256.Size]byte, err error) {
	key, ok := v.cache.get(account)
	if !ok {
		if key, err = v.storedKey(ctx, account, true); err != nil {
			return sum, err
		}
	}
	derived := mac(key.octets[:], associated("mac", string(account), purpose))
	return mac(derived[:], text), nil
}

func mac(key, text []byte) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	h.Sum(sum[:0])
	return sum
}
