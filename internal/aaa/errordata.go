package aaa

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// ErrorData is an Error as other processes and nodes are sent it: without Err, which is for the log of the process that made it.
type ErrorData struct {
	Kind       Kind          `json:"kind"`
	Message    string        `json:"message"`
	Fields     []FieldData   `json:"fields,omitempty"`
	RetryAfter time.Duration `json:"retry_after,omitempty"`
	Trace      *Trace        `json:"trace,omitempty"`
	Excess     *Excess       `json:"excess,omitempty"`
	Server     string        `json:"server,omitempty"`
	Attempts   int           `json:"attempts,omitempty"`
}

// FieldData is a Field. Its names in JSON are those that nodes of earlier versions use.
type FieldData struct {
	Path    string
	Rule    string
	Message string
	Target  json.RawMessage `json:",omitempty"` // the JSON of a Value
	Value   json.RawMessage `json:",omitempty"` // likewise
}

// internalMessage is all that is said of an error without a meaning outside.
const internalMessage = "an internal error: the log of the process where it arose has it under the request id"

// DataOf makes an error plain data. An error without a kind loses its text, which may hold anything; the caller logs
// it. Kinds that this version does not know can't arise.
func DataOf(err error) ErrorData {
	var e *Error
	switch {
	case errors.As(err, &e) && e.Kind != KindInternal:
	case errors.Is(err, context.DeadlineExceeded):
		return ErrorData{Kind: KindNoAnswer, Message: "the request took too long"}
	case errors.Is(err, context.Canceled):
		return ErrorData{Kind: KindNoAnswer, Message: "the caller went away"}
	default:
		return ErrorData{Kind: KindInternal, Message: internalMessage}
	}
	d := ErrorData{Kind: e.Kind, Message: e.Message, RetryAfter: e.RetryAfter, Trace: e.Trace, Excess: e.Excess, Server: e.Server, Attempts: e.Attempts}
	for _, f := range e.Fields {
		d.Fields = append(d.Fields, FieldData{f.Path, f.Rule, f.Message, targetData(f.Target), valueData(f.Value)})
	}
	return d
}

// valueData is the JSON of a value, nil where there is none or where it is no Value.
func valueData(v Value) json.RawMessage {
	if v == nil || CheckValue(v) != nil {
		return nil
	}
	text, err := PlainJSON(v)
	if err != nil {
		return nil
	}
	return text
}

// targetData is the JSON of what is allowed, whose type may be the service's own, such as a list of states. It is nil where a reader would
// find no Value in it.
func targetData(v Value) json.RawMessage {
	text, err := PlainJSON(v)
	if err != nil || valueOf(text) == nil {
		return nil
	}
	return text
}

// Error makes the Error again. A kind that this version does not know becomes KindInternal, and what is no Value is left out: the
// data may come from a process that strangers have taken over.
func (d *ErrorData) Error() *Error {
	e := &Error{Kind: d.Kind, Message: d.Message, RetryAfter: d.RetryAfter, Trace: d.Trace, Excess: d.Excess, Server: d.Server, Attempts: d.Attempts}
	if d.Kind >= numKinds {
		e.Kind = KindInternal
	}
	if d.Excess != nil && d.Excess.Limit >= NumLimits {
		e.Excess = nil
	}
	for _, f := range d.Fields {
		e.Fields = append(e.Fields, Field{f.Path, f.Rule, f.Message, valueOf(f.Target), valueOf(f.Value)})
	}
	return e
}

func valueOf(text json.RawMessage) Value {
	var v any
	if text == nil || DecodeJSON(text, &v) != nil || v == nil || CheckValue(v) != nil {
		return nil
	}
	return v
}
