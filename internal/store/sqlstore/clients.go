package sqlstore

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

type clients struct{ db Driver }

const clientColumns = `account_id, name, revision, body, network, certificate, created_at, updated_at`

func scanClient(scan Scan) (c store.Client, err error) {
	var body []byte
	var network, certificate *string
	if err = scan(&c.Account, &c.Name, &c.Revision, &body, &network, &certificate, &c.CreatedAt, &c.UpdatedAt); err != nil {
		return c, err
	}
	c.Body, c.CreatedAt, c.UpdatedAt = body, c.CreatedAt.UTC(), c.UpdatedAt.UTC()
	if certificate != nil {
		c.Certificate = *certificate
	}
	if network != nil {
		c.Network, err = networkOf(*network)
	}
	return c, err
}

// clientRow are the columns of a client.
func clientRow(c store.Client) []any {
	var network *string
	if c.Network.IsValid() {
		key := networkKey(c.Network)
		network = &key
	}
	return []any{string(c.Account), c.Name, c.Revision, string(c.Body), network, orNull(c.Certificate), c.CreatedAt, c.UpdatedAt}
}

func getClient(ctx context.Context, c Conn, account aaa.AccountID, name string) (store.Client, error) {
	return get(ctx, c, scanClient, `SELECT `+clientColumns+` FROM clients WHERE account_id = $1 AND name = $2`, string(account), name)
}

func (s clients) Get(ctx context.Context, account aaa.AccountID, name string) (store.Client, error) {
	return getClient(ctx, s.db, account, name)
}

func (s clients) Create(ctx context.Context, c store.Client) (store.Client, error) {
	err := configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		owner, err := getAccount(ctx, tx, `id = $1`, string(c.Account))
		if err != nil {
			return err
		}
		if taken, err := has(ctx, tx, `SELECT 1 FROM clients WHERE account_id = $1 AND name = $2`, string(c.Account), c.Name); err != nil {
			return err
		} else if taken {
			return store.ErrExists
		}
		if err := tx.room(ctx, c.Account, aaa.LimitClients, fromClients, string(c.Account)); err != nil {
			return err
		}
		if err := tx.claim(ctx, owner, c); err != nil {
			return err
		}
		c.Revision, c.CreatedAt, c.UpdatedAt = 1, tx.now, tx.now
		tx.atEnd(`INSERT INTO clients (`+clientColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, clientRow(c)...)
		return tx.changed(ctx, store.ChangedClient, c.Account, c.Name)
	})
	if err != nil {
		return store.Client{}, err
	}
	return c, nil
}

func (s clients) Replace(ctx context.Context, c store.Client, ifRevision int64) (store.Client, error) {
	err := configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		old, err := currentClient(ctx, tx, c.Account, c.Name, ifRevision)
		if err != nil {
			return err
		}
		if c.Network != old.Network || c.Certificate != old.Certificate {
			owner, err := getAccount(ctx, tx, `id = $1`, string(c.Account))
			if err != nil {
				return err
			}
			if err := tx.claim(ctx, owner, c); err != nil {
				return err
			}
		}
		c.Revision, c.CreatedAt, c.UpdatedAt = old.Revision+1, old.CreatedAt, tx.now
		tx.atEnd(`UPDATE clients SET revision = $3, body = $4, network = $5, certificate = $6, created_at = $7, updated_at = $8
			WHERE account_id = $1 AND name = $2`, clientRow(c)...)
		return tx.changed(ctx, store.ChangedClient, c.Account, c.Name)
	})
	if err != nil {
		return store.Client{}, err
	}
	return c, nil
}

// currentClient reads a client that is to be changed and checks that it is of the revision given.
func currentClient(ctx context.Context, tx *write, account aaa.AccountID, name string, ifRevision int64) (store.Client, error) {
	c, err := getClient(ctx, tx, account, name)
	if err == nil && ifRevision != store.AnyRevision && ifRevision != c.Revision {
		err = store.ErrStale
	}
	return c, err
}

func (s clients) Delete(ctx context.Context, account aaa.AccountID, name string, ifRevision int64) error {
	return configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		if _, err := currentClient(ctx, tx, account, name, ifRevision); err != nil {
			return err
		}
		tx.atEnd(`DELETE FROM clients WHERE account_id = $1 AND name = $2`, string(account), name)
		return tx.changed(ctx, store.ChangedClient, account, name)
	})
}

func (s clients) List(ctx context.Context, account aaa.AccountID, p store.Page) ([]store.Client, string, error) {
	return page(ctx, s.db, p, scanClient, func(c store.Client) string { return c.Name },
		`SELECT `+clientColumns+` FROM clients WHERE account_id = $1 AND name >= $2 ORDER BY name LIMIT $3`, string(account), p.Start, limit(p))
}

func (s clients) All(ctx context.Context, account aaa.AccountID) ([]store.Client, error) {
	return all(ctx, s.db, scanClient, `SELECT `+clientColumns+` FROM clients WHERE account_id = $1 ORDER BY name`, string(account))
}

// clientPage is how many clients Each reads at once.
const clientPage = 500

func (s clients) Each(ctx context.Context, visit func(store.Client) error) error {
	for account, name := "", ""; ; {
		list, err := all(ctx, s.db, scanClient, `SELECT `+clientColumns+` FROM clients
			WHERE (account_id, name) > ($1, $2) ORDER BY account_id, name LIMIT $3`, account, name, int64(clientPage))
		if err != nil {
			return err
		}
		for _, c := range list {
			if err := visit(c); err != nil {
				return err
			}
			account, name = string(c.Account), c.Name
		}
		if len(list) < clientPage {
			return nil
		}
	}
}
