package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"aaa-api/internal/aaa"
	"aaa-api/internal/actions"
	"aaa-api/internal/dict"
	"aaa-api/internal/document"
	"aaa-api/internal/engines"
	"aaa-api/internal/fsm"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
	"aaa-api/internal/store/sqlite"
)

// writers fill a store at once.
const writers = 4

// ownName is the dictionary that some accounts have of their own.
const ownName = "dictionary_own"

// dress makes account number i differ from all others: it adds to the account's document, and to
// the store what the document then names.
type dress func(ctx context.Context, f *filler, id aaa.AccountID, i int, doc map[string]any) error

// filler puts accounts into the embedded store of a service that is not running,
// each as the service itself would write it: checked, with its secret sealed.
type filler struct {
	store    store.Store
	system   *dict.Catalog
	actions  *fsm.Actions
	preparer *document.Preparer
	dress    dress
	root     aaa.AccountID
	backend  string
}

// fill makes accounts below the root, each with a document, and returns their ids.
func fill(ctx context.Context, data string, root aaa.AccountID, backend string, accounts int, with dress) (_ []string, err error) {
	f := &filler{root: root, backend: backend, dress: with, actions: actions.All(actions.Options{}).Specs()}
	if f.system, err = dict.LoadSystem(""); err != nil {
		return nil, err
	}
	kek, err := secmod.LoadKeyFile(filepath.Join(data, "secret.key"))
	if err != nil {
		return nil, err
	}
	if f.store, err = sqlite.Open(ctx, filepath.Join(data, "aaa-api.db")); err != nil {
		return nil, err
	}
	f.preparer = document.NewPreparer(f, secmod.New(kek, f.store.Keys()), engines.NewRegistry())
	ids := make([]string, accounts)
	g, gctx := errgroup.WithContext(ctx)
	for w := range writers {
		g.Go(func() error {
			for i := w; i < accounts; i += writers {
				id := aaa.NewAccountID()
				if err := f.account(gctx, id, i); err != nil {
					return fmt.Errorf("account %d: %w", i, err)
				}
				ids[i] = string(id)
			}
			return nil
		})
	}
	err = g.Wait()
	if closed := f.store.Close(); err == nil {
		err = closed
	}
	return ids, err
}

// fillBare makes accounts below the root that have a row and nothing else, in one statement.
func fillBare(ctx context.Context, data string, root aaa.AccountID, accounts int) error {
	if accounts == 0 {
		return nil
	}
	db, err := sql.Open("sqlite", filepath.Join(data, "aaa-api.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO accounts (id, parent_id, path, name, enabled, revision, created_at, updated_at)
		SELECT lower(hex(randomblob(16))), id, path || id || '/', 'bare ' || i, enabled, 1, created_at, updated_at FROM n, accounts WHERE id = $2`, accounts, root)
	return err
}

// account makes account number i with its document.
func (f *filler) account(ctx context.Context, id aaa.AccountID, i int) error {
	if _, err := f.store.Accounts().Create(ctx, store.Account{
		ID: id, Name: fmt.Sprintf("tenant %d", i), ParentID: f.root, Enabled: true,
	}); err != nil {
		return err
	}
	doc, err := tenantDocument(f.backend, 8)
	if err != nil {
		return err
	}
	doc["nas_port"] = i
	if err := f.dress(ctx, f, id, i, doc); err != nil {
		return err
	}
	body, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	prepared, err := f.preparer.Prepare(ctx, id, body, nil)
	if err != nil {
		return err
	}
	_, err = f.store.Documents().Create(ctx, store.Document{Account: id, Body: prepared.Body, Author: "bench"}, prepared.Uses)
	return err
}

// mixed gives some accounts a dictionary of their own, and some a regexp.
func mixed(ctx context.Context, f *filler, id aaa.AccountID, i int, doc map[string]any) error {
	if i%dictionaryEvery == 0 {
		body, err := json.Marshal(ownDictionary(i))
		if err != nil {
			return err
		}
		if _, err := f.store.Dictionaries().Create(ctx, store.Dictionary{Account: id, ID: aaa.NewID(), Name: ownName, Body: body}); err != nil {
			return err
		}
		doc["servers"].([]any)[0].(map[string]any)["dicts"] = []string{ownName, "dictionary"}
	}
	if i%regexpEvery == 0 {
		doc["authn_avp_translation"] = append(doc["authn_avp_translation"].([]any), map[string]any{
			"request_key": "Realm", "attribute": "Filter-Id",
			"request_value_regexp": fmt.Sprintf("^tenant-%d-([a-z]+)$", i), "attr_value_regexp": "^(.*)$",
		})
	}
	return nil
}

// Lookup finds the dictionaries that the documents name: it is the Preparer's
// catalog, without a cache that 100,000 accounts would fill.
func (f *filler) Lookup(ctx context.Context, account aaa.AccountID, name string) (*dict.Compiled, *store.Ref, error) {
	if name != ownName {
		c, ok := f.system.Get(name)
		if !ok {
			return nil, nil, store.ErrNotFound
		}
		return c, nil, nil
	}
	d, err := f.store.Dictionaries().ByName(ctx, account, name)
	if err != nil {
		return nil, nil, err
	}
	list, err := dict.ParseJSON(d.Body)
	if err != nil {
		return nil, nil, err
	}
	c, err := dict.Compile(name, list, f.system.Default())
	return c, &store.Ref{Kind: store.RefDictionary, Account: account, Name: name}, err
}

// Table finds the tables that the documents name, like Lookup.
func (f *filler) Table(ctx context.Context, account aaa.AccountID, name string) (*fsm.Table, *store.Ref, error) {
	text, err := f.store.Texts().Get(ctx, account, store.TextFSM, name)
	if err != nil {
		return nil, nil, err
	}
	table, faults, _ := fsm.Check([]byte(text.Body), f.actions)
	if len(faults) > 0 {
		return nil, nil, fmt.Errorf("table %s, line %d: %s", name, faults[0].Line, faults[0].Message)
	}
	return table, &store.Ref{Kind: store.RefFSM, Account: account, Name: name}, nil
}

// UsersFile reports that no account has one.
func (f *filler) UsersFile(context.Context, aaa.AccountID, string) (bool, error) { return false, nil }

// ownDictionary is a vendor with its attributes, under names and numbers that no other tenant has.
func ownDictionary(i int) []any {
	vendor := 1_000_000 + i
	list := []any{map[string]any{"vendor": map[string]any{fmt.Sprintf("Tenant%d", i): vendor}}}
	for n := 1; n < entries; n++ {
		list = append(list, map[string]any{"attr": map[string]any{
			"vid": vendor, "id": n, "type": "string", "name": fmt.Sprintf("Tenant%d-Attribute-%d", i, n),
		}})
	}
	return list
}
