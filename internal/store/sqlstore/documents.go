package sqlstore

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

type documents struct{ db Driver }

const documentColumns = `account_id, revision, deleted, body, author, created_at`

func scanDocument(scan Scan) (d store.Document, err error) {
	var body []byte
	err = scan(&d.Account, &d.Revision, &d.Deleted, &body, &d.Author, &d.CreatedAt)
	if !d.Deleted {
		d.Body = body
	}
	d.CreatedAt = d.CreatedAt.UTC()
	return d, err
}

// scanHead reads what a write has to know of the document before it.
func scanHead(scan Scan) (d store.Document, err error) {
	err = scan(&d.Revision, &d.Deleted)
	return d, err
}

func getDocument(ctx context.Context, c Conn, account aaa.AccountID) (d store.Document, found bool, err error) {
	found, err = one(ctx, c, func(scan Scan) (err error) { d, err = scanDocument(scan); return err },
		`SELECT `+documentColumns+` FROM documents WHERE account_id = $1`, string(account))
	return d, found, err
}

func (s documents) Get(ctx context.Context, account aaa.AccountID) (store.Document, error) {
	d, found, err := getDocument(ctx, s.db, account)
	if err != nil {
		return store.Document{}, err
	}
	if !found || d.Deleted {
		return store.Document{}, store.ErrNotFound
	}
	return d, nil
}

func (s documents) Create(ctx context.Context, d store.Document, uses []store.Ref) (store.Document, error) {
	return s.put(ctx, d, uses, func(old store.Document, found bool) error {
		if found && !old.Deleted {
			return store.ErrExists
		}
		return nil
	})
}

func (s documents) Replace(ctx context.Context, d store.Document, ifRevision int64, uses []store.Ref) (store.Document, error) {
	return s.put(ctx, d, uses, current(ifRevision))
}

func (s documents) Delete(ctx context.Context, account aaa.AccountID, ifRevision int64, author string) error {
	_, err := s.put(ctx, store.Document{Account: account, Author: author, Deleted: true}, nil, current(ifRevision))
	return err
}

// current checks that there is a document, of the revision given.
func current(ifRevision int64) func(store.Document, bool) error {
	return func(old store.Document, found bool) error {
		if !found || old.Deleted {
			return store.ErrNotFound
		}
		if ifRevision != store.AnyRevision && ifRevision != old.Revision {
			return store.ErrStale
		}
		return nil
	}
}

// put stores d as the next revision if check agrees with the present one.
func (s documents) put(ctx context.Context, d store.Document, uses []store.Ref,
	check func(old store.Document, found bool) error,
) (store.Document, error) {
	var owner maybe[int64]
	var present maybe[store.Document]
	reads := func() []Statement {
		return []Statement{
			owner.from(scanInt, `SELECT 1 FROM accounts WHERE id = $1`, string(d.Account)),
			present.from(scanHead, `SELECT revision, deleted FROM documents WHERE account_id = $1`, string(d.Account)),
		}
	}
	err := configureAfter(ctx, s.db, reads, func(ctx context.Context, tx *write) error {
		if !owner.found && d.Account != aaa.SystemConfig { // which always is
			return store.ErrNotFound
		}
		old, found := present.v, present.found
		if err := check(old, found); err != nil {
			return err
		}
		if err := refer(ctx, tx, d.Account, uses); err != nil {
			return err
		}
		d.Revision, d.CreatedAt = old.Revision+1, tx.now
		row := []any{string(d.Account), d.Revision, d.Deleted, string(d.Body), d.Author, d.CreatedAt}
		put := `INSERT INTO documents (` + documentColumns + `) VALUES ($1, $2, $3, $4, $5, $6)`
		if found {
			put = `UPDATE documents SET revision = $2, deleted = $3, body = $4, author = $5, created_at = $6 WHERE account_id = $1`
		}
		tx.atEnd(put, row...)
		tx.atEnd(`INSERT INTO document_revisions (`+documentColumns+`) VALUES ($1, $2, $3, $4, $5, $6)`, row...)
		if gone := d.Revision - store.MaxDocumentRevisions; gone > 0 {
			tx.atEnd(`DELETE FROM document_revisions WHERE account_id = $1 AND revision <= $2`, string(d.Account), gone)
		}
		return tx.changed(ctx, store.ChangedDocument, d.Account, "")
	})
	if err != nil {
		return store.Document{}, err
	}
	return d, nil
}

func (s documents) Revisions(ctx context.Context, account aaa.AccountID, from int64, limit int) ([]store.Document, int64, error) {
	if from <= 0 {
		from = 1<<63 - 1
	}
	if limit <= 0 || limit > store.MaxDocumentRevisions {
		limit = store.MaxDocumentRevisions
	}
	list, err := all(ctx, s.db, scanDocument, `SELECT `+documentColumns+` FROM document_revisions
		WHERE account_id = $1 AND revision <= $2 ORDER BY revision DESC LIMIT $3`, string(account), from, int64(limit)+1)
	if err != nil {
		return nil, 0, err
	}
	if len(list) > limit {
		return list[:limit], list[limit].Revision, nil
	}
	return list, 0, nil
}

func (s documents) Revision(ctx context.Context, account aaa.AccountID, revision int64) (store.Document, error) {
	return get(ctx, s.db, scanDocument,
		`SELECT `+documentColumns+` FROM document_revisions WHERE account_id = $1 AND revision = $2`, string(account), revision)
}
