// Package operations defines what the security module does for the other processes: each operation once, with the authority that it
// asks for, whether it is called in the same process or over the line.
//
// A file holds the operations about one noun. An operation is a variable: handlers call its Call, and the process that serves finds it by
// its number.
package operations

import (
	"context"
	"fmt"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/admission"
	"aaa-api/internal/line"
)

// Operation is one thing that the security module does, from a request Q to an answer R. Both are plain data.
type Operation[Q, R any] struct {
	number uint16
	name   string
	access Access
	serve  func(ctx context.Context, s *Served, q *Q) (R, error)
	// quick is serve of an operation that each AAA request calls: it costs no allocation. from's Account passed the gate.
	quick func(ctx context.Context, p *Parts, from line.From, q *Q) (R, error)
	check func(q *Q) error // of a request that came from another process; nil: any is good
	waits bool             // for other calls
}

// Served is a call that passed the gate.
type Served struct {
	*Parts
	Who     *admin.Caller    // the holder of the token; zero for a public operation
	Account aaa.AccountID    // that the call is about
	leave   func()           // gives the turn of heavy work back; nil: not held
	place   *admission.Place // among the calls of another process; nil: none
	holding admission.Holding
}

// all lists the operations by number. Both ends of a line are the same build, so they have the same numbers.
var all []served

// served is an operation of any types.
type served interface {
	Name() string
	// from asks the gate, decodes the request and checks it, runs the operation.
	from(ctx context.Context, p *Parts, from *line.From, decode func(any) error) (any, error)
	// hot reports whether each AAA request calls it.
	hot() bool
	// types gives pointers to a request and to an answer, for tests of what crosses.
	types() (request, answer any)
	forOperators() bool
}

// define makes an operation, at start alone.
func define[Q, R any](name string, access Access, serve func(context.Context, *Served, *Q) (R, error)) *Operation[Q, R] {
	return add(&Operation[Q, R]{name: name, access: access, serve: serve})
}

// defineQuick is define for what each AAA request calls.
func defineQuick[Q, R any](name string, access Access, quick func(context.Context, *Parts, line.From, *Q) (R, error)) *Operation[Q, R] {
	return add(&Operation[Q, R]{name: name, access: access, quick: quick})
}

func add[Q, R any](o *Operation[Q, R]) *Operation[Q, R] {
	o.number = uint16(len(all)) //nolint:gosec // there are a hundred
	all = append(all, o)
	return o
}

// checked gives the operation a check of requests that come from another process: the handlers there have checked them already, but the
// process may be in the hands of strangers.
func (o *Operation[Q, R]) checked(check func(*Q) error) *Operation[Q, R] {
	o.check = check
	return o
}

// waiting marks an operation that waits for other calls, so that it takes no place that those may need.
func (o *Operation[Q, R]) waiting() *Operation[Q, R] {
	o.waits = true
	return o
}

// Name is how logs and metrics call the operation, such as documents.get.
func (o *Operation[Q, R]) Name() string { return o.name }

// Call runs the operation for who asks. The errors are *aaa.Error, those of the gate (Access) among them, or ctx's.
func (o *Operation[Q, R]) Call(ctx context.Context, to line.Caller, from line.From, q Q) (R, error) {
	return o.Ask(ctx, to, from, &q)
}

// Ask is Call for a request that lies in memory already.
func (o *Operation[Q, R]) Ask(ctx context.Context, to line.Caller, from line.From, q *Q) (R, error) {
	if here, ok := to.(*Parts); ok {
		return o.run(ctx, here, &from, q, nil)
	}
	return o.across(ctx, to, from, q)
}

// across is a function of its own so that from stays off the heap where nothing crosses.
func (o *Operation[Q, R]) across(ctx context.Context, to line.Caller, from line.From, q *Q) (R, error) {
	var r R
	err := to.Call(ctx, o.number, &from, q, &r)
	return r, err
}

// run asks the gate and does the work. read fills in a request that comes from another process; nil: q is there.
func (o *Operation[Q, R]) run(ctx context.Context, p *Parts, from *line.From, q *Q, read func(any) error) (r R, err error) {
	if o.quick != nil {
		_, account, err := p.authorize(ctx, &o.access, from)
		if err != nil {
			return r, err
		}
		passed := *from
		passed.Account = account
		if err := o.read(q, read); err != nil {
			return r, err
		}
		return o.quick(ctx, p, passed, q)
	}
	s, err := p.pass(ctx, &o.access, from)
	if err != nil {
		return r, err
	}
	defer s.end()
	if err := s.begin(ctx, &o.access, o.waits); err != nil {
		return r, err
	}
	if err := o.read(q, read); err != nil {
		return r, err
	}
	return o.serve(ctx, s, q)
}

// read reads and checks a request that comes from another process.
func (o *Operation[Q, R]) read(q *Q, read func(any) error) error {
	if read == nil {
		return nil
	}
	if err := read(q); err != nil || o.check == nil {
		return err
	}
	return o.check(q)
}

func (o *Operation[Q, R]) from(ctx context.Context, p *Parts, from *line.From, decode func(any) error) (any, error) {
	r, err := o.run(ctx, p, from, new(Q), decode)
	if err != nil {
		return nil, err
	}
	return &r, nil
}

func (o *Operation[Q, R]) hot() bool { return o.quick != nil }

func (o *Operation[Q, R]) types() (request, answer any) { return new(Q), new(R) }

func (o *Operation[Q, R]) forOperators() bool { return o.access.Operator }

// Hot reports whether each AAA request calls an operation. Such calls have a line of their own, so that large ones don't delay them.
func Hot(operation uint16) bool { return int(operation) < len(all) && all[operation].hot() }

// Serve implements line.Handler.
func (p *Parts) Serve(ctx context.Context, operation uint16, from *line.From, decode func(any) error) (any, error) {
	if int(operation) >= len(all) {
		return nil, aaa.Errorf(aaa.KindInternal, "there is no operation %d", operation)
	}
	if len(from.RequestID) > maxRequestID || !aaa.IsLine(from.RequestID) {
		return nil, aaa.Errorf(aaa.KindBadInput, "the request id is no line of %d octets at the most", maxRequestID)
	}
	return all[operation].from(ctx, p, from, decode)
}

// NameOf is the name of the operation with a number, for the log of a line.
func NameOf(operation uint16) string {
	if int(operation) >= len(all) {
		return fmt.Sprintf("operation %d", operation)
	}
	return all[operation].Name()
}

// Call implements line.Caller, for what has an operation's number alone. Operations that are called in their own process don't come here.
func (p *Parts) Call(context.Context, uint16, *line.From, any, any) error {
	return fmt.Errorf("an operation of this process is called by Operation.Call")
}

// None is the request of an operation that needs to know nothing beyond line.From, and the answer of one that has nothing to say.
type None struct{}
