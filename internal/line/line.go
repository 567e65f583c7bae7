// Package line carries calls from one process of the service to another: from a front to the security module, from the command's
// ctl to main. It knows nothing of what the operations do; package operations defines them.
//
// A call is an operation's number, who asks (From), and a request that is plain data; its answer is plain data or an *aaa.Error. Many calls are in
// flight at a time.
package line

import (
	"context"
	"time"

	"aaa-api/internal/aaa"
)

// From says who asks, and about what. It is what a front was sent, and vouches for nothing: whoever serves the call verifies the token.
type From struct {
	Token     string        // the credential as it came; empty: none
	Account   aaa.AccountID // of the URL; empty: the token's own
	RequestID string        // for the log
	At        time.Time     // when the request came
}

// Caller sends calls to who serves them.
type Caller interface {
	// Call runs an operation and fills in answer. request and answer are pointers to plain data. An error is an *aaa.Error, or ctx's where the
	// caller went away; KindUnavailable with RetryAfter where nobody is there to serve the call now.
	Call(ctx context.Context, operation uint16, from *From, request, answer any) error
}

// Handler serves calls.
type Handler interface {
	// Serve runs an operation. decode fills in a pointer to the operation's request; its errors are to be returned. The answer is plain data.
	Serve(ctx context.Context, operation uint16, from *From, decode func(any) error) (answer any, err error)
}
