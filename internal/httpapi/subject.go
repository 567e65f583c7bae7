package httpapi

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
)

// The store says that something is not there, or is there already. What it is about, the request says: these sentences
// name it, since "not found" leaves its reader to guess between the account and all that is below it.

// holder is whose things the request is about.
func (c *call) holder() string {
	if c.route.reach == onSystem {
		return "the system configuration"
	}
	return "the account"
}

// lacking says what is not there.
func (c *call) lacking() string {
	const noAccount = "there is no such account"
	if c.route == nil || c.route.method == http.MethodPut {
		return noAccount // what PUT makes need not be there, the account must
	}
	of, name := c.holder(), quoted(cmp.Or(c.lastParam(), c.sentName()))
	switch c.route.pattern {
	case atDocument, atSystem, atSystemV1:
		return of + " has no AAA document: create it with PUT"
	case atRevision, atSystemRevision:
		return of + "'s AAA document has no revision " + name
	case atToken:
		return of + " has no token of this id" // which is not repeated: it may be the token itself
	case atKey:
		return of + " has no API key: make one with PUT"
	case atSystem + "/dictionary/{dict}":
		return "there is no system dictionary " + name
	case atTable + "/simulate":
		return "neither " + of + " nor one above it that the token reaches has a state machine table " + name + ", and none is built in"
	}
	if what := c.named(); what != "" {
		return of + " has no " + what + " " + name
	}
	return noAccount
}

// taken says what is there already.
func (c *call) taken() string {
	switch c.route.pattern {
	case atDocument, atSystem, atSystemV1, atRevision, atSystemRevision:
		return c.holder() + " has an AAA document already: replace it with POST, or change it with PATCH"
	}
	what := c.named()
	if what == "" {
		return "what the request makes is there already"
	}
	hint := ""
	if c.route.method == http.MethodPut {
		hint = ": replace it with POST"
	}
	return c.holder() + " has a " + what + " " + quoted(cmp.Or(c.sentName(), c.lastParam())) + " already" + hint
}

// named is the kind of thing that the route finds by its name, empty for others.
func (c *call) named() string {
	switch {
	case strings.HasPrefix(c.route.pattern, atDictionaries):
		return "dictionary"
	case strings.HasPrefix(c.route.pattern, atTables):
		return "state machine table"
	case strings.HasPrefix(c.route.pattern, atUsers):
		return "users file"
	}
	return ""
}

// lastParam is what the path names below the account.
func (c *call) lastParam() string { return cmp.Or(c.param("dict"), c.param("name"), c.param("n")) }

// sentName is the name that came with the request: in the query, or in the body.
func (c *call) sentName() string {
	data, _ := c.envelope["data"].(map[string]any)
	inside, _ := data["name"].(string)
	return cmp.Or(c.query.Get("name"), inside)
}

// quoted is a name as messages show it: no more of it than of any value.
func quoted(name string) string { return fmt.Sprintf("%q", shorten(name)) }
