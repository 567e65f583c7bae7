package store

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"aaa-api/internal/aaa"
)

// Client is the document of a network device as stored: secrets sealed.
type Client struct {
	Account   aaa.AccountID
	Name      string // unique in the account; can't be changed
	Revision  int64  // from 1; a client created anew after a deletion begins again
	Body      json.RawMessage
	CreatedAt time.Time
	UpdatedAt time.Time

	// What of the Body no two accounts may claim at once:
	Network     netip.Prefix // that its packets come from, without bits after the prefix; invalid: none
	Certificate string       // the key of its certificate; empty: none
}

// Clients keeps the documents of network devices.
//
// The root account's may have any Network. That of another account's must be inside one of the ClientNetworks of the account and of each
// account above it but the root (OutsideError); one with a Certificate alone needs that all of them have some. Networks of two accounts overlap only where one account is above the other, and no
// two clients have one Certificate (ErrTaken, which does not tell whose it is).
type Clients interface {
	// Create stores a client of a new name, else ErrExists. ErrNotFound: there is no such account. LimitError: it has as many as it may.
	Create(ctx context.Context, c Client) (Client, error)
	Get(ctx context.Context, account aaa.AccountID, name string) (Client, error)
	// Replace changes Body, Network and Certificate: ErrStale where ifRevision is given and not current, ErrNotFound without a client.
	Replace(ctx context.Context, c Client, ifRevision int64) (Client, error)
	Delete(ctx context.Context, account aaa.AccountID, name string, ifRevision int64) error
	// List is ordered by name.
	List(ctx context.Context, account aaa.AccountID, p Page) (list []Client, next string, err error)
	// All returns an account's clients by name.
	All(ctx context.Context, account aaa.AccountID) ([]Client, error)
	// Each visits the clients of all accounts, by account and name. It reads them a page at a time, so that they are not all of one
	// moment: who reads the change log from before the call learns of what changed meanwhile.
	Each(ctx context.Context, visit func(Client) error) error
}
