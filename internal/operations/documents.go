package operations

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
)

// KnownDocument asks for a document, but for one that the caller knows.
type KnownDocument struct{ Known aaa.Revisions }

// Written is a document, or a merge patch of one, and the revisions that it may replace.
type Written struct {
	Sent     aaa.Decoded
	Expected aaa.Revisions
}

// HistoryPart asks for so many revisions, newest first, from one on; 0 is the newest.
type HistoryPart struct {
	From  int64
	Limit int
}

// History is a part of a document's revisions and the one to go on from, 0 at the end.
type History struct {
	Rows []admin.Revision
	Next int64
}

// KnownRevision asks for a revision, but for one that the caller knows.
type KnownRevision struct {
	Revision int64
	Known    aaa.Revisions
}

// ExpectedRevision names a revision to roll back to, and those that may be the current one.
type ExpectedRevision struct {
	Revision int64
	Expected aaa.Revisions
}

// The operations on AAA documents: see admin.Documents.
var (
	GetDocument = define("documents.get", readsDocument, func(ctx context.Context, s *Served, q *KnownDocument) (admin.Document, error) {
		return s.Admin.Documents.Get(ctx, s.Account, q.Known)
	})
	CreateDocument = define("documents.create", writesDocument, func(ctx context.Context, s *Served, q *Written) (admin.Document, error) {
		value, err := s.value(ctx, q.Sent)
		if err != nil {
			return admin.Document{}, err
		}
		return s.Admin.Documents.Create(ctx, s.Who, s.Account, value)
	})
	ReplaceDocument = define("documents.replace", writesDocument, func(ctx context.Context, s *Served, q *Written) (admin.Document, error) {
		value, err := s.value(ctx, q.Sent)
		if err != nil {
			return admin.Document{}, err
		}
		return s.Admin.Documents.Replace(ctx, s.Who, s.Account, value, q.Expected)
	})
	PatchDocument = define("documents.patch", writesDocument, func(ctx context.Context, s *Served, q *Written) (admin.Document, error) {
		value, err := s.value(ctx, q.Sent)
		if err != nil {
			return admin.Document{}, err
		}
		return s.Admin.Documents.Patch(ctx, s.Who, s.Account, value, q.Expected)
	})
	DeleteDocument = define("documents.delete", writesDocument, func(ctx context.Context, s *Served, q *Expecting) (admin.Document, error) {
		return s.Admin.Documents.Delete(ctx, s.Who, s.Account, q.Expected)
	})
	ListRevisions = define("documents.revisions", readsDocument, func(ctx context.Context, s *Served, q *HistoryPart) (History, error) {
		if q.From < 0 || q.Limit < 1 || q.Limit > MaxList {
			return History{}, aaa.Invalid(aaa.Field{Path: "start_key", Rule: "range", Message: "must be a part of a list"})
		}
		rows, next, err := s.Admin.Documents.Revisions(ctx, s.Account, q.From, q.Limit)
		return History{rows, next}, err
	})
	GetRevision = define("documents.revision", readsDocument, func(ctx context.Context, s *Served, q *KnownRevision) (admin.Document, error) {
		return s.Admin.Documents.GetRevision(ctx, s.Account, q.Revision, q.Known)
	})
	RollBack = define("documents.roll_back", writesDocument, func(ctx context.Context, s *Served, q *ExpectedRevision) (admin.Document, error) {
		return s.Admin.Documents.RollBack(ctx, s.Who, s.Account, q.Revision, q.Expected)
	})
)
