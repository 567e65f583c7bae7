package clients

import (
	"context"
	"fmt"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
)

// openTime bounds the opening of a client's secrets, whoever waits for it.
const openTime = 10 * time.Second

// Secrets are a client's secrets in the clear. One that the document does not have is zero.
type Secrets struct {
	Current  aaa.Secret
	Previous aaa.Secret
	CoA      aaa.Secret // Current if the document has none of its own
}

// Secret returns the secrets of a client: opened when first asked for, by one goroutine at a time, and kept for as long as the Client
// is in force. A failure is not kept: the next packet tries again.
func (r *Registry) Secret(ctx context.Context, c *Client) (Secrets, error) {
	if s := c.opened.Load(); s != nil {
		return *s, nil
	}
	done := r.opening.DoChan(fmt.Sprintf("%p", c), func() (any, error) {
		if s := c.opened.Load(); s != nil {
			return s, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTime)
		defer cancel()
		s, err := r.open(ctx, c)
		if err != nil {
			r.metrics.unopened.Inc()
			r.sealed.Do(func() {
				r.log.Error("the secrets of a client can't be opened: its packets go unanswered", "client", c, "error", err)
			})
			return nil, err
		}
		c.opened.Store(s)
		c.sealed.Store(nil) // after opened, so that one of the two is there
		return s, nil
	})
	select {
	case res := <-done:
		if res.Err != nil {
			return Secrets{}, res.Err
		}
		return *res.Val.(*Secrets), nil
	case <-ctx.Done():
		return Secrets{}, ctx.Err()
	}
}

// open opens what the document has.
func (r *Registry) open(ctx context.Context, c *Client) (*Secrets, error) {
	sealed := c.sealed.Load()
	doc := aaa.Client{Secret: sealed.Current, PreviousSecret: sealed.Previous, CoA: aaa.ClientCoA{Secret: sealed.CoA}}
	if err := document.OpenClient(ctx, c.Account, c.Name, &doc, r.opener); err != nil {
		return nil, err
	}
	s := &Secrets{Current: doc.Secret, Previous: doc.PreviousSecret, CoA: doc.CoA.Secret}
	if s.CoA.IsZero() {
		s.CoA = s.Current
	}
	return s, nil
}
