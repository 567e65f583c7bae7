package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/gateway"
	"aaa-api/internal/line"
	"aaa-api/internal/operations"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// The handlers here serve the documents of accounts and of the system
// configuration alike: c.Account() says which.

const (
	makeDocument   = "create it with PUT"
	changeDocument = "replace it with POST, or change it with PATCH"
)

func (a *API) getDocument(c *web.Call) error {
	known, err := c.Known("")
	if err != nil {
		return err
	}
	d, err := operations.GetDocument.Call(c.Context(), a.Line, from(c), operations.KnownDocument{Known: known})
	if err != nil {
		return advise(err, aaa.KindNotFound, makeDocument)
	}
	if done, err := c.NotModified(web.ETag(d.Revision)); done || err != nil {
		return err
	}
	servers, err := operations.Learnt.Call(c.Context(), a.Line, from(c), operations.None{})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Raw: d.Body, Revision: d.Revision, Members: learnt(servers)})
}

// learnt is the member of an answer that tells what the service found out about a document's servers.
func learnt(servers map[string]gateway.Learnt) []web.Member {
	if len(servers) == 0 {
		return nil
	}
	return []web.Member{{Name: "learnt", Value: servers}}
}

// replyDocument answers with a document that was written.
func replyDocument(c *web.Call, d admin.Document) error {
	answer := web.Answer{Raw: d.Body, Revision: d.Revision, Warnings: warningsOf(d.Warnings)}
	if d.Created {
		answer.Status = http.StatusCreated
	}
	return c.Reply(answer)
}

func (a *API) createDocument(c *web.Call) error {
	d, err := operations.CreateDocument.Call(c.Context(), a.Line, from(c), operations.Written{Sent: aaa.Decoded{Value: c.Sent()}})
	if err != nil {
		return advise(err, aaa.KindConflict, changeDocument)
	}
	answer := web.Answer{Raw: d.Body, Revision: d.Revision, Warnings: warningsOf(d.Warnings)}
	return c.Reply(answer.Created(c.Request().URL.Path))
}

func (a *API) replaceDocument(c *web.Call) error {
	return a.updateDocument(c, operations.ReplaceDocument, from)
}

// patchDocument merges what the client sent into the document (RFC 7396).
func (a *API) patchDocument(c *web.Call) error {
	return a.updateDocument(c, operations.PatchDocument, fromWaiting)
}

func (a *API) updateDocument(c *web.Call, update *operations.Operation[operations.Written, admin.Document], from func(*web.Call) line.From) error {
	expected, err := c.Expected()
	if err != nil {
		return err
	}
	d, err := update.Call(c.Context(), a.Line, from(c), operations.Written{Sent: aaa.Decoded{Value: c.Sent()}, Expected: expected})
	if err != nil {
		return advise(err, aaa.KindNotFound, makeDocument)
	}
	return replyDocument(c, d)
}

func (a *API) deleteDocument(c *web.Call) error {
	expected, err := c.Expected()
	if err != nil {
		return err
	}
	d, err := operations.DeleteDocument.Call(c.Context(), a.Line, from(c), operations.Expecting{Expected: expected})
	if err != nil {
		return advise(err, aaa.KindNotFound, makeDocument)
	}
	return replyDocument(c, d)
}

// listRevisions lists the history, newest first.
func (a *API) listRevisions(c *web.Call) error {
	key := func(r admin.Revision) string { return strconv.FormatInt(r.Revision, 10) }
	return web.ServeList(c, func(ctx context.Context, p store.Page) ([]admin.Revision, string, error) {
		var first int64
		if p.Start != "" {
			var err error
			if first, err = strconv.ParseInt(p.Start, 10, 64); err != nil || first < 1 {
				return nil, "", aaa.Invalid(aaa.Field{Path: "start_key", Rule: "type", Message: "must be the next_start_key of the page before: the number of a revision"})
			}
		}
		part, err := operations.ListRevisions.Call(ctx, a.Line, from(c), operations.HistoryPart{From: first, Limit: p.Limit})
		if err != nil || part.Next == 0 {
			return part.Rows, "", err
		}
		return part.Rows, strconv.FormatInt(part.Next, 10), nil
	}, key, func(r admin.Revision) any { return r })
}

// revision is the number of the revision that the path names.
func revision(c *web.Call) (int64, error) {
	text := c.Param("n")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || text[0] == '+' {
		return 0, admin.NoRevision(c.Account(), text)
	}
	return n, nil
}

func (a *API) getRevision(c *web.Call) error {
	n, err := revision(c)
	if err != nil {
		return err
	}
	known, err := c.Known("")
	if err != nil {
		return err
	}
	d, err := operations.GetRevision.Call(c.Context(), a.Line, from(c), operations.KnownRevision{Revision: n, Known: known})
	if err != nil {
		return err
	}
	if d.Deleted {
		return c.Reply(web.Answer{Data: nil, Revision: d.Revision})
	}
	if done, err := c.NotModified(web.ETag(d.Revision)); done || err != nil {
		return err
	}
	return replyDocument(c, d)
}

// rollBack makes an old revision the newest one again.
func (a *API) rollBack(c *web.Call) error {
	n, err := revision(c)
	if err != nil {
		return err
	}
	expected, err := c.Expected()
	if err != nil {
		return err
	}
	d, err := operations.RollBack.Call(c.Context(), a.Line, fromWaiting(c), operations.ExpectedRevision{Revision: n, Expected: expected})
	if err != nil {
		return advise(err, aaa.KindConflict, "use DELETE") // the revision is a deletion
	}
	return replyDocument(c, d)
}
