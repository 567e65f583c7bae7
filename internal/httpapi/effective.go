package httpapi

import (
	"aaa-api/internal/operations"
	"aaa-api/internal/web"
)

// effective tells the documents in force for an operation.
func (a *API) effective(c *web.Call) error {
	op, err := op(c)
	if err != nil {
		return err
	}
	e, err := operations.Effective.Call(c.Context(), a.Line, from(c), operations.OfOperation{Op: op})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: e})
}
