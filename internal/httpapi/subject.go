package httpapi

import (
	"cmp"
	"net/http"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/web"
)

// The store says that something is not there, or is there already. What it is about, the request says: these sentences
// name it, since "not found" leaves its reader to guess between the account and all that is below it.

// holder is whose things the request is about.
func holder(c *web.Call) string {
	if c.Route().Reach == onSystem {
		return "the system configuration"
	}
	return "the account"
}

// lacking says what is not there.
func lacking(c *web.Call) string {
	const noAccount = "there is no such account"
	if c.Route() == nil || c.Route().Method == http.MethodPut {
		return noAccount // what PUT makes need not be there, the account must
	}
	of, name := holder(c), aaa.Quote(cmp.Or(lastParam(c), sentName(c)))
	switch c.Route().Pattern {
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
	if what := named(c); what != "" {
		return of + " has no " + what + " " + name
	}
	return noAccount
}

// taken says what is there already.
func taken(c *web.Call) string {
	switch c.Route().Pattern {
	case atDocument, atSystem, atSystemV1, atRevision, atSystemRevision:
		return holder(c) + " has an AAA document already: replace it with POST, or change it with PATCH"
	}
	what := named(c)
	if what == "" {
		return "what the request makes is there already"
	}
	hint := ""
	if c.Route().Method == http.MethodPut {
		hint = ": replace it with POST"
	}
	return holder(c) + " has a " + what + " " + aaa.Quote(cmp.Or(sentName(c), lastParam(c))) + " already" + hint
}

// named is the kind of thing that the route finds by its name, empty for others.
func named(c *web.Call) string {
	switch {
	case strings.HasPrefix(c.Route().Pattern, atDictionaries):
		return "dictionary"
	case strings.HasPrefix(c.Route().Pattern, atTables):
		return "state machine table"
	case strings.HasPrefix(c.Route().Pattern, atUsers):
		return "users file"
	}
	return ""
}

// lastParam is what the path names below the account.
func lastParam(c *web.Call) string { return cmp.Or(c.Param("dict"), c.Param("name"), c.Param("n")) }

// sentName is the name that came with the request: in the query, or in the body.
func sentName(c *web.Call) string {
	data, _ := c.Sent().(map[string]any)
	inside, _ := data["name"].(string)
	return cmp.Or(c.Query().Get("name"), inside)
}
