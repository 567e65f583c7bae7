package operations

import (
	"context"
	"log/slog"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/admission"
	"aaa-api/internal/gateway"
	"aaa-api/internal/idempotency"
	"aaa-api/internal/ingress"
	"aaa-api/internal/limits"
	"aaa-api/internal/peer"
	"aaa-api/internal/tally"
	"aaa-api/internal/token"
)

// Parts are what the operations work with: the inside of the security module. It serves the calls of other processes (For, Serve), and those
// of its own by Operation.Call. All but the members marked optional must be there.
type Parts struct {
	Tree     Tree
	Verifier Verifier
	Service  gateway.Service
	Admin    *admin.Service // of configuration
	Keys     *idempotency.Keys
	Heavy    *admission.Heavy  // turns of checking and compiling; optional: nothing waits
	Budget   *admission.Budget // of what waits for them; optional
	// Stale reports whether what this node has in memory is too old to be used: then calls that need a credential are refused. Optional.
	Stale func() bool
	Log   *slog.Logger

	RADIUS ingress.RADIUSServer // optional: no devices speak RADIUS
	TACACS ingress.TACACSServer // optional: no devices speak TACACS+

	KeyPairs  KeyPairs       // of the API's listener; optional: it speaks plain HTTP
	Devices   DeviceKeyPairs // of the listeners for devices; optional: none speaks TLS
	Readiness *Readiness
	Peers     peer.Messages // of other nodes; optional
	Metrics   *tally.Board  // optional
	Local     *Local        // for operators; optional if there are none

	front     *front // the other process that calls; nil: this one does
	operators bool   // see Operators
}

// Tree answers questions about accounts from memory.
type Tree interface {
	// Within reports whether id is ancestor itself or below it.
	Within(ctx context.Context, ancestor, id aaa.AccountID) (bool, error)
	// Enabled reports whether the account and all of its ancestors are enabled.
	Enabled(ctx context.Context, id aaa.AccountID) (bool, error)
	// Limits is what the account may use.
	Limits(ctx context.Context, id aaa.AccountID) (*limits.Account, error)
}

// Verifier finds out whose a credential is. One unknown, revoked or run out is an *aaa.Error of KindUnauthorized.
type Verifier interface {
	// Verify is for tokens.
	Verify(ctx context.Context, text string, g token.Guard) (token.Principal, error)
	// VerifyKey is for API keys.
	VerifyKey(ctx context.Context, text string, g token.Guard) (token.Principal, error)
}
