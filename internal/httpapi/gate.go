package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/token"
)

// pass takes a request through the gate of its route and runs the handler. The order
// matters: who asks, then whether what the URL names exists for them at all, then
// what they may do, and only then what they sent. So nobody makes a node read a long body who may not send one.
func (c *call) pass() error {
	if c.route.scope != public {
		if err := c.checkFresh(); err != nil {
			return err
		}
		if err := c.identify(); err != nil {
			return err
		}
		if err := c.api.limiter.allow(c, c.who.TokenID); err != nil {
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
	if c.route.method != http.MethodGet && !c.route.ifMatch && len(c.r.Header["If-Match"]) > 0 {
		return errNoCondition
	}
	if err := c.stillAllowed(); err != nil {
		return err
	}
	err := c.route.handle(c.api, c)
	c.losePlace(err)
	return err
}

// checkFresh refuses to go by what is in memory where that is too old: the token may have been revoked since, the account
// disabled, or its document replaced.
func (c *call) checkFresh() error {
	if c.api.Stale != nil && c.api.Stale() {
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
func (c *call) readAllowed() error {
	forbidden := c.checkScope()
	switch {
	case c.route.body == noBody && !c.mayBeOther():
		return forbidden // what nobody asked for is not read
	case forbidden == nil:
		return c.readBody()
	case !c.mayBeOther():
		return forbidden
	}
	err := c.readUpTo(maxShortBody)
	if err != nil && classify(err).status == http.StatusRequestEntityTooLarge {
		return forbidden
	}
	return err
}

// mayBeOther reports whether the body may say that the request is one of another method.
func (c *call) mayBeOther() bool { return c.route.method == http.MethodPost && !c.tunnelled }

// identify finds out whose token came along.
func (c *call) identify() error {
	if c.who.TokenID != "" {
		return nil // known since before a tunnelled method was found
	}
	text, err := c.tokenText()
	if err != nil {
		return err
	}
	if text == "" {
		return errNoToken
	}
	who, err := c.principal(text)
	if err != nil {
		return err
	}
	c.who, c.account, c.token = who, who.Account, text
	c.ownHolding()
	return nil
}

// stillAllowed looks once more whether who writes may do so: the body may have taken minutes to come, and the token may have been
// revoked meanwhile, or the account moved or disabled.
func (c *call) stillAllowed() error {
	if c.route.scope != mayWrite {
		return nil
	}
	if _, err := c.principal(c.token); err != nil {
		return err
	}
	return c.reachEntity()
}

// principal is who a token speaks for, whose account is enabled.
func (c *call) principal(text string) (token.Principal, error) {
	who, err := c.api.Verifier.Verify(c.ctx(), text, c)
	if err := c.judged(err); err != nil {
		return token.Principal{}, err
	}
	return who, c.checkEnabled(who.Account)
}

// checkEnabled refuses the credentials of an account that is gone or disabled.
func (c *call) checkEnabled(id aaa.AccountID) error {
	enabled, err := c.api.Tree.Enabled(c.ctx(), id)
	switch {
	case isNotFound(err):
		return errNoToken // the account is gone, and its credentials with it
	case err != nil:
		return err
	case !enabled:
		return &aaa.Error{Kind: aaa.KindForbidden, Message: "the token's account, or one above it, is disabled"}
	}
	return nil
}

// tokenText looks for a token in X-Auth-Token, Authorization, the query and the body, in this order.
func (c *call) tokenText() (string, error) {
	h := c.r.Header
	if v := h["X-Auth-Token"]; len(v) > 0 {
		return v[0], nil
	}
	if v := h["Authorization"]; len(v) > 0 {
		scheme, text, ok := strings.Cut(v[0], " ")
		if !ok || !strings.EqualFold(scheme, "Bearer") {
			return "", errNoToken
		}
		return strings.TrimSpace(text), nil
	}
	if strings.Contains(c.r.URL.RawQuery, "auth_token=") {
		return c.r.URL.Query().Get("auth_token"), nil
	}
	if c.r.ContentLength == 0 || isText(c.r) {
		return "", nil
	}
	// Nobody is known yet: read no more than a short body, and whatever is wrong with it, a stranger is refused as one.
	err := c.readUpTo(maxShortBody)
	if err != nil {
		switch classify(err).status {
		case http.StatusRequestEntityTooLarge:
			c.Header().Set("Connection", "close") // the rest of the body is not read
			return "", noToken(fmt.Sprintf("a body of more than %d octets is not searched for one: send X-Auth-Token", maxShortBody))
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
func noToken(why string) *failure {
	return &failure{status: http.StatusUnauthorized, slug: slugToken, detail: "there is no token in header or query, and " + why}
}

// reachEntity resolves what the URL names. Whatever the token does not reach answers as if it were not there.
func (c *call) reachEntity() error {
	switch c.route.reach {
	case onAccount:
		id, err := aaa.ParseAccountID(c.param("id"))
		if err != nil {
			return errNoSuchAccount
		}
		if id != c.who.Account {
			within, err := c.api.Tree.Within(c.ctx(), c.who.Account, id)
			if err != nil {
				if isNotFound(err) {
					return errNoSuchAccount
				}
				return err
			}
			if !within {
				return errNoSuchAccount
			}
		}
		c.account = id
	case onSystem:
		own, err := c.api.Tree.Within(c.ctx(), c.who.Account, aaa.SystemConfig)
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

func (c *call) checkScope() error {
	s := c.route.scope
	if c.byID() {
		s = mayWrite
	}
	if s == public || s == anyToken || c.who.Can(string(s)) {
		return nil
	}
	return &aaa.Error{Kind: aaa.KindForbidden, Message: "the token lacks the scope " + string(s)}
}

// isText reports a body that is plain text, so that nothing is looked for in it.
func isText(r *http.Request) bool {
	return strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "text/plain")
}
