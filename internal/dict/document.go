package dict

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/go-json-experiment/json/jsontext"

	"aaa-api/internal/aaa"
)

// Document is a dictionary as a file or the API holds it.
type Document struct {
	Name  string // empty where the source gave none
	Owner string // account of the owner; empty for a system dictionary
	// Uses are the system dictionaries in which Value's foreign parents and vendors are found.
	Uses  []string
	Value []Entry
	// Warnings tell what of a text is taken and may be meant otherwise, by line.
	Warnings []aaa.Field
}

// ParseDocument reads {"name", "owner", "uses", "value": [entry…]}, of which value is
// required, or a bare array of entries. Errors are as ParseJSON's.
func ParseDocument(b []byte) (*Document, error) {
	b = trimMark(b)
	if trimmed := bytes.TrimLeft(b, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		list, err := ParseJSON(b)
		if err != nil {
			return nil, err
		}
		return &Document{Value: list}, nil
	}
	if err := checkSource(b, maxJSON); err != nil {
		return nil, err
	}
	d := newJSONReader(b, "")
	doc := &Document{}
	found := false
	d.object(func(key string) {
		switch key {
		case "name":
			doc.Name = d.text()
		case "owner":
			doc.Owner = d.text()
		case "uses":
			if d.token() != jsontext.KindBeginArray {
				d.fail("type", "an array of names is wanted")
			}
			for d.more() {
				doc.Uses = append(doc.Uses, d.text())
			}
			d.token()
		case "value":
			doc.Value, found = d.array(), true
		case "id", "created_at", "updated_at": // as the API shows it; they mean nothing here
			d.text()
		default:
			d.fail("unknown", "no such member")
		}
	})
	d.end("something follows the object")
	if d.err == nil && !found {
		d.faults.add("value", "required", "the member is required", nil)
	}
	if d.err != nil {
		return nil, d.err
	}
	return doc, d.faults.err()
}

// FormatEntries writes a document's value as JSON: [] where there is no entry.
func FormatEntries(entries []Entry) ([]byte, error) {
	if entries == nil {
		entries = []Entry{}
	}
	return json.Marshal(entries)
}

// FormatDocument writes a document as JSON, one entry a line.
func FormatDocument(doc *Document) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(`{"name":`)
	member := func(v any) error {
		b, err := json.Marshal(v)
		out.Write(b)
		return err
	}
	errs := []error{member(doc.Name)}
	if doc.Owner != "" {
		out.WriteString(`,"owner":`)
		errs = append(errs, member(doc.Owner))
	}
	if len(doc.Uses) > 0 {
		out.WriteString(`,"uses":`)
		errs = append(errs, member(doc.Uses))
	}
	out.WriteString(`,"value":[`)
	for i := range doc.Value {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		errs = append(errs, member(&doc.Value[i]))
	}
	out.WriteString("\n]}\n")
	return out.Bytes(), errors.Join(errs...)
}

// Lint reads a dictionary of either form and checks its entries as an upload's are checked; name
// is what faults of a text call it. The document has the name that its source gives, which is for the caller to
// check. Errors are *aaa.Error of KindBadInput; its Fields are all faults found, up to 20.
func Lint(name string, source []byte, visible *Set) (*Document, error) {
	var doc *Document
	var err error
	if IsJSON(source) {
		doc, err = ParseDocument(source)
	} else {
		doc, err = parseFile(source, visible, nil)
	}
	if err != nil {
		return nil, err
	}
	_, err = Compile(orElse(doc.Name, name), doc.Value, visible)
	return doc, err
}

// parseFile reads a text that stands in a file; include is parseText's.
func parseFile(text []byte, visible *Set, include func(file string) error) (*Document, error) {
	p, err := parseText(text, visible, visible, include)
	if err != nil {
		return nil, err
	}
	return &Document{Value: p.entries, Warnings: p.warnings.list}, nil
}

// trimMark cuts off the byte order mark that Windows puts before UTF-8.
func trimMark(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\ufeff")) }

// IsJSON tells the two forms apart: JSON begins with a brace or bracket.
func IsJSON(source []byte) bool {
	trimmed := bytes.TrimLeft(trimMark(source), " \t\r\n")
	return len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[')
}

// Convert turns a dictionary of one form into the other: JSON into FreeRADIUS text, text into JSON of that name.
func Convert(name string, source []byte, visible *Set) ([]byte, error) {
	doc, err := Lint(name, source, visible)
	if err != nil {
		return nil, err
	}
	if IsJSON(source) {
		return FormatText(doc.Value, visible)
	}
	doc.Name = name
	return FormatDocument(doc)
}
