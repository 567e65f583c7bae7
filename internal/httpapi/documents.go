package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/document"
	"aaa-api/internal/gateway"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// The handlers here serve the documents of accounts and of the system
// configuration alike: c.Account() says which.

func (a *API) getDocument(c *web.Call) error {
	d, err := orMemory(a, c, c.Account(), func(ctx context.Context) (store.Document, error) {
		return a.Store.Documents().Get(ctx, c.Account())
	}, func() (store.Document, error) { return a.Tree.Document(c.Account()) })
	if err != nil {
		return err
	}
	if done, err := c.NotModified(web.ETag(d.Revision)); done || err != nil {
		return err
	}
	return replyDocument(c, d, web.Answer{Members: learnt(a.Service.Learnt(c.Account()))})
}

// learnt is the member of an answer that tells what the service found out about a document's servers.
func learnt(servers map[string]gateway.Learnt) []web.Member {
	if len(servers) == 0 {
		return nil
	}
	return []web.Member{{Name: "learnt", Value: servers}}
}

// replyDocument answers with a document, its secrets masked.
func replyDocument(c *web.Call, d store.Document, a web.Answer) error {
	masked, err := document.Mask(d.Body)
	if err != nil {
		return err
	}
	a.Raw, a.Revision = masked, d.Revision
	return c.Reply(a)
}

// replyDraft answers with the revision that the store made of a draft.
func replyDraft(c *web.Call, d *document.Draft, made store.Document, a web.Answer) error {
	masked, err := d.Masked()
	if err != nil {
		return err
	}
	a.Raw, a.Revision = masked, made.Revision
	return c.Reply(a)
}

func (a *API) createDocument(c *web.Call) error {
	draft, err := document.Load(c.Account(), nil)
	if err != nil {
		return err
	}
	draft.Replace(c.Sent())
	next, err := a.prepare(c, draft)
	if err != nil {
		return err
	}
	changed, err := a.warnDocument(c, nil, draft.After())
	if err != nil {
		return err
	}
	made, err := a.Store.Documents().Create(c.Context(), written(c, next), next.Uses)
	if err != nil {
		return err
	}
	a.sync(c)
	return replyDraft(c, draft, made, web.Answer{Warnings: warningsOf(append(changed.after(a, c, store.ChangedDocument), next.Warnings...))}.Created(c.Request().URL.Path))
}

func (a *API) replaceDocument(c *web.Call) error {
	return a.updateDocument(c, func(d *document.Draft) error {
		d.Replace(c.Sent())
		return nil
	})
}

// patchDocument merges what the client sent into the document (RFC 7396). The patch sees
// secrets as every reader does, masked; what is still masked afterwards is kept.
func (a *API) patchDocument(c *web.Call) error {
	if d, err := a.Tree.Document(c.Account()); err == nil {
		if err := c.Heavy(len(d.Body)); err != nil {
			return err
		}
	} else if aaa.KindOf(err) != aaa.KindNotFound { // not in memory, and nobody knows how long
		if err := c.Heavy(admission.HeavyOctets); err != nil {
			return err
		}
	}
	return a.updateDocument(c, func(d *document.Draft) error {
		d.Patch(c.Sent())
		return a.fits(d)
	})
}

// fits refuses a patched document that is longer than a request's body may be: no reader could write it back.
func (a *API) fits(d *document.Draft) error {
	n, err := d.Size()
	if err != nil {
		return err
	}
	size := int64(n + len(`{"data":}`))
	if size <= a.Limits.Body {
		return nil
	}
	return &web.Failure{
		Status: http.StatusRequestEntityTooLarge, Slug: web.SlugTooLarge,
		Detail: fmt.Sprintf("with this patch the document would have %d octets as a request's body, which may have %d at most", size, a.Limits.Body),
	}
}

// updateDocument makes the next revision. The write is always conditional on the revision
// that it was made from: secrets are kept from that one.
func (a *API) updateDocument(c *web.Call, edit func(*document.Draft) error) error {
	return retryStale(c, func() error {
		old, err := a.Store.Documents().Get(c.Context(), c.Account())
		if err != nil {
			return err
		}
		if _, err := c.IfMatch(old.Revision); err != nil {
			return err
		}
		draft, err := document.Load(c.Account(), old.Body)
		if err != nil {
			return err
		}
		if err := edit(draft); err != nil {
			return err
		}
		next, err := a.prepare(c, draft)
		if err != nil {
			return err
		}
		changed, err := a.warnDocument(c, draft.Before(), draft.After())
		if err != nil {
			return err
		}
		got, err := a.Store.Documents().Replace(c.Context(), written(c, next), old.Revision, next.Uses)
		if err != nil {
			return err
		}
		a.sync(c)
		return replyDraft(c, draft, got, web.Answer{Warnings: warningsOf(append(changed.after(a, c, store.ChangedDocument), next.Warnings...))})
	})
}

