package admin

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/document"
	"aaa-api/internal/store"
)

// Documents are the AAA documents of accounts, and that of the system configuration, whose account is aaa.SystemConfig.
type Documents struct{ *base }

// Document is an AAA document with its secrets masked.
type Document struct {
	Body     json.RawMessage
	Revision int64
	Deleted  bool               // this revision was a deletion
	Created  bool               // by this write
	Warnings []document.Warning // of this write
}

// Get returns an account's document, without Body if its revision is among those that the caller knows.
func (s *Documents) Get(ctx context.Context, account aaa.AccountID, known aaa.Revisions) (Document, error) {
	d, err := orMemory(ctx, s.base, account, func(ctx context.Context) (store.Document, error) {
		return s.Store.Documents().Get(ctx, account)
	}, func() (store.Document, error) { return s.Tree.Document(account) })
	if err != nil {
		return Document{}, noDocument(err, account)
	}
	return masked(d, known)
}

// noDocument gives the store's errors about a document that is to be there their message.
func noDocument(err error, account aaa.AccountID) error {
	return missing(err, holder(account)+" has no AAA document")
}

// newDocument gives the store's errors about a document that is to be made their message.
func newDocument(err error, account aaa.AccountID) error {
	return made(err, holder(account)+" has an AAA document already")
}

// masked is a stored document as callers see it.
func masked(d store.Document, known aaa.Revisions) (Document, error) {
	if d.Deleted || known.Has(d.Revision) {
		return Document{Revision: d.Revision, Deleted: d.Deleted}, nil
	}
	body, err := document.Mask(d.Body)
	return Document{Body: body, Revision: d.Revision}, err
}

// made is the revision that the store made of a draft.
func (s *Documents) made(ctx context.Context, draft *document.Draft, got store.Document, changed effects, next *document.Prepared) (Document, error) {
	body, err := draft.Masked()
	if err != nil {
		return Document{}, err
	}
	return Document{
		Body: body, Revision: got.Revision,
		Warnings: append(changed.after(ctx, s.base, got.Account, store.ChangedDocument), next.Warnings...),
	}, nil
}

// Create stores an account's first document. value is one that schema.Parse returned.
func (s *Documents) Create(ctx context.Context, who *Caller, account aaa.AccountID, value any) (Document, error) {
	draft, err := document.Load(account, nil)
	if err != nil {
		return Document{}, err
	}
	draft.Replace(value)
	next, err := s.prepare(ctx, account, draft)
	if err != nil {
		return Document{}, err
	}
	changed, err := s.warnDocument(ctx, account, nil, draft.After())
	if err != nil {
		return Document{}, err
	}
	got, err := s.Store.Documents().Create(ctx, prepared(who, account, next), next.Uses)
	if err != nil {
		return Document{}, newDocument(err, account)
	}
	s.sync(ctx, who, account)
	return s.made(ctx, draft, got, changed, next)
}

// Replace stores another document. value is one that schema.Parse returned. What is masked in it keeps the stored secret.
func (s *Documents) Replace(ctx context.Context, who *Caller, account aaa.AccountID, value any, expected aaa.Revisions) (Document, error) {
	return s.update(ctx, who, account, expected, func(d *document.Draft) error {
		d.Replace(value)
		return nil
	})
}

// Patch merges a value that schema.Parse returned into the document (RFC 7396). The patch sees
// secrets as every reader does, masked; what is still masked afterwards is kept.
func (s *Documents) Patch(ctx context.Context, who *Caller, account aaa.AccountID, patch any, expected aaa.Revisions) (Document, error) {
	octets := admission.HeavyOctets
	if d, err := s.Tree.Document(account); err == nil {
		octets = len(d.Body)
	} else if aaa.KindOf(err) == aaa.KindNotFound {
		octets = 0
	} // else it is not in memory, and its length unknown
	if err := who.heavy(octets); err != nil {
		return Document{}, err
	}
	return s.update(ctx, who, account, expected, func(d *document.Draft) error {
		d.Patch(patch)
		return s.fits(d)
	})
}

// fits refuses a patched document that is longer than one that is written whole may be: no reader could write it back.
func (s *Documents) fits(d *document.Draft) error {
	n, err := d.Size()
	if err != nil {
		return err
	}
	size, most := int64(n+len(`{"data":}`)), s.Bounds.Document
	if size <= most {
		return nil
	}
	return aaa.Errorf(aaa.KindTooLong, "with this patch the document would have %d octets as a request's body, which may have %d at most", size, most)
}

// update makes the next revision. The write is always conditional on the revision
// that it was made from: secrets are kept from that one.
func (s *Documents) update(ctx context.Context, who *Caller, account aaa.AccountID, expected aaa.Revisions, edit func(*document.Draft) error) (Document, error) {
	var draft *document.Draft
	var next *document.Prepared
	var changed effects
	var got store.Document
	err := s.change(ctx, who, account, expected, func() error {
		old, err := s.Store.Documents().Get(ctx, account)
		if err != nil {
			return err
		}
		if _, err := matching(expected, old.Revision); err != nil {
			return err
		}
		if draft, err = document.Load(account, old.Body); err != nil {
			return err
		}
		if err := edit(draft); err != nil {
			return err
		}
		if next, err = s.prepare(ctx, account, draft); err != nil {
			return err
		}
		if changed, err = s.warnDocument(ctx, account, draft.Before(), draft.After()); err != nil {
			return err
		}
		got, err = s.Store.Documents().Replace(ctx, prepared(who, account, next), old.Revision, next.Uses)
		return err
	})
	if err != nil {
		return Document{}, noDocument(err, account)
	}
	return s.made(ctx, draft, got, changed, next)
}

