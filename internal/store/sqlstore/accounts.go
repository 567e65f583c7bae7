package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

type accounts struct{ db Driver }

const accountColumns = `id, parent_id, path, name, COALESCE(realm, ''), enabled, revision, created_at, updated_at, limits, server_networks, client_networks`

func scanAccount(scan Scan) (a store.Account, err error) {
	var path string
	var limits, networks, clients *string
	if err = scan(&a.ID, &a.ParentID, &path, &a.Name, &a.Realm, &a.Enabled, &a.Revision, &a.CreatedAt, &a.UpdatedAt, &limits, &networks, &clients); err != nil {
		return a, err
	}
	a.Path = splitPath(path)
	a.CreatedAt, a.UpdatedAt = a.CreatedAt.UTC(), a.UpdatedAt.UTC()
	if err = fromText(limits, &a.Limits); err != nil {
		return a, fmt.Errorf("limits of account %s: %w", a.ID, err)
	}
	if err = fromText(networks, &a.ServerNetworks); err != nil {
		return a, fmt.Errorf("server_networks of account %s: %w", a.ID, err)
	}
	if err = fromText(clients, &a.ClientNetworks); err != nil {
		return a, fmt.Errorf("client_networks of account %s: %w", a.ID, err)
	}
	return a, nil
}

// fromText reads the JSON of a column, which may be NULL.
func fromText(text *string, into any) error {
	if text == nil {
		return nil
	}
	return json.Unmarshal([]byte(*text), into)
}

// bounds are the columns limits, server_networks and client_networks of an account: NULL where it sets none.
func bounds(a store.Account) (columns []any, err error) {
	var limits, servers, clients *string
	if a.Limits != nil {
		limits, err = toText(a.Limits)
	}
	if err == nil && len(a.ServerNetworks) > 0 {
		servers, err = toText(a.ServerNetworks)
	}
	if err == nil && len(a.ClientNetworks) > 0 {
		clients, err = toText(a.ClientNetworks)
	}
	return []any{limits, servers, clients}, err
}

func toText(v any) (*string, error) {
	b, err := json.Marshal(v)
	text := string(b)
	return &text, err
}

// A path in the database is every ancestor's id followed by a slash.
func splitPath(s string) []aaa.AccountID {
	ids := make([]aaa.AccountID, 0, strings.Count(s, "/"))
	for id := range strings.SplitSeq(strings.TrimSuffix(s, "/"), "/") {
		if id != "" {
			ids = append(ids, aaa.AccountID(id))
		}
	}
	return ids
}

func joinPath(ids ...aaa.AccountID) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(string(id))
		b.WriteByte('/')
	}
	return b.String()
}

// below returns the bounds between which the paths of a's descendants lie: what
// begins with its own path and id. The character after the slash is the zero.
func below(a store.Account) (from, to string) {
	from = joinPath(append(a.Path[:len(a.Path):len(a.Path)], a.ID)...)
	return from, from[:len(from)-1] + "0"
}

func getAccount(ctx context.Context, c Conn, where string, args ...any) (store.Account, error) {
	return get(ctx, c, scanAccount, `SELECT `+accountColumns+` FROM accounts WHERE `+where, args...)
}

func (s accounts) Get(ctx context.Context, id aaa.AccountID) (store.Account, error) {
	return getAccount(ctx, s.db, `id = $1`, string(id))
}

func (s accounts) Root(ctx context.Context) (store.Account, error) {
	return getAccount(ctx, s.db, `parent_id = ''`)
}

// ByRealm is one statement: a move between two would show a tree that never was.
func (s accounts) ByRealm(ctx context.Context, top aaa.AccountID, realm string) (store.Account, error) {
	return getAccount(ctx, s.db, `realm = $2 AND substr(path, 1, (SELECT length(t.path) + length(t.id) + 1 FROM accounts t WHERE t.id = $1)) =
		(SELECT t.path || t.id || '/' FROM accounts t WHERE t.id = $1) ORDER BY length(path), id LIMIT 1`, string(top), realm)
}

