package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
)

// Failure is an error as HTTP sees it: what an answer is rendered from.
type Failure struct {
	Status     int    // of the answer
	Slug       string // Kazoo's word for it, the member message
	Detail     string // for a person
	Fields     []aaa.Field
	RetryAfter time.Duration
	Trace      *aaa.Trace
	Excess     *aaa.Excess // the limit that was reached
	Err        error       // for the log alone
}

func (f *Failure) Error() string {
	if f.Err != nil {
		return f.Err.Error()
	}
	return f.Slug + ": " + f.Detail
}

func (f *Failure) Unwrap() error { return f.Err }

// Slugs that more than one failure has.
const (
	SlugInternal   = "unspecified_fault"
	SlugParse      = "parse_error"
	SlugInvalid    = "validation error"
	SlugIdentifier = "bad_identifier"
	SlugConflict   = "datastore_conflict"
	SlugForbidden  = "forbidden"
	SlugToken      = "invalid_credentials"
	SlugStore      = "datastore_unavailable"
	SlugTooLarge   = "request_too_large"
	SlugTooMany    = "too_many_requests"
)

// Failures that never vary.
var (
	ErrNoRoute     = &Failure{Status: http.StatusNotFound, Slug: "not_found", Detail: "there is nothing at this address: /docs describes the API"}
	errBadPath     = &Failure{Status: http.StatusNotFound, Slug: SlugIdentifier, Detail: "nothing can have the name in the path: names are UTF-8 without the character U+0000"}
	ErrNoToken     = &Failure{Status: http.StatusUnauthorized, Slug: SlugToken, Detail: "a valid token is needed: in X-Auth-Token, or in Authorization after Bearer"}
	errVerb        = &Failure{Status: http.StatusBadRequest, Slug: "invalid_method", Detail: "verb must be GET, PUT, POST, PATCH or DELETE, and agree with the method"}
	errNoCondition = aaa.Invalid(aaa.Field{Path: "If-Match", Rule: "unsupported", Message: "this operation takes no If-Match"})
)

func tooLarge(limit int64) *Failure {
	return &Failure{
		Status: http.StatusRequestEntityTooLarge, Slug: SlugTooLarge,
		Detail: fmt.Sprintf("the body may have %d octets at most", limit),
	}
}

func unsupportedMedia(detail string) *Failure {
	return &Failure{Status: http.StatusUnsupportedMediaType, Slug: "unsupported_media_type", Detail: detail}
}

// BodyError makes Kazoo's parse_error of a body that is no JSON. Other faults keep
// their fields, with paths that begin within data as those of a document do.
func BodyError(err error) error {
	var e *aaa.Error
	if !errors.As(err, &e) {
		return err
	}
	if errors.Is(err, schema.ErrSyntax) {
		return &Failure{Status: http.StatusBadRequest, Slug: SlugParse, Detail: e.Message, Fields: e.Fields, Err: err}
	}
	for i := range e.Fields {
		e.Fields[i].Path = strings.TrimPrefix(e.Fields[i].Path, "data.")
	}
	return err
}

// byKind is the status and slug of each kind of aaa.Error.
var byKind = map[aaa.Kind]Failure{
	aaa.KindBadInput:     {Status: http.StatusBadRequest, Slug: SlugInvalid},
	aaa.KindUnauthorized: {Status: http.StatusUnauthorized, Slug: SlugToken},
	aaa.KindForbidden:    {Status: http.StatusForbidden, Slug: SlugForbidden},
	aaa.KindNotFound:     {Status: http.StatusNotFound, Slug: SlugIdentifier},
	aaa.KindConflict:     {Status: http.StatusConflict, Slug: SlugConflict},
	aaa.KindStale:        {Status: http.StatusPreconditionFailed, Slug: "precondition_failed"},
	aaa.KindBusy:         {Status: http.StatusServiceUnavailable, Slug: "overloaded"},
	aaa.KindBadReply:     {Status: http.StatusBadGateway, Slug: "bad_gateway"},
	aaa.KindNoAnswer:     {Status: http.StatusGatewayTimeout, Slug: "gateway_timeout"},
	aaa.KindUnavailable:  {Status: http.StatusServiceUnavailable, Slug: SlugStore},
	aaa.KindLimited:      {Status: http.StatusTooManyRequests, Slug: SlugTooMany},
	aaa.KindTooLong:      {Status: http.StatusRequestEntityTooLarge, Slug: SlugTooLarge},
	aaa.KindBanned:       {Status: http.StatusTooManyRequests, Slug: "banned"},
}

// FailureOf gives every error its meaning outside. An error without one is an opaque 500; its text goes to the log alone.
func FailureOf(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	var e *aaa.Error
	if errors.As(err, &e) && e.Kind != aaa.KindInternal {
		known := byKind[e.Kind]
		known.Detail, known.Fields, known.RetryAfter, known.Trace, known.Err = e.Message, e.Fields, e.RetryAfter, e.Trace, err
		known.Excess = e.Excess
		return &known
	}
	switch {
	case errors.Is(err, context.Canceled):
		return &Failure{Status: http.StatusServiceUnavailable, Slug: "cancelled", Detail: "the request was given up", Err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{Status: http.StatusGatewayTimeout, Slug: "gateway_timeout", Detail: "the request took too long", Err: err}
	}
	return &Failure{Status: http.StatusInternalServerError, Slug: SlugInternal, Detail: "an internal error; the log has it under the request id", Err: err}
}
