package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
)

// failure is an error as HTTP sees it: what an answer is rendered from.
type failure struct {
	status     int
	slug       string // Kazoo's word for it, the member message
	detail     string // for a person
	fields     []aaa.Field
	retryAfter time.Duration
	trace      *aaa.Trace
	excess     *aaa.Excess // the limit that was reached
	err        error       // for the log alone
}

func (f *failure) Error() string {
	if f.err != nil {
		return f.err.Error()
	}
	return f.slug + ": " + f.detail
}

func (f *failure) Unwrap() error { return f.err }

// The slugs that are used in more than one place.
const (
	slugInternal   = "unspecified_fault"
	slugParse      = "parse_error"
	slugInvalid    = "validation error"
	slugIdentifier = "bad_identifier"
	slugConflict   = "datastore_conflict"
	slugForbidden  = "forbidden"
	slugToken      = "invalid_credentials"
	slugStore      = "datastore_unavailable"
	slugTooLarge   = "request_too_large"
	slugTooMany    = "too_many_requests"
)

// Failures that never vary.
var (
	errNoRoute       = &failure{status: http.StatusNotFound, slug: "not_found", detail: "there is nothing at this address: /docs describes the API"}
	errBadPath       = &failure{status: http.StatusNotFound, slug: slugIdentifier, detail: "nothing can have the name in the path: names are UTF-8 without the character U+0000"}
	errNoSystem      = &failure{status: http.StatusNotFound, slug: slugIdentifier, detail: "the token does not reach the system configuration: only one of the root account does"}
	errNoSuchAccount = &failure{status: http.StatusNotFound, slug: slugIdentifier, detail: "there is no such account"}
	errNoToken       = &failure{status: http.StatusUnauthorized, slug: slugToken, detail: "a valid token is needed: in X-Auth-Token, or in Authorization after Bearer"}
	errVerb          = &failure{status: http.StatusBadRequest, slug: "invalid_method", detail: "verb must be GET, PUT, POST, PATCH or DELETE, and agree with the method"}
	errNoCondition   = aaa.Invalid(aaa.Field{Path: "If-Match", Rule: "unsupported", Message: "this operation takes no If-Match"})
	errStale         = &failure{status: http.StatusPreconditionFailed, slug: "precondition_failed", detail: "the revision in If-Match is not the current one"}
)

func tooLarge(limit int64) *failure {
	return &failure{
		status: http.StatusRequestEntityTooLarge, slug: slugTooLarge,
		detail: fmt.Sprintf("the body may have %d octets at most", limit),
	}
}

// staleNow is errStale with what is there instead.
func staleNow(instead string) *failure {
	return &failure{status: errStale.status, slug: errStale.slug, detail: errStale.detail + ": " + instead}
}

func unsupportedMedia(detail string) *failure {
	return &failure{status: http.StatusUnsupportedMediaType, slug: "unsupported_media_type", detail: detail}
}

// bodyError makes Kazoo's parse_error of a body that is no JSON. Other faults keep
// their fields, with paths that begin within data as those of a document do.
func bodyError(err error) error {
	var e *aaa.Error
	if !errors.As(err, &e) {
		return err
	}
	if errors.Is(err, schema.ErrSyntax) {
		return &failure{status: http.StatusBadRequest, slug: slugParse, detail: e.Message, fields: e.Fields, err: err}
	}
	for i := range e.Fields {
		e.Fields[i].Path = strings.TrimPrefix(e.Fields[i].Path, "data.")
	}
	return err
}

func isNotFound(err error) bool {
	return err != nil && (errors.Is(err, store.ErrNotFound) || aaa.KindOf(err) == aaa.KindNotFound)
}

func isUnavailable(err error) bool {
	return err != nil && (errors.Is(err, store.ErrUnavailable) || aaa.KindOf(err) == aaa.KindUnavailable)
}

