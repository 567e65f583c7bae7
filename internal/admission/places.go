package admission

import (
	"context"
	"errors"
	"time"

	"aaa-api/internal/aaa"
)

// What is read and written of configuration is held in memory several times over while an answer is made of it, and its
// length is not known before. So few such requests are served at once; AAA requests are none of them.
const (
	// PlacesOfNode is how many requests about configuration a node serves at once.
	PlacesOfNode    = 4
	placesOfAccount = 2
	placeTime       = 10 * time.Second // that one may wait
)

// Places are those in which requests about configuration are served.
type Places struct {
	node     *Turns // of one name, everybody's
	accounts *Turns
}

// Place is held by one request: a place of its account, and one of the node until the request waits for heavy work.
type Place struct {
	places        *Places
	owner         aaa.AccountID
	account, node *Turn
	since         time.Time
}

// everybody is the name under which all accounts share the node's places.
const everybody aaa.AccountID = ""

// NewPlaces makes the places of a node.
func NewPlaces() *Places {
	return &Places{node: NewTurns(PlacesOfNode), accounts: NewTurns(placesOfAccount)}
}

// Free reports whether no place is held or waited for.
func (p *Places) Free() bool { return p.node.Len() == 0 && p.accounts.Len() == 0 }

// Take waits for one of the places of the account, and then of the node. Without an error, Leave is owed.
func (p *Places) Take(ctx context.Context, account aaa.AccountID) (*Place, error) {
	wait, cancel := context.WithTimeout(ctx, placeTime)
	defer cancel()
	t, err := p.accounts.Take(wait, account)
	if err != nil {
		return nil, noPlace(ctx, err)
	}
	n, err := p.node.Take(wait, everybody)
	if err != nil {
		p.accounts.End(account, t)
		return nil, noPlace(ctx, err)
	}
	return &Place{p, account, t, n, time.Now()}, nil
}

func noPlace(ctx context.Context, why error) error {
	if !errors.Is(why, ErrNoTurn) {
		return why
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return &aaa.Error{Kind: aaa.KindBusy, Message: "too many requests about configuration are under way; nothing was done", RetryAfter: time.Second}
}

// Held is how long the place has been held.
func (t *Place) Held() time.Duration { return time.Since(t.since) }

// Lose gives all who wait for a place err: a request that waited for something in vain spares the others the same wait.
func (t *Place) Lose(err error) {
	t.places.accounts.Lose(t.owner, t.account, err)
	if t.node != nil {
		t.places.node.Lose(everybody, t.node, err)
	}
}

// Leave gives the place to the next.
func (t *Place) Leave() {
	t.LeaveNode()
	t.places.accounts.End(t.owner, t.account)
}

// LeaveNode gives the node's place to the next, and keeps the account's: a request that waits for heavy work, which is
// bounded by itself, must not keep those waiting that have none to do.
func (t *Place) LeaveNode() {
	if t.node != nil {
		t.places.node.End(everybody, t.node)
		t.node = nil
	}
}
