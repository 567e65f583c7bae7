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

// refer records what the account's document names. Whose dictionary or table a name leads to is
// not recorded: it changes with every nearer one that comes or goes (nearest). What the document
// was checked with is looked up inside the write: what was just deleted is found to be gone.
func refer(ctx context.Context, tx *write, account aaa.AccountID, uses []store.Ref) error {
	tx.atEnd(`DELETE FROM document_names WHERE account_id = $1`, string(account))
	var missing []store.Ref
	named := make(map[title]bool)
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
		t := title{ref.Kind, ref.Name}
		if named[t] {
			continue
		}
		named[t] = true
		tx.atEnd(`INSERT INTO document_names (account_id, kind, name) VALUES ($1, $2, $3)`, string(account), string(t.kind), t.name)
	}
	if missing != nil {
		return &store.MissingError{Refs: missing}
	}
	return nil
}

// title is what documents name.
type title struct {
	kind store.RefKind
	name string
}

// leads reports whether there is what a reference names. What the service ships is always there.
func leads(ctx context.Context, tx *write, ref store.Ref) (bool, error) {
	switch {
	case ref.Kind != store.RefDictionary && ref.Kind != store.RefFSM:
		return false, fmt.Errorf("a document can't refer to anything of kind %q", ref.Kind)
	case ref.Account == aaa.SystemConfig:
		return true, nil
	case ref.Kind == store.RefDictionary:
		return has(ctx, tx, `SELECT 1 FROM dictionaries WHERE account_id = $1 AND name = $2`, string(ref.Account), ref.Name)
	}
	return hasText(ctx, tx, ref.Account, store.TextFSM, ref.Name)
}

// user is an account whose document names something.
type user struct {
	id   aaa.AccountID
	path []aaa.AccountID
	what title
}

// eachUser visits the accounts within a subtree whose documents name something, of one title or, with nil, of all,
// by their ids.
func eachUser(ctx context.Context, tx *write, top store.Account, what *title, visit func(user)) error {
	from, until := below(top)
	sql := `SELECT n.account_id, a.path, n.kind, n.name FROM document_names n JOIN accounts a ON a.id = n.account_id
		WHERE (a.id = $1 OR a.path >= $2 AND a.path < $3)`
	args := []any{string(top.ID), from, until}
	if what != nil {
		sql += ` AND n.kind = $4 AND n.name = $5`
		args = append(args, string(what.kind), what.name)
	}
	return tx.Query(ctx, func(scan Scan) error {
		var u user
		var path string
		if err := scan(&u.id, &path, &u.what.kind, &u.what.name); err != nil {
			return err
		}
		u.path = splitPath(path)
		visit(u)
		return nil
	}, sql+` ORDER BY n.account_id, n.kind, n.name`, args...)
}

// owners lists the accounts that have a dictionary or table of a title.
func owners(ctx context.Context, tx *write, what title) (map[aaa.AccountID]bool, error) {
	sql, args := `SELECT account_id FROM dictionaries WHERE name = $1`, []any{what.name}
	if what.kind != store.RefDictionary {
		sql, args = `SELECT account_id FROM texts WHERE name = $1 AND kind = $2`, append(args, string(what.kind))
	}
	list, err := all(ctx, tx, func(scan Scan) (id aaa.AccountID, err error) { return id, scan(&id) }, sql, args...)
	set := make(map[aaa.AccountID]bool, len(list))
	for _, id := range list {
		set[id] = true
	}
	return set, err
}

// nearest is whose a name is that a document names: of its own account, or of the nearest ancestor
// that has it. Empty, it is what the service ships.
func (u *user) nearest(owners map[aaa.AccountID]bool) aaa.AccountID {
	if owners[u.id] {
		return u.id
	}
	for _, id := range slices.Backward(u.path) {
		if owners[id] {
			return id
		}
	}
	return ""
}

// unused is an InUseError while names in documents lead to it.
func unused(ctx context.Context, tx *write, ref store.Ref) error {
	owner, found, err := accountOf(ctx, tx, ref.Account)
	if err != nil || !found {
		return err
	}
	what := title{ref.Kind, ref.Name}
	having, err := owners(ctx, tx, what)
	if err != nil {
		return err
	}
	var by []aaa.AccountID
	err = eachUser(ctx, tx, owner, &what, func(u user) {
		if len(by) < maxInUse && u.nearest(having) == ref.Account {
			by = append(by, u.id)
		}
	})
	if err == nil && by != nil {
		err = &store.InUseError{Kind: ref.Kind, Accounts: by}
	}
	return err
}

// accountOf finds an owner's account, which the system configuration has none of.
func accountOf(ctx context.Context, tx *write, id aaa.AccountID) (a store.Account, found bool, err error) {
	found, err = one(ctx, tx, func(scan Scan) (err error) { a, err = scanAccount(scan); return err },
		`SELECT `+accountColumns+` FROM accounts WHERE id = $1`, string(id))
	return a, found, err
}

// nothingLeftBehind is a LeftBehindError where names in documents of an account or its descendants lead
// to what belongs to the ancestors that a move leaves.
func nothingLeftBehind(ctx context.Context, tx *write, moved store.Account, left []aaa.AccountID) error {
	titles := make(map[title]map[aaa.AccountID]bool) // of those left
	for _, id := range left {
		list, err := all(ctx, tx, func(scan Scan) (t title, err error) { return t, scan(&t.kind, &t.name) },
			`SELECT 'dictionary', name FROM dictionaries WHERE account_id = $1
			UNION ALL SELECT kind, name FROM texts WHERE account_id = $1`, string(id))
		if err != nil {
			return err
		}
		for _, t := range list {
			titles[t] = nil
		}
	}
	if len(titles) == 0 {
		return nil
	}
	var named []user
	if err := eachUser(ctx, tx, moved, nil, func(u user) {
		if _, known := titles[u.what]; known {
			named = append(named, u)
		}
	}); err != nil {
		return err
	}
	var e store.LeftBehindError
	for _, u := range named {
		having := titles[u.what]
		if having == nil {
			var err error
			if having, err = owners(ctx, tx, u.what); err != nil {
				return err
			}
			titles[u.what] = having
		}
		if !slices.Contains(left, u.nearest(having)) {
			continue
		}
		if !slices.Contains(e.Accounts, u.id) && len(e.Accounts) < maxInUse {
			e.Accounts = append(e.Accounts, u.id)
		}
		if !slices.Contains(e.Kinds, u.what.kind) {
			e.Kinds = append(e.Kinds, u.what.kind)
		}
	}
	if e.Accounts != nil {
		slices.Sort(e.Kinds)
		return &e
	}
	return nil
}