func (s accounts) Create(ctx context.Context, a store.Account) (store.Account, error) {
	if a.ID == "" {
		a.ID = aaa.NewAccountID()
	}
	var above chain
	var taken maybe[int64]
	reads := func() []Statement {
		return []Statement{above.of(a.ParentID), taken.from(scanInt, `SELECT 1 FROM accounts WHERE id = $1`, string(a.ID))}
	}
	err := configureAfter(ctx, s.db, reads, func(ctx context.Context, tx *write) error {
		a.Revision, a.CreatedAt, a.UpdatedAt, a.Path = 1, tx.now, tx.now, []aaa.AccountID{}
		if a.ParentID == "" {
			if taken, err := has(ctx, tx, `SELECT 1 FROM accounts WHERE parent_id = ''`); err != nil {
				return err
			} else if taken {
				return &store.ExistsError{Member: "parent_id"}
			}
		} else {
			if above.list == nil {
				return store.ErrNotFound
			}
			parent := above.list[0]
			a.Path = append(parent.Path, parent.ID)
			if len(a.Path) > store.MaxAccountDepth {
				return store.ErrTooDeep
			}
			if err := tx.roomBelow(ctx, &above, 1, 0); err != nil {
				return err
			}
		}
		if taken.found {
			return &store.ExistsError{Member: "id"}
		}
		if err := freeRealm(ctx, tx, a, a.Realm); err != nil {
			return err
		}
		set, err := bounds(a)
		if err != nil {
			return err
		}
		tx.atEnd(`INSERT INTO accounts
			(id, parent_id, path, name, realm, enabled, revision, created_at, updated_at, limits, server_networks, client_networks)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			append([]any{
				string(a.ID), string(a.ParentID), joinPath(a.Path...), a.Name, orNull(a.Realm), a.Enabled,
				a.Revision, a.CreatedAt, a.UpdatedAt,
			}, set...)...)
		return tx.changed(ctx, store.ChangedAccount, a.ID, "")
	})
	if err != nil {
		return store.Account{}, err
	}
	return a, nil
}

// freeRealm refuses a realm that the account above a or another one below that has.
func freeRealm(ctx context.Context, tx *write, a store.Account, realm string) error {
	if realm == "" {
		return nil
	}
	within, args := `$3 = ''`, []any{realm, string(a.ID), string(a.ParentID)}
	if a.ParentID != "" {
		from, until := below(store.Account{ID: a.ParentID, Path: a.Path[:len(a.Path)-1]})
		within, args = `(id = $3 OR path >= $4 AND path < $5)`, append(args, from, until)
	}
	taken, err := has(ctx, tx, `SELECT 1 FROM accounts WHERE realm = $1 AND id <> $2 AND `+within, args...)
	if err == nil && taken {
		err = &store.ExistsError{Member: "realm"}
	}
	return err
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (s accounts) Update(ctx context.Context, id aaa.AccountID, ifRevision int64, in store.Account) (a store.Account, err error) {
	err = configure(ctx, s.db, func(ctx context.Context, tx *write) (err error) {
		if a, err = getAccount(ctx, tx, `id = $1`, string(id)); err != nil {
			return err
		}
		if ifRevision != store.AnyRevision && ifRevision != a.Revision {
			return store.ErrStale
		}
		if in.Realm != a.Realm {
			if err := freeRealm(ctx, tx, a, in.Realm); err != nil {
				return err
			}
		}
		a.Name, a.Realm, a.Enabled = in.Name, in.Realm, in.Enabled
		if a.ParentID != "" && !slices.Equal(in.ClientNetworks, a.ClientNetworks) {
			a.ClientNetworks = in.ClientNetworks
			if err := tx.keepClaims(ctx, a); err != nil {
				return err
			}
		}
		a.Limits, a.ServerNetworks = in.Limits, in.ServerNetworks
		a.Revision, a.UpdatedAt = a.Revision+1, tx.now
		set, err := bounds(a)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE accounts
			SET name = $2, realm = $3, enabled = $4, revision = $5, updated_at = $6, limits = $7, server_networks = $8, client_networks = $9
			WHERE id = $1`,
			append([]any{string(id), a.Name, orNull(a.Realm), a.Enabled, a.Revision, a.UpdatedAt}, set...)...); err != nil {
			return err
		}
		return tx.changed(ctx, store.ChangedAccount, id, "")
	})
	if err != nil {
		return store.Account{}, err
	}
	return a, nil
}