// byKind is the status and slug of each kind of aaa.Error.
var byKind = map[aaa.Kind]failure{
	aaa.KindBadInput:     {status: http.StatusBadRequest, slug: slugInvalid},
	aaa.KindUnauthorized: {status: http.StatusUnauthorized, slug: slugToken},
	aaa.KindForbidden:    {status: http.StatusForbidden, slug: slugForbidden},
	aaa.KindNotFound:     {status: http.StatusNotFound, slug: slugIdentifier},
	aaa.KindConflict:     {status: http.StatusConflict, slug: slugConflict},
	aaa.KindStale:        {status: http.StatusPreconditionFailed, slug: errStale.slug},
	aaa.KindBusy:         {status: http.StatusServiceUnavailable, slug: "overloaded"},
	aaa.KindBadReply:     {status: http.StatusBadGateway, slug: "bad_gateway"},
	aaa.KindNoAnswer:     {status: http.StatusGatewayTimeout, slug: "gateway_timeout"},
	aaa.KindUnavailable:  {status: http.StatusServiceUnavailable, slug: slugStore},
	aaa.KindLimited:      {status: http.StatusTooManyRequests, slug: slugTooMany},
}

// classify gives every error its meaning outside. An error that nobody gave one is an
// opaque 500; its text goes to the log alone.
func classify(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var e *aaa.Error
	if errors.As(err, &e) && e.Kind != aaa.KindInternal {
		known := byKind[e.Kind]
		known.detail, known.fields, known.retryAfter, known.trace, known.err = e.Message, e.Fields, e.RetryAfter, e.Trace, err
		known.excess = e.Excess
		return &known
	}
	if f := classifyStore(err); f != nil {
		f.err = err
		return f
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &failure{status: http.StatusServiceUnavailable, slug: "cancelled", detail: "the request was given up", err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{status: http.StatusGatewayTimeout, slug: "gateway_timeout", detail: "the request took too long", err: err}
	}
	return &failure{status: http.StatusInternalServerError, slug: slugInternal, detail: "an internal error; the log has it under the request id", err: err}
}

// conflict is a 409 because of one member.
func conflict(path, rule, message string, target any) *failure {
	return &failure{
		status: http.StatusConflict, slug: slugConflict, detail: message,
		fields: []aaa.Field{{Path: path, Rule: rule, Message: message, Target: target}},
	}
}

// tooDeep is a 409 because of the account that was to be another's parent, named by path.
func tooDeep(path string) *failure {
	return conflict(path, "depth", fmt.Sprintf("an account may have %d ancestors at most", store.MaxAccountDepth), store.MaxAccountDepth)
}

// classifyStore knows the errors of the store's contract; nil for others.
func classifyStore(err error) *failure {
	var inUse *store.InUseError
	var left *store.LeftBehindError
	var missing *store.MissingError
	var exists *store.ExistsError
	var over *store.LimitError
	switch {
	case errors.As(err, &over):
		return &failure{status: http.StatusConflict, slug: slugConflict, excess: &over.Excess}
	case errors.As(err, &inUse):
		return used(inUse)
	case errors.As(err, &left):
		return leftBehind(left)
	case errors.As(err, &missing):
		return gone(missing)
	case errors.As(err, &exists):
		return conflict(exists.Member, "unique", "another account has this "+exists.Member+" already", nil)
	case errors.Is(err, store.ErrNotFound):
		return &failure{status: http.StatusNotFound, slug: slugIdentifier} // fail knows of what
	case errors.Is(err, store.ErrExists):
		return &failure{status: http.StatusConflict, slug: slugConflict} // fail knows what
	case errors.Is(err, store.ErrStale):
		return &failure{status: errStale.status, slug: errStale.slug, detail: errStale.detail}
	case errors.Is(err, store.ErrCycle):
		return conflict("to", "cycle", "an account cannot be moved below itself", nil)
	case errors.Is(err, store.ErrTooDeep):
		return tooDeep("to")
	case errors.Is(err, store.ErrHasChildren):
		return &failure{status: http.StatusConflict, slug: slugConflict, detail: "the account has descendants: delete or move them first"}
	case errors.Is(err, store.ErrUnavailable):
		return &failure{status: http.StatusServiceUnavailable, slug: slugStore, detail: "the database cannot be reached", retryAfter: time.Second}
	}
	return nil
}
