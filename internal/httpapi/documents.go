package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/store"
)

// The handlers here serve the documents of accounts and of the system
// configuration alike: c.account says which.

func (a *API) getDocument(c *call) error {
	d, err := orMemory(c, c.account, func(ctx context.Context) (store.Document, error) {
		return a.Store.Documents().Get(ctx, c.account)
	}, func() (store.Document, error) { return a.Tree.Document(c.account) })
	if err != nil {
		return err
	}
	if done, err := c.notModified(etagOf(d.Revision)); done || err != nil {
		return err
	}
	return c.replyDocument(d, answer{learnt: a.Service.Learnt(c.account)})
}

// replyDocument answers with a document, its secrets masked.
func (c *call) replyDocument(d store.Document, a answer) error {
	masked, err := document.Mask(d.Body)
	if err != nil {
		return err
	}
	a.raw, a.revision = masked, d.Revision
	return c.reply(a)
}

// replyDraft answers with the revision that the store made of a draft.
func (c *call) replyDraft(d *document.Draft, made store.Document, a answer) error {
	masked, err := d.Masked()
	if err != nil {
		return err
	}
	a.raw, a.revision = masked, made.Revision
	return c.reply(a)
}

func (a *API) createDocument(c *call) error {
	draft, err := document.Load(c.account, nil)
	if err != nil {
		return err
	}
	draft.Replace(c.envelope["data"])
	next, err := a.prepare(c, draft)
	if err != nil {
		return err
	}
	changed, err := a.warnDocument(c, nil, draft.After())
	if err != nil {
		return err
	}
	made, err := a.Store.Documents().Create(c.ctx(), c.written(next), next.Uses)
	if err != nil {
		return err
	}
	c.sync()
	return c.replyDraft(draft, made, answer{warnings: append(changed.after(c, store.ChangedDocument), next.Warnings...)}.created(c.r.URL.Path))
}

func (a *API) replaceDocument(c *call) error {
	return a.updateDocument(c, func(d *document.Draft) error {
		d.Replace(c.envelope["data"])
		return nil
	})
}