func (s accounts) Move(ctx context.Context, id, parent aaa.AccountID) (store.Moved, error) {
	var a store.Account
	var gone store.Revoked
	err := configure(ctx, s.db, func(ctx context.Context, tx *write) (err error) {
		if a, err = getAccount(ctx, tx, `id = $1`, string(id)); err != nil {
			return err
		}
		to, err := getAccount(ctx, tx, `id = $1`, string(parent))
		if err != nil {
			return err
		}
		from, until := below(a)
		if a.ParentID == "" || to.ID == a.ID || strings.HasPrefix(joinPath(to.Path...), from) {
			return store.ErrCycle
		}
		path := append(to.Path, to.ID)
		left := slices.DeleteFunc(slices.Clone(a.Path), func(owner aaa.AccountID) bool { return slices.Contains(path, owner) })
		if err := nothingLeftBehind(ctx, tx, a, left); err != nil {
			return err
		}
		if err := tx.moveClaims(ctx, a, parent, left); err != nil {
			return err
		}
		common := 0 // those at the beginning of both paths have the accounts below them already
		for common < len(path) && common < len(a.Path) && path[common] == a.Path[common] {
			common++
		}
		a.Path = path
		if err := shallow(ctx, tx, len(a.Path), from, until); err != nil {
			return err
		}
		moved, err := count(ctx, tx, fromBelow, from, until)
		if err != nil {
			return err
		}
		var above chain
		if err := tx.Batch(ctx, []Statement{above.of(parent)}); err != nil {
			return err
		}
		if err := tx.roomBelow(ctx, &above, moved+1, common); err != nil {
			return err
		}
		if gone, err = tx.revokeAll(ctx, `(account_id = $1 OR account_id IN (SELECT id FROM accounts WHERE path >= $2 AND path < $3))
			AND made_by_account <> '' AND CAST($4 AS text) LIKE '%' || made_by_account || '/%'`,
			string(a.ID), from, until, joinPath(left...)); err != nil {
			return err
		}
		if err := tx.tokensChanged(ctx, gone.Accounts); err != nil {
			return err
		}
		a.ParentID, a.Revision, a.UpdatedAt = parent, a.Revision+1, tx.now
		if _, err := tx.Exec(ctx, `UPDATE accounts
			SET parent_id = $2, path = $3, revision = $4, updated_at = $5 WHERE id = $1`,
			string(id), string(parent), joinPath(a.Path...), a.Revision, a.UpdatedAt); err != nil {
			return err
		}
		prefix, _ := below(a)
		if _, err := tx.Exec(ctx, `UPDATE accounts
			SET path = CAST($1 AS text) || substr(path, CAST($2 AS integer)) WHERE path >= $3 AND path < $4`,
			prefix, int64(len(from)+1), from, until); err != nil {
			return err
		}
		// One change stands for the whole subtree: who knows a path knows that this account is on it.
		return tx.changed(ctx, store.ChangedAccount, id, "")
	})
	if err != nil {
		return store.Moved{}, err
	}
	return store.Moved{Account: a, Revoked: gone}, nil
}

// shallow refuses a move that would put the deepest descendant below the tree's bound.
func shallow(ctx context.Context, tx *write, depth int, from, until string) error {
	var longest int64
	if _, err := one(ctx, tx, func(scan Scan) error { return scan(&longest) },
		`SELECT COALESCE(MAX(length(path)), 0) FROM accounts WHERE path >= $1 AND path < $2`, from, until); err != nil {
		return err
	}
	if longest > 0 {
		depth += (int(longest)-len(from))/len(joinPath(aaa.NewAccountID())) + 1
	}
	if depth > store.MaxAccountDepth {
		return store.ErrTooDeep
	}
	return nil
}

