package httpapi

import (
	"fmt"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// used tells which accounts' documents keep a dictionary or table where it is.
func used(e *store.InUseError) *failure {
	if e.Kind == store.RefFSM {
		return conflict("fsm", "in_use", "the documents of these accounts name the table", e.Accounts)
	}
	return conflict("dictionary", "in_use", "the documents of these accounts name the dictionary", e.Accounts)
}

// leftBehind tells which accounts' documents keep an account from moving.
func leftBehind(e *store.LeftBehindError) *failure {
	var list []*failure
	for _, kind := range e.Kinds {
		rule, what := "dictionaries", "dictionaries"
		if kind == store.RefFSM {
			rule, what = "fsm", "state machine tables"
		}
		list = append(list, conflict("to", rule,
			"the documents of these accounts name "+what+" of an account that would no longer be above them", e.Accounts))
	}
	return together(list)
}

// gone tells which names of a document led to something that was deleted meanwhile.
func gone(e *store.MissingError) *failure {
	var dictionaries, tables []string
	for _, ref := range e.Refs {
		if ref.Kind == store.RefFSM {
			tables = append(tables, ref.Name)
		} else {
			dictionaries = append(dictionaries, ref.Name)
		}
	}
	var list []*failure
	if dictionaries != nil {
		list = append(list, conflict("servers.dicts", "missing", "the document names dictionaries that are gone: "+someOf(dictionaries), dictionaries))
	}
	if tables != nil {
		list = append(list, conflict("fsm", "missing", "the document names state machine tables that are gone: "+someOf(tables), tables))
	}
	return together(list)
}

// together makes one conflict of several, with the fields of all and the first one's detail.
func together(list []*failure) *failure {
	var fields []aaa.Field
	for _, f := range list {
		fields = append(fields, f.fields...)
	}
	first := *list[0]
	first.fields = fields
	return &first
}

// maxNamed is how many names a sentence holds; the field's target has them all.
const maxNamed = 5

// someOf lists names as a sentence does.
func someOf(names []string) string {
	if more := len(names) - maxNamed; more > 0 {
		return strings.Join(names[:maxNamed], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(names, ", ")
}