// patchDocument merges what the client sent into the document (RFC 7396). The patch sees
// secrets as every reader does, masked; what is still masked afterwards is kept.
func (a *API) patchDocument(c *call) error {
	if d, err := a.Tree.Document(c.account); err == nil {
		if err := c.heavy(len(d.Body)); err != nil {
			return err
		}
	} else if !isNotFound(err) { // not in memory, and nobody knows how long
		if err := c.heavy(heavyOctets); err != nil {
			return err
		}
	}
	return a.updateDocument(c, func(d *document.Draft) error {
		d.Patch(c.envelope["data"])
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
	return &failure{
		status: http.StatusRequestEntityTooLarge, slug: slugTooLarge,
		detail: fmt.Sprintf("with this patch the document would have %d octets as a request's body, which may have %d at most", size, a.Limits.Body),
	}
}

// updateDocument makes the next revision. The write is always conditional on the revision
// that it was made from: secrets are kept from that one.
func (a *API) updateDocument(c *call, edit func(*document.Draft) error) error {
	return c.retryStale(func() error {
		old, err := a.Store.Documents().Get(c.ctx(), c.account)
		if err != nil {
			return err
		}
		if _, err := c.ifMatch(old.Revision); err != nil {
			return err
		}
		draft, err := document.Load(c.account, old.Body)
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
		got, err := a.Store.Documents().Replace(c.ctx(), c.written(next), old.Revision, next.Uses)
		if err != nil {
			return err
		}
		c.sync()
		return c.replyDraft(draft, got, answer{warnings: append(changed.after(c, store.ChangedDocument), next.Warnings...)})
	})
}

func (a *API) deleteDocument(c *call) error {
	old, err := a.Store.Documents().Get(c.ctx(), c.account)
	if err != nil {
		return err
	}
	revision, err := c.ifMatch(old.Revision)
	if err != nil {
		return err
	}
	draft, damaged := document.Load(c.account, old.Body)
	var was *document.Stances
	if damaged == nil {
		was = draft.Before()
	}
	changed, err := a.warnDocument(c, was, nil)
	if err != nil {
		return err
	}
	if err := a.Store.Documents().Delete(c.ctx(), c.account, revision, c.who.TokenID); err != nil {
		return err
	}
	c.sync()
	if damaged != nil { // which must not keep it from being deleted
		return damaged
	}
	masked, err := draft.Masked()
	if err != nil {
		return err
	}
	return c.reply(answer{raw: masked, warnings: changed.after(c, store.ChangedDocument)})
}

// prepare holds a draft to the account's limit, checks it and seals its secrets.
func (a *API) prepare(c *call, d *document.Draft) (*document.Prepared, error) {
	size, err := d.Size()
	if err != nil {
		return nil, err
	}
	if err := a.checkSize(c, size); err != nil {
		return nil, err
	}
	return d.Prepare(c.ctx(), a.Preparer)
}

// written is a prepared document as the store takes it.
func (c *call) written(p *document.Prepared) store.Document {
	return store.Document{Account: c.account, Body: p.Body, Author: c.who.TokenID}
}

// revisionView is an entry of a document's history.
type revisionView struct {
	Revision  int64     `json:"revision"`
	Author    string    `json:"author"`
	CreatedAt time.Time `json:"created_at"`
	Deleted   bool      `json:"deleted"`
}

// listRevisions lists the history, newest first.
func (a *API) listRevisions(c *call) error {
	key := func(d store.Document) string { return strconv.FormatInt(d.Revision, 10) }
	return serveList(c, func(ctx context.Context, p store.Page) ([]store.Document, string, error) {
		var from int64
		if p.Start != "" {
			var err error
			if from, err = strconv.ParseInt(p.Start, 10, 64); err != nil || from < 1 {
				return nil, "", aaa.Invalid(aaa.Field{Path: "start_key", Rule: "type", Message: "must be the next_start_key of the page before: the number of a revision"})
			}
		}
		part, next, err := a.Store.Documents().Revisions(ctx, c.account, from, p.Limit)
		if err != nil || next == 0 {
			return part, "", err
		}
		return part, strconv.FormatInt(next, 10), nil
	}, key, func(d store.Document) any {
		return revisionView{d.Revision, d.Author, d.CreatedAt.UTC(), d.Deleted}
	})
}

// revision finds the revision that the path names.
func (a *API) revision(c *call) (store.Document, error) {
	text := c.param("n")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || !isNumber(text) {
		return store.Document{}, store.ErrNotFound
	}
	return a.Store.Documents().Revision(c.ctx(), c.account, n)
}

func (a *API) getRevision(c *call) error {
	d, err := a.revision(c)
	if err != nil {
		return err
	}
	if d.Deleted {
		return c.reply(answer{data: nil, revision: d.Revision})
	}
	if done, err := c.notModified(etagOf(d.Revision)); done || err != nil {
		return err
	}
	return c.replyDocument(d, answer{})
}

// rollBack makes an old revision the newest one again, with the secrets that it had. It is
// checked anew, since dictionaries may have gone in between.
func (a *API) rollBack(c *call) error {
	old, err := a.revision(c)
	if err != nil {
		return err
	}
	if old.Deleted {
		return aaa.Errorf(aaa.KindConflict, "revision %d is a deletion: use DELETE", old.Revision)
	}
	draft, err := document.Load(c.account, old.Body)
	if err != nil {
		return err
	}
	if err := c.heavy(len(old.Body)); err != nil {
		return err
	}
	return c.retryStale(func() error {
		current, err := a.Store.Documents().Get(c.ctx(), c.account)
		gone := errors.Is(err, store.ErrNotFound)
		if err != nil && !gone {
			return err
		}
		if gone && len(c.r.Header["If-Match"]) > 0 {
			return staleNow("there is no document any more")
		}
		if _, err := c.ifMatch(current.Revision); err != nil {
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
			got, err = a.Store.Documents().Create(c.ctx(), c.written(next), next.Uses)
		} else {
			got, err = a.Store.Documents().Replace(c.ctx(), c.written(next), current.Revision, next.Uses)
		}
		if err != nil {
			return err
		}
		c.sync()
		return c.replyDraft(draft, got, answer{status: status, warnings: append(changed.after(c, store.ChangedDocument), next.Warnings...)})
	})
}
