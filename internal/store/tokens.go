package store

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
)

// Token is an API credential; the text itself is never stored.
type Token struct {
	ID        string
	Account   aaa.AccountID
	Hash      [32]byte // SHA-256 of the token's text
	Kind      string   // token, KindAPIKey or session (short-lived, from api_auth)
	Scopes    []string
	Note      string
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	KeyID     string    // of a session, and of what one makes: the API key that it came from and ends with; else empty
	// MadeBy is the id of the token or API key that asked for this one and that revokes it; MakerAccount is the account of
	// the one that asked. Both are empty if the command made it, or a version that did not keep its maker.
	MadeBy       string
	MakerAccount aaa.AccountID
	Checksum     bool // its text ends with a checksum
}

// Revoked counts the tokens that a write revoked.
type Revoked struct {
	Tokens   int
	Accounts []aaa.AccountID // whose tokens they were, in order
}

// KindAPIKey is the Kind of API keys, which are traded for sessions and are no tokens themselves.
const KindAPIKey = "api_key"

// KindSession is the Kind of what an API key is traded for.
const KindSession = "session"

// Tokens keeps the API credentials.
type Tokens interface {
	// Create stores a token. ErrNotFound: there is no such account, its maker is gone or not of that account or one above, or the
	// account has no API key of the KeyID. LimitError: it has as many as it may;
	// short-lived ones from api_auth are counted by themselves.
	Create(ctx context.Context, t Token) error
	// Rotate stores an API key in place of all that the account has, which are revoked.
	Rotate(ctx context.Context, key Token) error
	// ByHash finds a token of any account: verification is where the account becomes known.
	ByHash(ctx context.Context, hash [32]byte) (Token, error)
	List(ctx context.Context, account aaa.AccountID, p Page) (list []Token, next string, err error)
	// Revoke deletes the token, what it made, what that made, and so on, in whatever account. It counts the token itself.
	Revoke(ctx context.Context, account aaa.AccountID, id string) (Revoked, error)
	// Orphan deletes the token alone: what it made counts as made by its maker from then on. ErrNoOrphan where it is
	// an API key, and where by, the token that asks, is the token itself or came from it; by may be empty.
	Orphan(ctx context.Context, account aaa.AccountID, id, by string) error
	// RevokeKeys revokes all of the account's API keys and returns them, ErrNotFound where it has none.
	RevokeKeys(ctx context.Context, account aaa.AccountID) ([]Token, error)
	// Key is the key of the checksums, which all nodes of a database share.
	Key(ctx context.Context) ([]byte, error)
	// WithoutChecksum reports whether a token is stored whose text has no checksum.
	WithoutChecksum(ctx context.Context) (bool, error)
	// DeleteExpired removes tokens that ran out before now and says how many. It is no change.
	DeleteExpired(ctx context.Context, now time.Time) (int, error)
}
