package operations

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
)

// KnownDocument asks for a document, but for one that the caller knows.
type KnownDocument struct{ Known aaa.Revisions }

// GetDocument returns the account's AAA document: see admin.Documents.Get.
var GetDocument = define("documents.get", readsDocument, func(ctx context.Context, s *Served, q *KnownDocument) (admin.Document, error) {
	return s.Admin.Documents.Get(ctx, s.Account, q.Known)
})
