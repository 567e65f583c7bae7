package web

import (
	"fmt"
	"net/http"
	"strings"

	"aaa-api/internal/aaa"
)

// pass takes a request through the gate of its route and runs the handler. The order matters: the caller, whether what the URL
// names exists for them, what they may do, and only then what they sent. So a node reads a long body only of a caller that
// may send it.
func (c *Call) pass() error {
	if c.route.Scope != Public {
		if err := c.enter(); err != nil {
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
	err := c.route.Handle(c)
	c.losePlace(err)
	return err
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