// Delete deletes an account's document and returns it.
func (s *Documents) Delete(ctx context.Context, who *Caller, account aaa.AccountID, expected aaa.Revisions) (Document, error) {
	old, err := s.Store.Documents().Get(ctx, account)
	if err != nil {
		return Document{}, noDocument(err, account)
	}
	revision, err := matching(expected, old.Revision)
	if err != nil {
		return Document{}, err
	}
	draft, damaged := document.Load(account, old.Body)
	var was *document.Stances
	if damaged == nil {
		was = draft.Before()
	}
	changed, err := s.warnDocument(ctx, account, was, nil)
	if err != nil {
		return Document{}, err
	}
	if err := s.Store.Documents().Delete(ctx, account, revision, who.TokenID); err != nil {
		return Document{}, noDocument(err, account)
	}
	s.sync(ctx, who, account)
	if damaged != nil { // which must not keep it from being deleted
		return Document{}, damaged
	}
	body, err := draft.Masked()
	return Document{Body: body, Warnings: changed.after(ctx, s.base, account, store.ChangedDocument)}, err
}

// prepare holds a draft to the account's limit, checks it and seals its secrets.
func (s *Documents) prepare(ctx context.Context, account aaa.AccountID, d *document.Draft) (*document.Prepared, error) {
	size, err := d.Size()
	if err != nil {
		return nil, err
	}
	if err := s.checkSize(ctx, account, size); err != nil {
		return nil, err
	}
	return d.Prepare(ctx, s.Preparer)
}

// prepared is a prepared document as the store takes it.
func prepared(who *Caller, account aaa.AccountID, p *document.Prepared) store.Document {
	return store.Document{Account: account, Body: p.Body, Author: who.TokenID}
}

// Revision is an entry of a document's history.
type Revision struct {
	Revision  int64     `json:"revision"`
	Author    string    `json:"author"`
	CreatedAt time.Time `json:"created_at"`
	Deleted   bool      `json:"deleted"`
}

// Revisions returns a part of the history, newest first, from a revision on; 0 is the newest. next is the revision to go on from, 0 at
// the end.
func (s *Documents) Revisions(ctx context.Context, account aaa.AccountID, from int64, limit int) (list []Revision, next int64, err error) {
	rows, next, err := s.Store.Documents().Revisions(ctx, account, from, limit)
	if err != nil {
		return nil, 0, noDocument(err, account)
	}
	list = make([]Revision, len(rows))
	for i, d := range rows {
		list[i] = Revision{d.Revision, d.Author, d.CreatedAt.UTC(), d.Deleted}
	}
	return list, next, nil
}

// NoRevision is the error of a revision that an account's document does not have, as the caller wrote it.
func NoRevision(account aaa.AccountID, revision string) error {
	return aaa.Errorf(aaa.KindNotFound, "%s's AAA document has no revision %s", holder(account), aaa.Quote(revision))
}

// revision reads a revision of an account's document.
func (s *Documents) revision(ctx context.Context, account aaa.AccountID, n int64) (store.Document, error) {
	d, err := s.Store.Documents().Revision(ctx, account, n)
	if errors.Is(err, store.ErrNotFound) {
		err = NoRevision(account, strconv.FormatInt(n, 10))
	}
	return d, err
}

// GetRevision returns a revision of an account's document, without Body if it is among those that the caller knows.
func (s *Documents) GetRevision(ctx context.Context, account aaa.AccountID, n int64, known aaa.Revisions) (Document, error) {
	d, err := s.revision(ctx, account, n)
	if err != nil {
		return Document{}, err
	}
	return masked(d, known)
}

// RollBack makes an old revision the newest one again, with the secrets that it had. It is
// checked anew, since dictionaries may have gone in between.
func (s *Documents) RollBack(ctx context.Context, who *Caller, account aaa.AccountID, n int64, expected aaa.Revisions) (Document, error) {
	old, err := s.revision(ctx, account, n)
	if err != nil {
		return Document{}, err
	}
	if old.Deleted {
		return Document{}, aaa.Errorf(aaa.KindConflict, "revision %d is a deletion", old.Revision)
	}
	draft, err := document.Load(account, old.Body)
	if err != nil {
		return Document{}, err
	}
	if err := who.heavy(len(old.Body)); err != nil {
		return Document{}, err
	}
	var gone bool
	var next *document.Prepared
	var changed effects
	var got store.Document
	err = s.change(ctx, who, account, expected, func() error {
		current, err := s.Store.Documents().Get(ctx, account)
		if gone = errors.Is(err, store.ErrNotFound); err != nil && !gone {
			return err
		}
		if gone && expected.Given {
			return stale("there is no document any more")
		}
		if _, err := matching(expected, current.Revision); err != nil {
			return err
		}
		if next, err = s.prepare(ctx, account, draft); err != nil {
			return err
		}
		if changed, err = s.warnDocument(ctx, account, stancesIn(current.Body), draft.After()); err != nil { // Before would be that of the old revision
			return err
		}
		if gone {
			if got, err = s.Store.Documents().Create(ctx, prepared(who, account, next), next.Uses); errors.Is(err, store.ErrExists) {
				err = store.ErrStale // another writer was ahead
			}
		} else {
			got, err = s.Store.Documents().Replace(ctx, prepared(who, account, next), current.Revision, next.Uses)
		}
		return err
	})
	if err != nil {
		return Document{}, noDocument(err, account)
	}
	d, err := s.made(ctx, draft, got, changed, next)
	d.Created = gone
	return d, err
}
