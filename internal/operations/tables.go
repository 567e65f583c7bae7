package operations

import (
	"context"
	"encoding/json"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/fsm"
	"aaa-api/internal/store"
)

// KnownTable asks for a table in a form, but for one that the caller knows.
type KnownTable struct {
	Name  string
	Form  admin.TableForm
	Known aaa.Revisions
}

// TableWritten is a table in place of the one of its name.
type TableWritten struct {
	Upload   admin.TableUpload
	Expected aaa.Revisions
}

// ExpectedName names a table or a users file to delete.
type ExpectedName struct {
	Name     string
	Expected aaa.Revisions
}

// TableScript is a script that a request takes through a table.
type TableScript struct {
	Name   string
	Script json.RawMessage
}

// The operations on state machine tables: see admin.Tables.
var (
	ListTables = define("tables.list", reads, func(ctx context.Context, s *Served, q *store.Page) (Listed[admin.TextInfo], error) {
		if err := checkPage(*q); err != nil {
			return Listed[admin.TextInfo]{}, err
		}
		return listed(s.Admin.Tables.List(ctx, s.Account, *q))
	})
	ListBuiltInTables = define("tables.list_built_in", reads, func(_ context.Context, s *Served, _ *None) ([]admin.TextInfo, error) {
		return s.Admin.Tables.BuiltIns(), nil
	})
	GetTable = define("tables.get", reads, func(ctx context.Context, s *Served, q *KnownTable) (admin.Table, error) {
		return s.Admin.Tables.Get(ctx, s.Who, s.Account, q.Name, q.Form, q.Known)
	})
	CreateTable = define("tables.create", writes, func(ctx context.Context, s *Served, q *admin.TableUpload) (admin.Table, error) {
		if err := s.table(ctx, q); err != nil {
			return admin.Table{}, err
		}
		return s.Admin.Tables.Create(ctx, s.Who, s.Account, *q)
	})
	ReplaceTable = define("tables.replace", writes, func(ctx context.Context, s *Served, q *TableWritten) (admin.Table, error) {
		if err := s.table(ctx, &q.Upload); err != nil {
			return admin.Table{}, err
		}
		return s.Admin.Tables.Replace(ctx, s.Who, s.Account, q.Upload, q.Expected)
	})
	DeleteTable = define("tables.delete", writes, func(ctx context.Context, s *Served, q *ExpectedName) (admin.TextInfo, error) {
		return s.Admin.Tables.Delete(ctx, s.Who, s.Account, q.Name, q.Expected)
	})
	CheckTable = define("tables.check", reads, func(ctx context.Context, s *Served, q *admin.TableUpload) (admin.TableCheck, error) {
		if err := s.table(ctx, q); err != nil {
			return admin.TableCheck{}, err
		}
		return s.Admin.Tables.Check(s.Who, *q)
	})
	SimulateTable = define("tables.simulate", reads, func(ctx context.Context, s *Served, q *TableScript) (fsm.Walk, error) {
		return s.Admin.Tables.Simulate(ctx, s.Who, s.Account, q.Name, q.Script)
	})
)

// table holds a table to the octets that it may have. Those of its members are bounded by what they become as text, too.
func (s *Served) table(ctx context.Context, u *admin.TableUpload) error {
	if err := s.upload(ctx, len(u.Text), s.Admin.Bounds().TextBody); err != nil {
		return err
	}
	return s.upload(ctx, len(u.Members), fsm.MaxJSON)
}
