package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/token"
)

// pass takes a request through the gate of its route and runs the handler. The order matters: the caller, whether what the URL
// names exists for them, what they may do, and only then what they sent. So a node reads a long body only of a caller that
// may send it.
func (c *Call) pass() error {
	if c.route.Scope != Public {
		if err := c.CheckFresh(); err != nil {
			return err
		}
		if err := c.identify(); err != nil {
			return err
		}
		if err := c.server.limiter.Allow(c, c.who.TokenID); err != nil {
			return err
		}
		if err := c.checkRate(); err != nil {
			return err
		}
		if err := c.readPath(); err != nil {
			return err
		}
		if err := c.reachEntity(); err != nil {
			return err
		}
	}
	if err := c.readAllowed(); err != nil {
		return err
	}
	if err := c.takePlace(); err != nil { // what is decoded costs memory, too
		return err
	}
	if err := c.heavyBody(); err != nil { // behind the place, as all heavy work is: else the two could wait for each other
		return err
	}
	// A POST may be another method in disguise; that one's route has a gate of its own.
	if c.mayBeOther() {
		verb, err := c.bodyVerb()
		if err != nil {
			return err
		}
		if verb != "" && verb != http.MethodPost {
			c.tunnelled = true
			return c.serve(verb)
		}
	}
	if err := c.checkScope(); err != nil {
		return err
	}
	if err := c.checkQuery(); err != nil {
		return err
	}
	if err := c.checkBody(); err != nil {
		return err
	}
	if c.route.Method != http.MethodGet && !c.route.IfMatch && len(c.r.Header["If-Match"]) > 0 {
		return errNoCondition
	}
	if err := c.stillAllowed(); err != nil {
		return err
	}
	err := c.route.Handle(c)
	c.losePlace(err)
	return err
}

// CheckFresh refuses to go by what is in memory where that is too old: the token may have been revoked since, the account
// disabled, or its document replaced.
func (c *Call) CheckFresh() error {
	if c.server.Stale != nil && c.server.Stale() {
		return errTooOld
	}
	return nil
}

var errTooOld = &aaa.Error{
	Kind: aaa.KindUnavailable, RetryAfter: 2 * time.Second,
	Message: "the database could not be reached for too long, so this node can't tell whether what it remembers still holds",
}

// readAllowed reads as much of the body as the token's scope allows. A POST without the scope may be
// another method in disguise, which a short body tells.
func (c *Call) readAllowed() error {
	forbidden := c.checkScope()
	switch {
	case c.route.Body == Stream, c.route.Body == NoBody && !c.mayBeOther():
		return forbidden // the handler reads it, or nobody does
	case forbidden == nil:
		return c.readBody()
	case !c.mayBeOther():
		return forbidden
	}
	err := c.readUpTo(MaxShortBody)
	if err != nil && FailureOf(err).Status == http.StatusRequestEntityTooLarge {
		return forbidden
	}
	return err
}

// mayBeOther reports whether the body may say that the request is one of another method.
func (c *Call) mayBeOther() bool {
	return c.route.Method == http.MethodPost && c.route.Body != Stream && !c.tunnelled
}

// identify finds the account of the token.
func (c *Call) identify() error {
	if c.who.TokenID != "" {
		return nil // known since before a tunnelled method was found
	}
	text, err := c.tokenText()
	if err != nil {
		return err
	}
	if text == "" {
		return ErrNoToken
	}
	who, err := c.principal(text)
	if err != nil {
		return err
	}
	c.who, c.account, c.token = who, who.Account, text
	c.ownHolding()
	return nil
}

// stillAllowed checks once more whether a writer may write: the body may have taken minutes to come, and the token may have been
// revoked meanwhile, or the account moved or disabled.
func (c *Call) stillAllowed() error {
	if c.route.Scope != MayWrite {
		return nil
	}
	if _, err := c.principal(c.token); err != nil {
		return err
	}
	return c.reachEntity()
}