// Delete takes ended sessions, which may be more than one statement has time for, before its transaction.
func (s accounts) Delete(ctx context.Context, id aaa.AccountID, ifRevision int64) error {
	if err := deletable(ctx, s.db, id, ifRevision); err != nil {
		return err
	}
	if _, err := prune(ctx, s.db, `DELETE FROM sessions WHERE account_id = $1 AND hash IN
		(SELECT hash FROM sessions WHERE account_id = $1 AND ended_at IS NOT NULL AND due_at IS NULL LIMIT $2)`, string(id)); err != nil {
		return err
	}
	return configure(ctx, s.db, func(ctx context.Context, tx *write) error {
		if err := deletable(ctx, tx, id, ifRevision); err != nil {
			return err
		}
		if err := execAll(ctx, tx, []any{string(id)},
			`DELETE FROM documents WHERE account_id = $1`,
			`DELETE FROM document_revisions WHERE account_id = $1`,
			`DELETE FROM document_names WHERE account_id = $1`,
			`DELETE FROM dictionaries WHERE account_id = $1`,
			`DELETE FROM texts WHERE account_id = $1`,
			`DELETE FROM clients WHERE account_id = $1`,
			`DELETE FROM tokens WHERE account_id = $1`, // what they made is the account's own: none is below
			`DELETE FROM sessions WHERE account_id = $1`,
			`DELETE FROM session_counts WHERE account_id = $1`,
			`DELETE FROM bans WHERE account_id = $1`,
			`DELETE FROM data_keys WHERE account_id = $1`,
			`DELETE FROM accounts WHERE id = $1`,
		); err != nil {
			return err
		}
		return tx.changed(ctx, store.ChangedAccount, id, "")
	})
}

// deletable refuses to delete an account that is gone, has another revision or others below it.
func deletable(ctx context.Context, c Conn, id aaa.AccountID, ifRevision int64) error {
	a, err := getAccount(ctx, c, `id = $1`, string(id))
	if err != nil {
		return err
	}
	if ifRevision != store.AnyRevision && ifRevision != a.Revision {
		return store.ErrStale
	}
	parent, err := has(ctx, c, `SELECT 1 FROM accounts WHERE parent_id = $1 LIMIT 1`, string(id))
	if err == nil && parent {
		err = store.ErrHasChildren
	}
	return err
}

func (s accounts) Children(ctx context.Context, id aaa.AccountID, p store.Page) ([]store.Account, string, error) {
	list, next, err := s.list(ctx, p, `parent_id = $3`, string(id))
	if err == nil && len(list) == 0 {
		err = exists(ctx, s.db, `SELECT 1 FROM accounts WHERE id = $1`, string(id))
	}
	return list, next, err
}

func (s accounts) Descendants(ctx context.Context, id aaa.AccountID, p store.Page) ([]store.Account, string, error) {
	a, err := s.Get(ctx, id)
	if err != nil {
		return nil, "", err
	}
	if a.ParentID == "" {
		// All others are below the root: the primary key gives the page without sorting the whole tree.
		return s.list(ctx, p, `id <> $3`, string(id))
	}
	from, until := below(a)
	return s.list(ctx, p, `path >= $3 AND path < $4`, from, until)
}

func (s accounts) list(ctx context.Context, p store.Page, where string, args ...any) ([]store.Account, string, error) {
	return page(ctx, s.db, p, scanAccount, func(a store.Account) string { return string(a.ID) },
		`SELECT `+accountColumns+` FROM accounts WHERE id >= $1 AND `+where+` ORDER BY id LIMIT $2`,
		append([]any{p.Start, limit(p)}, args...)...)
}

// utc is for the nullable times.
func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
