package web

import (
	"net/http"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// ETag is the entity tag of a revision.
func ETag(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// ETagOfForm is the entity tag of a revision in a form other than JSON, of which form is the name, in letters. It is that of
// the JSON if form is empty.
func ETagOfForm(revision int64, form string) string {
	if form == "" {
		return ETag(revision)
	}
	return `"` + strconv.FormatInt(revision, 10) + "-" + form + `"`
}

// Expected reads If-Match (RFC 9110 §13.1.1). A header that can't be read is refused, never passed over.
func (c *Call) Expected() (aaa.Revisions, error) {
	list, ok := c.r.Header["If-Match"]
	if !ok {
		return aaa.Revisions{}, nil
	}
	tags, any, err := parseTags("If-Match", strings.Join(list, ","))
	expected := aaa.Revisions{Given: true, Any: any}
	for _, t := range tags {
		if !t.weak {
			expected.List = append(expected.List, t.revision)
		}
	}
	return expected, err
}

// Known reads the revisions in If-None-Match (RFC 9110 §13.1.2) of which the client has a form, as ETagOfForm names it.
func (c *Call) Known(form string) (aaa.Revisions, error) {
	list, ok := c.r.Header["If-None-Match"]
	if !ok {
		return aaa.Revisions{}, nil
	}
	tags, any, err := parseTags("If-None-Match", strings.Join(list, ","))
	known := aaa.Revisions{Given: true, Any: any}
	for _, t := range tags {
		if t.text == ETagOfForm(t.revision, form) {
			known.List = append(known.List, t.revision)
		}
	}
	return known, err
}

// NotModified evaluates If-None-Match (RFC 9110 §13.1.2) for a read and answers 304 where it holds.
func (c *Call) NotModified(etag string) (done bool, err error) {
	list, ok := c.r.Header["If-None-Match"]
	if !ok {
		return false, nil
	}
	tags, any, err := parseTags("If-None-Match", strings.Join(list, ","))
	if err != nil {
		return false, err
	}
	for _, t := range tags {
		any = any || t.text == etag
	}
	if !any {
		return false, nil
	}
	c.Header()["Etag"] = []string{etag}
	c.WriteHeader(http.StatusNotModified)
	return true, nil
}

type entityTag struct {
	text     string // with its quotes
	weak     bool
	revision int64 // 0 where the tag is none of ours
}

// parseTags reads the list of a conditional header: "*", or quoted tags. A bare
// number is taken for the tag of that revision.
func parseTags(header, text string) (tags []entityTag, any bool, err error) {
	bad := aaa.Invalid(aaa.Field{Path: header, Rule: "syntax", Message: `must be "*" or quoted entity tags`})
	if strings.TrimSpace(text) == "*" {
		return nil, true, nil
	}
	for {
		text = strings.TrimLeft(text, " \t,")
		if text == "" {
			break
		}
		var t entityTag
		text, t.weak = strings.CutPrefix(text, "W/")
		if strings.HasPrefix(text, `"`) {
			end := strings.IndexByte(text[1:], '"')
			if end < 0 {
				return nil, false, bad
			}
			t.text, text = text[:end+2], text[end+2:]
		} else {
			word, rest, _ := strings.Cut(text, ",")
			if word = strings.TrimSpace(word); !isNumber(word) || t.weak {
				return nil, false, bad
			}
			t.text, text = `"`+word+`"`, rest
		}
		inner := strings.Trim(t.text, `"`)
		inner, _, _ = strings.Cut(inner, "-") // the form
		if isNumber(inner) {
			t.revision, _ = strconv.ParseInt(inner, 10, 64) // too large a number stays no revision of ours
		}
		tags = append(tags, t)
	}
	if tags == nil {
		return nil, false, bad
	}
	return tags, false, nil
}

func isNumber(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