// principal is the holder of a token. It fails if the account is disabled.
func (c *Call) principal(text string) (token.Principal, error) {
	who, err := c.server.Verifier.Verify(c.Context(), text, c)
	if err := c.Judged(err); err != nil {
		return token.Principal{}, err
	}
	return who, c.CheckEnabled(who.Account)
}

// CheckEnabled refuses the credentials of an account that is gone or disabled.
func (c *Call) CheckEnabled(id aaa.AccountID) error {
	enabled, err := c.server.Accounts.Enabled(c.Context(), id)
	switch {
	case aaa.KindOf(err) == aaa.KindNotFound:
		return ErrNoToken // the account is gone, and its credentials with it
	case err != nil:
		return err
	case !enabled:
		return &aaa.Error{Kind: aaa.KindForbidden, Message: "the token's account, or one above it, is disabled"}
	}
	return nil
}

// tokenText looks for a token in X-Auth-Token, Authorization, the query and the body, in this order.
func (c *Call) tokenText() (string, error) {
	h := c.r.Header
	if v := h["X-Auth-Token"]; len(v) > 0 {
		return v[0], nil
	}
	if v := h["Authorization"]; len(v) > 0 {
		scheme, text, ok := strings.Cut(v[0], " ")
		if !ok || !strings.EqualFold(scheme, "Bearer") {
			return "", ErrNoToken
		}
		return strings.TrimSpace(text), nil
	}
	if strings.Contains(c.r.URL.RawQuery, "auth_token=") {
		return c.r.URL.Query().Get("auth_token"), nil
	}
	if c.r.ContentLength == 0 || c.route.Body == Stream || c.IsText() {
		return "", nil
	}
	// The caller is not known yet: a short body is read at most, and any fault of it is a missing token.
	err := c.readUpTo(MaxShortBody)
	if err != nil {
		switch FailureOf(err).Status {
		case http.StatusRequestEntityTooLarge:
			c.Header().Set("Connection", "close") // the rest of the body is not read
			return "", noToken(fmt.Sprintf("a body of more than %d octets is not searched for one: send X-Auth-Token", MaxShortBody))
		case http.StatusServiceUnavailable:
			return "", err // there is no memory to search it
		}
	}
	if err == nil {
		err = c.decodeBody()
	}
	if err != nil {
		return "", noToken("the body is none that one can be read from")
	}
	text, _ := c.envelope["auth_token"].(string)
	return text, nil
}

// noToken refuses a request of which the body was the last place to look for a token.
func noToken(why string) *Failure {
	return &Failure{Status: http.StatusUnauthorized, Slug: SlugToken, Detail: "there is no token in header or query, and " + why}
}

// reachEntity resolves what the URL names. Whatever the token does not reach answers as if it were not there.
func (c *Call) reachEntity() error {
	switch c.route.Reach {
	case OnAccount:
		id, err := aaa.ParseAccountID(c.Param("id"))
		if err != nil {
			return ErrNoSuchAccount
		}
		if id != c.who.Account {
			within, err := c.server.Accounts.Within(c.Context(), c.who.Account, id)
			if err != nil {
				if aaa.KindOf(err) == aaa.KindNotFound {
					return ErrNoSuchAccount
				}
				return err
			}
			if !within {
				return ErrNoSuchAccount
			}
		}
		c.account = id
	case OnSystem:
		own, err := c.server.Accounts.Within(c.Context(), c.who.Account, aaa.SystemConfig)
		if err != nil {
			return err
		}
		if !own {
			return errNoSystem
		}
		c.account = aaa.SystemConfig
	}
	return nil
}

func (c *Call) checkScope() error {
	s := c.route.Scope
	if c.route.ScopeOf != nil {
		s = c.route.ScopeOf(c)
	}
	if s == Public || s == AnyToken || c.who.Can(string(s)) {
		return nil
	}
	return &aaa.Error{Kind: aaa.KindForbidden, Message: "the token lacks the scope " + string(s)}
}

// IsText reports a body that is plain text, so that nothing is looked for in it.
func (c *Call) IsText() bool {
	return strings.HasPrefix(strings.ToLower(c.r.Header.Get("Content-Type")), "text/plain")
}
