package operations

import (
	"context"

	"aaa-api/internal/aaa"
)

// Handle runs an AAA request: see gateway.Service. The request's Account is the call's.
var Handle = define("requests.handle", asks, func(ctx context.Context, s *Served, q *aaa.Request) (*aaa.Result, error) {
	q.Account = s.Account
	return s.Service.Handle(ctx, q)
})