func (a *API) deleteDocument(c *web.Call) error {
	old, err := a.Store.Documents().Get(c.Context(), c.Account())
	if err != nil {
		return err
	}
	revision, err := c.IfMatch(old.Revision)
	if err != nil {
		return err
	}
	draft, damaged := document.Load(c.Account(), old.Body)
	var was *document.Stances
	if damaged == nil {
		was = draft.Before()
	}
	changed, err := a.warnDocument(c, was, nil)
	if err != nil {
		return err
	}
	if err := a.Store.Documents().Delete(c.Context(), c.Account(), revision, c.Who().TokenID); err != nil {
		return err
	}
	a.sync(c)
	if damaged != nil { // which must not keep it from being deleted
		return damaged
	}
	masked, err := draft.Masked()
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Raw: masked, Warnings: warningsOf(changed.after(a, c, store.ChangedDocument))})
}

// prepare holds a draft to the account's limit, checks it and seals its secrets.
func (a *API) prepare(c *web.Call, d *document.Draft) (*document.Prepared, error) {
	size, err := d.Size()
	if err != nil {
		return nil, err
	}
	if err := a.checkSize(c, size); err != nil {
		return nil, err
	}
	return d.Prepare(c.Context(), a.Preparer)
}

// written is a prepared document as the store takes it.
func written(c *web.Call, p *document.Prepared) store.Document {
	return store.Document{Account: c.Account(), Body: p.Body, Author: c.Who().TokenID}
}

// revisionView is an entry of a document's history.
type revisionView struct {
	Revision  int64     `json:"revision"`
	Author    string    `json:"author"`
	CreatedAt time.Time `json:"created_at"`
	Deleted   bool      `json:"deleted"`
}

// listRevisions lists the history, newest first.
func (a *API) listRevisions(c *web.Call) error {
	key := func(d store.Document) string { return strconv.FormatInt(d.Revision, 10) }
	return web.ServeList(c, func(ctx context.Context, p store.Page) ([]store.Document, string, error) {
		var from int64
		if p.Start != "" {
			var err error
			if from, err = strconv.ParseInt(p.Start, 10, 64); err != nil || from < 1 {
				return nil, "", aaa.Invalid(aaa.Field{Path: "start_key", Rule: "type", Message: "must be the next_start_key of the page before: the number of a revision"})
			}
		}
		part, next, err := a.Store.Documents().Revisions(ctx, c.Account(), from, p.Limit)
		if err != nil || next == 0 {
			return part, "", err
		}
		return part, strconv.FormatInt(next, 10), nil
	}, key, func(d store.Document) any {
		return revisionView{d.Revision, d.Author, d.CreatedAt.UTC(), d.Deleted}
	})
}

// revision finds the revision that the path names.
func (a *API) revision(c *web.Call) (store.Document, error) {
	text := c.Param("n")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || text[0] == '+' {
		return store.Document{}, store.ErrNotFound
	}
	return a.Store.Documents().Revision(c.Context(), c.Account(), n)
}

func (a *API) getRevision(c *web.Call) error {
	d, err := a.revision(c)
	if err != nil {
		return err
	}
	if d.Deleted {
		return c.Reply(web.Answer{Data: nil, Revision: d.Revision})
	}
	if done, err := c.NotModified(web.ETag(d.Revision)); done || err != nil {
		return err
	}
	return replyDocument(c, d, web.Answer{})
}

// rollBack makes an old revision the newest one again, with the secrets that it had. It is
// checked anew, since dictionaries may have gone in between.
func (a *API) rollBack(c *web.Call) error {
	old, err := a.revision(c)
	if err != nil {
		return err
	}
	if old.Deleted {
		return aaa.Errorf(aaa.KindConflict, "revision %d is a deletion: use DELETE", old.Revision)
	}
	draft, err := document.Load(c.Account(), old.Body)
	if err != nil {
		return err
	}
	if err := c.Heavy(len(old.Body)); err != nil {
		return err
	}
	return retryStale(c, func() error {
		current, err := a.Store.Documents().Get(c.Context(), c.Account())
		gone := errors.Is(err, store.ErrNotFound)
		if err != nil && !gone {
			return err
		}
		if gone && len(c.Request().Header["If-Match"]) > 0 {
			return web.StaleNow("there is no document any more")
		}
		if _, err := c.IfMatch(current.Revision); err != nil {
			return err
		}
		next, err := a.prepare(c, draft)
		if err != nil {
			return err
		}
		changed, err := a.warnDocument(c, stancesIn(current.Body), draft.After()) // Before would be that of the old revision
		if err != nil {
			return err
		}
		var got store.Document
		status := http.StatusOK
		if gone {
			status = http.StatusCreated
			got, err = a.Store.Documents().Create(c.Context(), written(c, next), next.Uses)
		} else {
			got, err = a.Store.Documents().Replace(c.Context(), written(c, next), current.Revision, next.Uses)
		}
		if err != nil {
			return err
		}
		a.sync(c)
		return replyDraft(c, draft, got, web.Answer{Status: status, Warnings: warningsOf(append(changed.after(a, c, store.ChangedDocument), next.Warnings...))})
	})
}
