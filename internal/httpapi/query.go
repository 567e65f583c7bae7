package httpapi

import (
	"net/url"
	"strings"

	"aaa-api/internal/aaa"
)

// checkQuery parses the query and refuses what the route does not take: a
// parameter misspelt must not be a filter ignored.
func (c *call) checkQuery() error {
	raw := c.r.URL.RawQuery
	if raw == "" || c.route.query == "*" {
		return nil
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return aaa.Invalid(aaa.Field{Path: "query", Rule: "syntax", Message: "the query cannot be read"})
	}
	var faults []aaa.Field
	for name, values := range q {
		switch {
		case len(values) > 1:
			faults = append(faults, aaa.Field{Path: name, Rule: "duplicate", Message: "the query parameter is given twice"})
		case name == "auth_token":
		case name == "verb" && c.r.Method == "POST":
		case strings.HasPrefix(name, "filter_") && len(name) > len("filter_") && c.takes("filter_"):
		case !strings.HasPrefix(name, "filter_") && c.takes(name):
		default:
			faults = append(faults, aaa.Field{Path: name, Rule: "unknown", Message: "there is no such query parameter here"})
		}
	}
	if faults != nil {
		return aaa.Invalid(faults...)
	}
	c.query = q
	return nil
}

func (c *call) takes(name string) bool {
	for rest := c.route.query; rest != ""; {
		var word string
		word, rest, _ = strings.Cut(rest, " ")
		if word == name {
			return true
		}
	}
	return false
}

// flag reads a boolean query parameter, false without it.
func (c *call) flag(name string) (bool, error) {
	if !c.query.Has(name) {
		return false, nil
	}
	switch c.query.Get(name) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, aaa.Invalid(aaa.Field{Path: name, Rule: "type", Message: "must be true or false", Target: "boolean"})
}

// op reads the query parameter op.
func (c *call) op() (aaa.Op, error) {
	if !c.query.Has("op") {
		return 0, aaa.Invalid(aaa.Field{Path: "op", Rule: "required", Message: "the query parameter op is needed", Target: opNames})
	}
	op, err := aaa.ParseOp(c.query.Get("op"))
	if err != nil {
		return 0, aaa.Invalid(aaa.Field{Path: "op", Rule: "enum", Message: "must be one of the operations", Target: opNames})
	}
	return op, nil
}

var opNames = []string{"authn", "authz", "accounting", "custom"}
