package httpapi

import (
	"context"

	"aaa-api/internal/admin"
	"aaa-api/internal/operations"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// listRecords lists the accounting records that no server has taken yet. The envelope of the first page tells of all records of the account.
func (a *API) listRecords(c *web.Call) error {
	filters := c.TakeFilters(operations.RecordFilters...) // the list has a filter by each other member of its entries too
	var members []web.Member
	if c.Query().Get("start_key") == "" {
		b, err := operations.GetBacklog.Call(c.Context(), a.Line, from(c), operations.None{})
		if err != nil {
			return err
		}
		members = []web.Member{{Name: "counts", Value: b.Counts}, {Name: "servers", Value: b.Servers}}
	}
	return web.ServeList(c, func(ctx context.Context, p store.Page) ([]admin.Record, string, error) {
		got, err := operations.ListRecords.Call(ctx, a.Line, from(c), operations.RecordsPart{Filters: filters, Page: p})
		return got.Rows, got.Next, err
	}, func(r admin.Record) string { return r.ID }, func(r admin.Record) any { return r }, members...)
}

func (a *API) getRecord(c *web.Call) error {
	r, err := operations.GetRecord.Call(c.Context(), a.Line, from(c), operations.Record{ID: c.Param("record")})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: r})
}

func (a *API) resendRecord(c *web.Call) error { return a.changeRecord(c, operations.ResendRecord) }
func (a *API) dropRecord(c *web.Call) error   { return a.changeRecord(c, operations.DropRecord) }

func (a *API) resendRecords(c *web.Call) error { return a.changeRecords(c, operations.ResendRecords) }
func (a *API) dropRecords(c *web.Call) error   { return a.changeRecords(c, operations.DropRecords) }

func (a *API) changeRecord(c *web.Call, change *operations.Operation[operations.Record, admin.Changed]) error {
	done, err := change.Call(c.Context(), a.Line, from(c), operations.Record{ID: c.Param("record")})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: done})
}

func (a *API) changeRecords(c *web.Call, change *operations.Operation[operations.Chosen, admin.Changed]) error {
	filters, err := c.OnlyFilters(operations.RecordFilters...)
	if err != nil {
		return err
	}
	all, err := c.Flag("all")
	if err != nil {
		return err
	}
	done, err := change.Call(c.Context(), a.Line, from(c), operations.Chosen{Filters: filters, All: all})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: done})
}
