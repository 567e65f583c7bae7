package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// refused gives the errors of a write that the store refuses their meaning; nil for others.
func refused(err error) *web.Failure {
	var inUse *store.InUseError
	var left *store.LeftBehindError
	var missing *store.MissingError
	var exists *store.ExistsError
	switch {
	case errors.As(err, new(*store.LimitError)):
		return nil // web knows it
	case errors.As(err, &inUse):
		return used(inUse)
	case errors.As(err, &left):
		return leftBehind(left)
	case errors.As(err, &missing):
		return gone(missing)
	case errors.As(err, &exists):
		return web.Conflict(exists.Member, "unique", "another account has this "+exists.Member+" already", nil)
	case errors.Is(err, store.ErrCycle):
		return web.Conflict("to", "cycle", "an account cannot be moved below itself", nil)
	case errors.Is(err, store.ErrTooDeep):
		return tooDeep("to")
	case errors.Is(err, store.ErrHasChildren):
		return &web.Failure{Status: http.StatusConflict, Slug: web.SlugConflict, Detail: "the account has descendants: delete or move them first"}
	}
	return nil
}

// tooDeep is a 409 because of the account that was to be another's parent, named by path.
func tooDeep(path string) *web.Failure {
	return web.Conflict(path, "depth", fmt.Sprintf("an account may have %d ancestors at most", store.MaxAccountDepth), store.MaxAccountDepth)
}

// used tells which accounts' documents keep a dictionary or table where it is.
func used(e *store.InUseError) *web.Failure {
	if e.Kind == store.RefFSM {
		return web.Conflict("fsm", "in_use", "the documents of these accounts name the table", e.Accounts)
	}
	return web.Conflict("dictionary", "in_use", "the documents of these accounts name the dictionary", e.Accounts)
}

// leftBehind tells which accounts' documents keep an account from moving.
func leftBehind(e *store.LeftBehindError) *web.Failure {
	var list []*web.Failure
	for _, kind := range e.Kinds {
		rule, what := "dictionaries", "dictionaries"
		if kind == store.RefFSM {
			rule, what = "fsm", "state machine tables"
		}
		list = append(list, web.Conflict("to", rule,
			"the documents of these accounts name "+what+" of an account that would no longer be above them", e.Accounts))
	}
	return together(list)
}

// gone tells which names of a document led to something that was deleted meanwhile.
func gone(e *store.MissingError) *web.Failure {
	var dictionaries, tables []string
	for _, ref := range e.Refs {
		if ref.Kind == store.RefFSM {
			tables = append(tables, ref.Name)
		} else {
			dictionaries = append(dictionaries, ref.Name)
		}
	}
	var list []*web.Failure
	if dictionaries != nil {
		list = append(list, web.Conflict("servers.dicts", "missing", "the document names dictionaries that are gone: "+someOf(dictionaries), dictionaries))
	}
	if tables != nil {
		list = append(list, web.Conflict("fsm", "missing", "the document names state machine tables that are gone: "+someOf(tables), tables))
	}
	return together(list)
}

// together makes one conflict of several, with the fields of all and the first one's detail.
func together(list []*web.Failure) *web.Failure {
	var fields []aaa.Field
	for _, f := range list {
		fields = append(fields, f.Fields...)
	}
	first := *list[0]
	first.Fields = fields
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
