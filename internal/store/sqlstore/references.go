package sqlstore

import (
	"context"
	"fmt"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// maxInUse bounds the documents that an InUseError or LeftBehindError lists.
const maxInUse = 100

// refer records what the account's document refers to. It is looked up inside the
// write: a dictionary or table that was just deleted is found to be gone.
func refer(ctx context.Context, tx *write, account aaa.AccountID, uses []store.Ref) error {
	if _, err := tx.Exec(ctx, `DELETE FROM document_references WHERE account_id = $1`, string(account)); err != nil {
		return err
	}
	var missing []store.Ref
	for i, ref := range uses {
		if slices.Contains(uses[:i], ref) {
			continue
		}
		there, err := leads(ctx, tx, ref)
		if err != nil {
			return err
		}
		if !there {
			missing = append(missing, ref)
			continue
		}
		if _, err := tx.Exec(ctx, `INSERT INTO document_references (account_id, kind, owner_id, name) VALUES ($1, $2, $3, $4)`,
			string(account), string(ref.Kind), string(ref.Account), ref.Name); err != nil {
			return err
		}
	}
	if missing != nil {
		return &store.MissingError{Refs: missing}
	}
	return nil
}

// leads reports whether there is what a reference names.
func leads(ctx context.Context, tx *write, ref store.Ref) (bool, error) {
	switch ref.Kind {
	case store.RefDictionary:
		return has(ctx, tx, `SELECT 1 FROM dictionaries WHERE account_id = $1 AND name = $2`, string(ref.Account), ref.Name)
	case store.RefFSM:
		return hasText(ctx, tx, ref.Account, store.TextFSM, ref.Name)
	}
	return false, fmt.Errorf("a document can't refer to anything of kind %q", ref.Kind)
}

// unused is an InUseError while documents refer to it.
func unused(ctx context.Context, tx *write, ref store.Ref) error {
	var users []aaa.AccountID
	err := tx.Query(ctx, func(scan Scan) error {
		var id aaa.AccountID
		err := scan(&id)
		users = append(users, id)
		return err
	}, `SELECT account_id FROM document_references
		WHERE owner_id = $1 AND kind = $2 AND name = $3 ORDER BY account_id LIMIT $4`,
		string(ref.Account), string(ref.Kind), ref.Name, int64(maxInUse))
	if err == nil && users != nil {
		err = &store.InUseError{Kind: ref.Kind, Accounts: users}
	}
	return err
}

// nothingLeftBehind is a LeftBehindError where documents of an account or its
// descendants refer to what belongs to the ancestors that a move leaves.
func nothingLeftBehind(ctx context.Context, tx *write, id aaa.AccountID, from, until string, left []aaa.AccountID) error {
	var e store.LeftBehindError
	for _, owner := range left {
		if err := tx.Query(ctx, func(scan Scan) error {
			var user aaa.AccountID
			var kind store.RefKind
			err := scan(&user, &kind)
			if !slices.Contains(e.Accounts, user) && len(e.Accounts) < maxInUse {
				e.Accounts = append(e.Accounts, user)
			}
			if !slices.Contains(e.Kinds, kind) {
				e.Kinds = append(e.Kinds, kind)
			}
			return err
		}, `SELECT DISTINCT r.account_id, r.kind FROM document_references r JOIN accounts a ON a.id = r.account_id
			WHERE r.owner_id = $1 AND (a.id = $2 OR a.path >= $3 AND a.path < $4)
			ORDER BY r.account_id, r.kind LIMIT $5`, string(owner), string(id), from, until, int64(maxInUse)); err != nil {
			return err
		}
	}
	if e.Accounts != nil {
		slices.Sort(e.Kinds)
		return &e
	}
	return nil
}
