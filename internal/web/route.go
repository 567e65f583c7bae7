package web

import (
	"net/http"

	"aaa-api/internal/token"
)

// Reach says which entity a route is about, and so what its gate checks.
type Reach uint8

// What routes are about.
const (
	OnToken   Reach = iota // the token's own account, or none
	OnAccount              // {id} of the path
	OnSystem               // the system configuration: the root account's tokens only
)

// Scope is what a token must be allowed to do.
type Scope string

// What routes ask for.
const (
	Public     Scope = ""    // no token needed
	AnyToken   Scope = "any" // any valid token
	MayRead    Scope = token.ScopeRead
	MayWrite   Scope = token.ScopeWrite
	MayRequest Scope = token.ScopeRequest
)

// BodyKind is what a route takes as its body.
type BodyKind uint8

// The kinds of bodies.
const (
	NoBody    BodyKind = iota // nothing is expected; an envelope may bring auth_token
	JSONBody                  // the envelope {"data": …}
	MaybeJSON                 // the same, and may be left out
	Upload                    // the same, or text/plain
	Stream                    // NDJSON; no octet of it is read before the handler opens it
)

// Route is one operation.
type Route struct {
	Method, Pattern string // Pattern is a path in chi's notation
	Scope           Scope
	Reach           Reach
	Body            BodyKind
	MaxBody         int64  // octets of the body; 0 means Limits.Body
	MaxText         int64  // the same if it is text/plain, with Upload
	Query           string // the query parameters taken, separated by spaces; filter_ stands for filter_KEY, "*" for any
	IfMatch         bool   // If-Match is honoured; elsewhere it is refused rather than ignored
	Quiet           bool   // its requests are logged at level debug: probes come all the time
	DryRun          bool   // works on configuration and changes nothing, although its scope is MayRequest
	// ScopeOf returns the scope that one call needs, if that depends on what the path names. Optional.
	ScopeOf func(*Call) Scope
	Handle  func(*Call) error
}

// configures reports a request about configuration, and not one of the AAA service itself.
func (r *Route) configures() bool {
	return r.Scope == MayRead || r.Scope == MayWrite || r.DryRun
}

// onlyReads reports a request that changes nothing and sends nothing, so that its answer may be refused.
func (r *Route) onlyReads() bool {
	return r.Method == http.MethodGet || r.Scope == MayRead || r.DryRun
}

// bodyLimit is how many octets the body of a request may have.
func (c *Call) bodyLimit() int64 {
	switch r := c.route; {
	case r.Scope == Public:
		return MaxShortBody
	case r.Body == Upload && c.IsText():
		return r.MaxText
	case r.MaxBody > 0:
		return r.MaxBody
	}
	return c.server.Limits.Body
}
