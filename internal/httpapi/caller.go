package httpapi

import (
	"context"
	"errors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/line"
	"aaa-api/internal/operations"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// from is who asks for an operation, and about which account. The request's body is decoded: it gives its turn of heavy work back.
func from(c *web.Call) line.From {
	c.EndHeavy()
	return line.From{Token: c.Token(), Account: c.Account(), RequestID: c.ID(), At: c.Start()}
}

// fromWaiting is from for an operation that may wait for its turn of heavy work, which keeps nobody else waiting.
func fromWaiting(c *web.Call) line.From {
	c.LeaveNode()
	return from(c)
}

// listOf reads a page of a list by an operation.
func listOf[T any](a *API, c *web.Call, list *operations.Operation[store.Page, operations.Listed[T]]) web.Fetch[T] {
	return func(ctx context.Context, p store.Page) ([]T, string, error) {
		got, err := list.Call(ctx, a.Line, from(c), p)
		return got.Rows, got.Next, err
	}
}

// advise adds to an error of a kind which request mends it. An error of a limit or with fields says so itself.
func advise(err error, kind aaa.Kind, advice string) error {
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != kind || e.Fields != nil || e.Excess != nil {
		return err
	}
	better := *e
	better.Message += ": " + advice
	return &better
}
