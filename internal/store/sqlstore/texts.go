package sqlstore

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

type texts struct{ db Driver }

const textColumns = `account_id, kind, name, revision, body, closed, created_at, updated_at`

func scanText(scan Scan) (t store.Text, err error) {
	err = scan(&t.Account, &t.Kind, &t.Name, &t.Revision, &t.Body, &t.Closed, &t.CreatedAt, &t.UpdatedAt)
	t.CreatedAt, t.UpdatedAt = t.CreatedAt.UTC(), t.UpdatedAt.UTC()
	return t, err
}

func getText(ctx context.Context, c Conn, account aaa.AccountID, kind store.TextKind, name string) (store.Text, error) {
	return get(ctx, c, scanText,
		`SELECT `+textColumns+` FROM texts WHERE account_id = $1 AND kind = $2 AND name = $3`,
		string(account), string(kind), name)
}

func (s texts) Get(ctx context.Context, account aaa.AccountID, kind store.TextKind, name string) (store.Text, error) {
	return getText(ctx, s.db, account, kind, name)
}

func (s texts) Nearest(ctx context.Context, account aaa.AccountID, kind store.TextKind, name string) (store.Text, error) {
	return get(ctx, s.db, scanText, withUp+`SELECT `+textColumns+` FROM texts WHERE kind = $2 AND name = $3 AND account_id =
		(SELECT up.id FROM up WHERE (SELECT 1 FROM texts t WHERE t.account_id = up.id AND t.kind = $2 AND t.name = $3 AND (up.step = 0 OR NOT t.closed)) = 1
		ORDER BY up.step LIMIT 1)`, string(account), string(kind), name)
}

func (s texts) Create(ctx context.Context, t store.Text) (store.Text, error) {
	err := configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		if err := tx.owner(ctx, t.Account); err != nil {
			return err
		}
		if taken, err := hasText(ctx, tx, t.Account, t.Kind, t.Name); err != nil {
			return err
		} else if taken {
			return store.ErrExists
		}
		limit := aaa.LimitTables
		if t.Kind == store.TextUsers {
			limit = aaa.LimitUsersFiles
		}
		if err := tx.room(ctx, t.Account, limit, fromTexts, string(t.Account), string(t.Kind)); err != nil {
			return err
		}
		t.Revision, t.CreatedAt, t.UpdatedAt = 1, tx.now, tx.now
		if _, err := tx.Exec(ctx, `INSERT INTO texts (`+textColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			string(t.Account), string(t.Kind), t.Name, t.Revision, t.Body, t.Closed, t.CreatedAt, t.UpdatedAt); err != nil {
			return err
		}
		return tx.changed(ctx, store.ChangeKind(t.Kind), t.Account, t.Name)
	})
	if err != nil {
		return store.Text{}, err
	}
	return t, nil
}

func hasText(ctx context.Context, tx *write, account aaa.AccountID, kind store.TextKind, name string) (bool, error) {
	return has(ctx, tx, `SELECT 1 FROM texts WHERE account_id = $1 AND kind = $2 AND name = $3`,
		string(account), string(kind), name)
}

func (s texts) Replace(ctx context.Context, t store.Text, ifRevision int64) (store.Text, error) {
	err := configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		old, err := currentText(ctx, tx, t.Account, t.Kind, t.Name, ifRevision)
		if err != nil {
			return err
		}
		t.Revision, t.CreatedAt, t.UpdatedAt = old.Revision+1, old.CreatedAt, tx.now
		if _, err := tx.Exec(ctx, `UPDATE texts
			SET revision = $4, body = $5, closed = $6, updated_at = $7 WHERE account_id = $1 AND kind = $2 AND name = $3`,
			string(t.Account), string(t.Kind), t.Name, t.Revision, t.Body, t.Closed, t.UpdatedAt); err != nil {
			return err
		}
		return tx.changed(ctx, store.ChangeKind(t.Kind), t.Account, t.Name)
	})
	if err != nil {
		return store.Text{}, err
	}
	return t, nil
}

// currentText reads a text that is to be changed and checks that it is of the revision given.
func currentText(ctx context.Context, tx *write, account aaa.AccountID, kind store.TextKind, name string, ifRevision int64) (store.Text, error) {
	t, err := getText(ctx, tx, account, kind, name)
	if err == nil && ifRevision != store.AnyRevision && ifRevision != t.Revision {
		err = store.ErrStale
	}
	return t, err
}

func (s texts) Delete(ctx context.Context, account aaa.AccountID, kind store.TextKind, name string, ifRevision int64) error {
	return configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		if _, err := currentText(ctx, tx, account, kind, name, ifRevision); err != nil {
			return err
		}
		if err := unused(ctx, tx, store.Ref{Kind: store.RefKind(kind), Account: account, Name: name}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM texts WHERE account_id = $1 AND kind = $2 AND name = $3`,
			string(account), string(kind), name); err != nil {
			return err
		}
		return tx.changed(ctx, store.ChangeKind(kind), account, name)
	})
}

func (s texts) List(ctx context.Context, account aaa.AccountID, kind store.TextKind, p store.Page) ([]store.Text, string, error) {
	return page(ctx, s.db, p, scanText, func(t store.Text) string { return t.Name },
		`SELECT account_id, kind, name, revision, '', closed, created_at, updated_at FROM texts
		WHERE account_id = $1 AND kind = $2 AND name >= $3 ORDER BY name LIMIT $4`,
		string(account), string(kind), p.Start, limit(p))
}

func (s texts) All(ctx context.Context, account aaa.AccountID) ([]store.Text, error) {
	return all(ctx, s.db, scanText, `SELECT `+textColumns+` FROM texts WHERE account_id = $1 ORDER BY kind, name`, string(account))
}
