package httpapi

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/operations"
	"aaa-api/internal/web"
)

const (
	makeClient   = "create it with PUT"
	changeClient = "replace it with POST, or change it with PATCH"
)

func (a *API) listClients(c *web.Call) error {
	return web.ServeList(c, listOf(a, c, operations.ListClients), func(i admin.ClientInfo) string { return i.Name }, func(i admin.ClientInfo) any { return i })
}

// clientAnswer is the answer that shows a client.
func clientAnswer(d admin.Client) web.Answer {
	return web.Answer{Raw: d.Body, Revision: d.Revision, Warnings: warningsOf(d.Warnings)}
}

func (a *API) getClient(c *web.Call) error {
	d, err := operations.GetClient.Call(c.Context(), a.Line, from(c), operations.ClientNamed{Name: c.Param("name")})
	if err != nil {
		return advise(err, aaa.KindNotFound, makeClient)
	}
	if done, err := c.NotModified(web.ETag(d.Revision)); done || err != nil {
		return err
	}
	return c.Reply(clientAnswer(d))
}

func (a *API) createClient(c *web.Call) error {
	data, err := c.Data()
	if err != nil {
		return err
	}
	d, err := operations.CreateClient.Call(c.Context(), a.Line, from(c), operations.ClientWritten{Name: c.Param("name"), Sent: aaa.Decoded{Value: data}})
	if err != nil {
		return advise(err, aaa.KindConflict, changeClient)
	}
	return c.Reply(clientAnswer(d).Created(c.Request().URL.Path))
}

func (a *API) replaceClient(c *web.Call) error { return a.updateClient(c, operations.ReplaceClient) }

// patchClient merges what was sent into the document of a client (RFC 7396).
func (a *API) patchClient(c *web.Call) error { return a.updateClient(c, operations.PatchClient) }

func (a *API) updateClient(c *web.Call, update *operations.Operation[operations.ClientWritten, admin.Client]) error {
	data, err := c.Data()
	if err != nil {
		return err
	}
	expected, err := c.Expected()
	if err != nil {
		return err
	}
	d, err := update.Call(c.Context(), a.Line, from(c), operations.ClientWritten{Name: c.Param("name"), Sent: aaa.Decoded{Value: data}, Expected: expected})
	if err != nil {
		return advise(err, aaa.KindNotFound, makeClient)
	}
	return c.Reply(clientAnswer(d))
}

func (a *API) deleteClient(c *web.Call) error {
	expected, err := c.Expected()
	if err != nil {
		return err
	}
	d, err := operations.DeleteClient.Call(c.Context(), a.Line, from(c), operations.ExpectedName{Name: c.Param("name"), Expected: expected})
	if err != nil {
		return err
	}
	return c.Reply(clientAnswer(d))
}
