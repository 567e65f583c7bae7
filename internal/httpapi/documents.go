package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
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
	learnt, err := a.Service.Learnt(c.ctx(), c.account)
	if err != nil {
		return err
	}
	return c.replyDocument(d, answer{learnt: learnt})
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

func (a *API) createDocument(c *call) error {
	next, err := a.prepare(c, c.envelope["data"], nil)
	if err != nil {
		return err
	}
	changed, err := a.warnDocument(c, nil, next.Body)
	if err != nil {
		return err
	}
	made, err := a.Store.Documents().Create(c.ctx(), c.written(next), next.Uses)
	if err != nil {
		return err
	}
	c.sync()
	return c.replyDocument(made, answer{warnings: append(changed.after(c, store.ChangedDocument), next.Warnings...)}.created(c.r.URL.Path))
}

func (a *API) replaceDocument(c *call) error {
	return a.updateDocument(c, func(store.Document) (any, error) { return c.envelope["data"], nil })
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
	return a.updateDocument(c, func(old store.Document) (any, error) {
		masked, err := document.Mask(old.Body)
		if err != nil {
			return nil, err
		}
		target, err := decodeStored(masked)
		if err != nil {
			return nil, err
		}
		merged := document.MergePatch(target, c.envelope["data"])
		return merged, a.fits(merged)
	})
}

// fits refuses a document that is longer than one that may be sent: who reads it could not write it back.
func (a *API) fits(doc any) error {
	text, err := asJSON(map[string]any{"data": doc})
	if err != nil {
		return err
	}
	size := int64(len(text))
	if size <= a.Limits.Body {
		return nil
	}
	return &failure{
		status: http.StatusRequestEntityTooLarge, slug: slugTooLarge,
		detail: fmt.Sprintf("with this patch the document would have %d octets as a request's body, which may have %d at most", size, a.Limits.Body),
	}
}

// asJSON encodes a value as clients do, without escapes that JSON does not ask for.
func asJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes()[:b.Len()-1], nil // less the line feed of Encode
}

// updateDocument makes the next revision. The write is always conditional on the revision
// that it was made from: secrets are kept from that one.
func (a *API) updateDocument(c *call, make func(old store.Document) (any, error)) error {
	return c.retryStale(func() error {
		old, err := a.Store.Documents().Get(c.ctx(), c.account)
		if err != nil {
			return err
		}
		if _, err := c.ifMatch(old.Revision); err != nil {
			return err
		}
		doc, err := make(old)
		if err != nil {
			return err
		}
		next, err := a.prepare(c, doc, old.Body)
		if err != nil {
			return err
		}
		changed, err := a.warnDocument(c, old.Body, next.Body)
		if err != nil {
			return err
		}
		got, err := a.Store.Documents().Replace(c.ctx(), c.written(next), old.Revision, next.Uses)
		if err != nil {
			return err
		}
		c.sync()
		return c.replyDocument(got, answer{warnings: append(changed.after(c, store.ChangedDocument), next.Warnings...)})
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
	changed, err := a.warnDocument(c, old.Body, nil)
	if err != nil {
		return err
	}
	if err := a.Store.Documents().Delete(c.ctx(), c.account, revision, c.who.TokenID); err != nil {
		return err
	}
	c.sync()
	masked, err := document.Mask(old.Body)
	if err != nil {
		return err
	}
	return c.reply(answer{raw: masked, warnings: changed.after(c, store.ChangedDocument)})
}

// prepare checks a document and seals its secrets; stored is the body that masked ones are kept from.
func (a *API) prepare(c *call, doc any, stored json.RawMessage) (*document.Prepared, error) {
	text, err := asJSON(doc)
	if err != nil {
		return nil, err
	}
	if err := a.checkSize(c, text); err != nil {
		return nil, err
	}
	return a.Preparer.Prepare(c.ctx(), c.account, text, stored)
}

// written is a prepared document as the store takes it.
func (c *call) written(p *document.Prepared) store.Document {
	return store.Document{Account: c.account, Body: p.Body, Author: c.who.TokenID}
}

// decodeStored decodes what the store holds, numbers kept as they are written.
func decodeStored(body json.RawMessage) (any, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
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
	masked, err := document.Mask(old.Body)
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
		if err := a.checkSize(c, masked); err != nil {
			return err
		}
		next, err := a.Preparer.Prepare(c.ctx(), c.account, masked, old.Body)
		if err != nil {
			return err
		}
		changed, err := a.warnDocument(c, current.Body, next.Body) // nil where it is gone
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
		return c.replyDocument(got, answer{status: status, warnings: append(changed.after(c, store.ChangedDocument), next.Warnings...)})
	})
}
