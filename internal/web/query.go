package web

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
)

// checkQuery parses the query and refuses what the route does not take: a
// parameter misspelt must not be a filter ignored.
func (c *Call) checkQuery() error {
	raw := c.r.URL.RawQuery
	if raw == "" || c.route.Query == "*" {
		return nil
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return aaa.Invalid(aaa.Field{Path: "query", Rule: "syntax", Message: "the query cannot be read: " + err.Error()})
	}
	var faults []aaa.Field
	for name, values := range q {
		switch {
		case len(values) > 1:
			faults = append(faults, aaa.Field{Path: name, Rule: "duplicate", Message: "the query parameter is given twice"})
		case !storable(name) || !storable(values[0]):
			faults = append(faults, aaa.Field{Path: name, Rule: "character", Message: "the query parameter must be UTF-8 without the character U+0000"})
		case name == "auth_token":
		case name == "verb" && c.r.Method == "POST":
		case strings.HasPrefix(name, "filter_") && len(name) > len("filter_") && c.takes("filter_"):
		case !strings.HasPrefix(name, "filter_") && c.takes(name):
		default:
			faults = append(faults, aaa.Field{Path: name, Rule: "unknown", Message: schema.Unknown("there is no such query parameter here", name, strings.Fields(c.route.Query))})
		}
	}
	if faults != nil {
		return aaa.Invalid(faults...)
	}
	c.query = q
	return nil
}

// readPath refuses values of the path that nothing can be named, and decodes those of a path that was routed as it came.
func (c *Call) readPath() error {
	asItCame := c.routed() != c.r.URL.Path
	values := c.path.URLParams.Values
	for i, v := range values {
		if asItCame {
			var err error
			if v, err = url.PathUnescape(v); err != nil {
				return errBadPath
			}
			values[i] = v
		}
		if !storable(v) {
			return errBadPath
		}
	}
	return nil
}

// storable reports text that databases take as text.
func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func (c *Call) takes(name string) bool {
	for rest := c.route.Query; rest != ""; {
		var word string
		word, rest, _ = strings.Cut(rest, " ")
		if word == name {
			return true
		}
	}
	return false
}

// Flag reads a boolean query parameter, false without it.
func (c *Call) Flag(name string) (bool, error) {
	if !c.query.Has(name) {
		return false, nil
	}
	switch c.query.Get(name) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, aaa.Invalid(aaa.Field{Path: name, Rule: "type", Message: "must be true or false", Target: "boolean", Value: c.query.Get(name)})
}
