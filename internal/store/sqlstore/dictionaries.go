package sqlstore

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

type dictionaries struct{ db Driver }

const dictionaryColumns = `account_id, id, name, revision, body, created_at, updated_at`

func scanDictionary(scan Scan) (d store.Dictionary, err error) {
	var body []byte
	err = scan(&d.Account, &d.ID, &d.Name, &d.Revision, &body, &d.CreatedAt, &d.UpdatedAt)
	switch string(body) {
	case "": // not asked for
	case "null": // what an earlier version wrote for a dictionary without entries
		d.Body = []byte(`[]`)
	default:
		d.Body = body
	}
	d.CreatedAt, d.UpdatedAt = d.CreatedAt.UTC(), d.UpdatedAt.UTC()
	return d, err
}

func getDictionary(ctx context.Context, c Conn, account aaa.AccountID, where, key string) (store.Dictionary, error) {
	return get(ctx, c, scanDictionary,
		`SELECT `+dictionaryColumns+` FROM dictionaries WHERE account_id = $1 AND `+where, string(account), key)
}

func (s dictionaries) Get(ctx context.Context, account aaa.AccountID, id string) (store.Dictionary, error) {
	return getDictionary(ctx, s.db, account, `id = $2`, id)
}

func (s dictionaries) ByName(ctx context.Context, account aaa.AccountID, name string) (store.Dictionary, error) {
	return getDictionary(ctx, s.db, account, `name = $2`, name)
}

func (s dictionaries) Nearest(ctx context.Context, account aaa.AccountID, name string) (store.Dictionary, error) {
	return get(ctx, s.db, scanDictionary, withUp+`SELECT `+dictionaryColumns+` FROM dictionaries WHERE name = $2 AND account_id =
		(SELECT up.id FROM up WHERE (SELECT 1 FROM dictionaries d WHERE d.account_id = up.id AND d.name = $2) = 1 ORDER BY up.step LIMIT 1)`,
		string(account), name)
}

func (s dictionaries) Create(ctx context.Context, d store.Dictionary) (store.Dictionary, error) {
	if d.ID == "" {
		d.ID = aaa.NewID()
	}
	err := configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		if err := tx.owner(ctx, d.Account); err != nil {
			return err
		}
		if taken, err := has(ctx, tx, `SELECT 1 FROM dictionaries WHERE account_id = $1 AND (name = $2 OR id = $3)`,
			string(d.Account), d.Name, d.ID); err != nil {
			return err
		} else if taken {
			return store.ErrExists
		}
		k, err := tx.kin(ctx, d.Account)
		if err != nil {
			return err
		}
		if err := tx.fits(ctx, k, aaa.LimitDictionaries, 1, fromDictionaries, string(d.Account)); err != nil {
			return err
		}
		d.Revision, d.CreatedAt, d.UpdatedAt = 1, tx.now, tx.now
		if _, err := tx.Exec(ctx, `INSERT INTO dictionaries (`+dictionaryColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			string(d.Account), d.ID, d.Name, d.Revision, string(d.Body), d.CreatedAt, d.UpdatedAt); err != nil {
			return err
		}
		if err := tx.fitOctets(ctx, k); err != nil {
			return err
		}
		return tx.changed(ctx, store.ChangedDictionary, d.Account, d.Name)
	})
	if err != nil {
		return store.Dictionary{}, err
	}
	return d, nil
}

func (s dictionaries) Replace(ctx context.Context, d store.Dictionary, ifRevision int64) (store.Dictionary, error) {
	err := configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		old, err := getDictionary(ctx, tx, d.Account, `id = $2`, d.ID)
		if err != nil {
			return err
		}
		if ifRevision != store.AnyRevision && ifRevision != old.Revision {
			return store.ErrStale
		}
		if d.Name != old.Name {
			if err := rename(ctx, tx, old, d.Name); err != nil {
				return err
			}
		}
		d.Revision, d.CreatedAt, d.UpdatedAt = old.Revision+1, old.CreatedAt, tx.now
		if _, err := tx.Exec(ctx, `UPDATE dictionaries
			SET name = $3, revision = $4, body = $5, updated_at = $6 WHERE account_id = $1 AND id = $2`,
			string(d.Account), d.ID, d.Name, d.Revision, string(d.Body), d.UpdatedAt); err != nil {
			return err
		}
		if len(d.Body) > len(old.Body) { // else it takes no more than before, whatever the limit is by now
			k, err := tx.kin(ctx, d.Account)
			if err != nil {
				return err
			}
			if err := tx.fitOctets(ctx, k); err != nil {
				return err
			}
		}
		return tx.changed(ctx, store.ChangedDictionary, d.Account, d.Name)
	})
	if err != nil {
		return store.Dictionary{}, err
	}
	return d, nil
}

// rename checks that the old name may go and the new one is free, and logs the old one's change.
func rename(ctx context.Context, tx *write, old store.Dictionary, name string) error {
	if err := unused(ctx, tx, dictionaryRef(old)); err != nil {
		return err
	}
	if taken, err := has(ctx, tx, `SELECT 1 FROM dictionaries WHERE account_id = $1 AND name = $2`,
		string(old.Account), name); err != nil {
		return err
	} else if taken {
		return store.ErrExists
	}
	return tx.changed(ctx, store.ChangedDictionary, old.Account, old.Name)
}

func dictionaryRef(d store.Dictionary) store.Ref {
	return store.Ref{Kind: store.RefDictionary, Account: d.Account, Name: d.Name}
}

func (s dictionaries) Delete(ctx context.Context, account aaa.AccountID, id string, ifRevision int64) error {
	return configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		d, err := getDictionary(ctx, tx, account, `id = $2`, id)
		if err != nil {
			return err
		}
		if ifRevision != store.AnyRevision && ifRevision != d.Revision {
			return store.ErrStale
		}
		if err := unused(ctx, tx, dictionaryRef(d)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM dictionaries WHERE account_id = $1 AND id = $2`, string(account), id); err != nil {
			return err
		}
		return tx.changed(ctx, store.ChangedDictionary, account, d.Name)
	})
}

func (s dictionaries) List(ctx context.Context, account aaa.AccountID, p store.Page) ([]store.Dictionary, string, error) {
	return page(ctx, s.db, p, scanDictionary, func(d store.Dictionary) string { return d.Name },
		`SELECT account_id, id, name, revision, '', created_at, updated_at FROM dictionaries
		WHERE account_id = $1 AND name >= $2 ORDER BY name LIMIT $3`, string(account), p.Start, limit(p))
}

func (s dictionaries) All(ctx context.Context, account aaa.AccountID) ([]store.Dictionary, error) {
	return all(ctx, s.db, scanDictionary, `SELECT `+dictionaryColumns+` FROM dictionaries WHERE account_id = $1 ORDER BY name`, string(account))
}
