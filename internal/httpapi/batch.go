package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admission"
	"aaa-api/internal/line"
	"aaa-api/internal/operations"
	"aaa-api/internal/pool"
	"aaa-api/internal/web"
)

const (
	// A call takes at most batchLines requests, and batchAll lines with the blank ones.
	batchLines = 10_000
	batchAll   = 2 * batchLines
	// batchOctets is what a call takes of the budget of bodies. Half of it is for lines under way.
	batchOctets   = 1 << 20
	batchUnderWay = batchOctets / 2
	// A call checks its token again after recheckTime or recheckLines, whichever comes first, and once a line was refused by it.
	recheckTime  = time.Second
	recheckLines = 500
)

// batch is one call with many requests. The handler's goroutine reads lines, workers run them, one goroutine writes the
// answers.
type batch struct {
	api    *API
	call   *web.Call
	from   line.From // who asks
	stream *web.Duplex
	lines  *lineReader
	out    *answers
	lanes  *accountLanes
	stored bool
	reads  lineDecoder
	pace   ratePace

	asking context.Context // ends when the caller goes away
	always context.Context // does not
	cancel context.CancelFunc

	number, taken int // of the last line; how many are requests
	failed        atomic.Int64
	begun         bool // the head of the answer is out
	checked       time.Time
	refused       atomic.Bool // a line was refused since its token is good no more

	jobs     chan *job
	workers  int
	underWay atomic.Int64
	running  sync.WaitGroup
}

// job is a line that is run.
type job struct {
	batchLine
	req     aaa.Request
	lane    *pool.Pool
	weight  int
	holding admission.Holding
}

// batch answers a call of many requests, each as it ends.
func (a *API) batch(c *web.Call) error {
	line := c.Line()
	line.Operation, line.Result = "batch", "error"
	stored, err := batchStored(c)
	if err != nil {
		return err
	}
	work, err := operations.Workers.Call(c.Context(), a.Line, from(c), operations.None{})
	if err != nil {
		return err
	}
	stream, err := c.OpenStream(batchOctets)
	if err != nil {
		return err
	}
	b := &batch{
		api: a, call: c, from: from(c), stream: stream, lines: newLineReader(stream), stored: stored, reads: newLineDecoder(),
		checked: c.Start(), always: context.WithoutCancel(c.Context()),
		lanes: a.lanes.enter(c.Account(), work.Workers, work.PerSecond),
	}
	defer a.lanes.leave(c.Account())
	defer b.lines.close()
	b.asking, b.cancel = context.WithCancel(c.Context())
	defer b.cancel()
	b.out = newAnswers(stream, a.Budget, admission.Answer{Account: c.Spender(), URI: c.Request().URL.RequestURI()}, b.cancel)
	b.jobs = make(chan *job, mostUnderWay)
	defer b.out.close()  // after the workers
	defer b.endWorkers() // also if this goroutine panics
	return b.run()
}

// batchStored reads the query parameter accept, and refuses what a batch does not take.
func batchStored(c *web.Call) (bool, error) {
	if _, given := c.Request().Header["Idempotency-Key"]; given {
		return false, aaa.Invalid(aaa.Field{Path: "Idempotency-Key", Rule: "unsupported", Message: "names one request: a batch takes none"})
	}
	return acceptsStored(c)
}

// run takes the call from its first line to its last answer.
func (b *batch) run() error {
	end := b.takeLines()
	if !b.begun {
		if end == nil {
			end = &web.Failure{Status: http.StatusBadRequest, Slug: web.SlugParse, Detail: "the body has no line: each is one request, " + lineForm}
		}
		return end
	}
	if end != nil && left(end) {
		b.cancel()
	}
	b.endWorkers()
	line := b.call.Line()
	line.Result, line.Lines, line.Errors = "done", b.taken, int(b.failed.Load())
	if end != nil {
		b.answerError("", b.number, end)
		line.Result, line.Reason = "cut", web.FailureOf(end).Slug
	}
	b.out.add(appendDone(nil, b.taken, line.Errors), 0)
	if end != nil && end != errUnread { //nolint:errorlint // the value itself
		b.lines.skipRest() // while the answers go out
	}
	if err := b.out.close(); err != nil {
		line.Result, line.Reason = "unread", "" // of what was done, as much as the log says
		b.call.Note(err)
	}
	b.stream.End()
	return nil
}

// left reports whether a call's body ended because its caller went away.
func left(err error) bool {
	var f *web.Failure
	return errors.As(err, &f) && f.Err != nil && !errors.Is(f.Err, context.DeadlineExceeded) && !isTimeout(f.Err)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// takeLines reads the body to its end and runs each line. Its error says why it did not reach the end.
func (b *batch) takeLines() error {
	for {
		if !b.out.room() {
			return errUnread
		}
		text, err := b.lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil && !errors.Is(err, errLongLine) {
			return err
		}
		b.number++
		if err == nil && len(text) == 0 && b.number < batchAll {
			continue
		}
		if b.taken == batchLines || b.number == batchAll {
			return tooManyLines(b.taken)
		}
		if err := b.stream.Stopped(); err != nil {
			return err
		}
		if !b.begun {
			b.begun = true
			b.stream.Begin()
			b.out.start()
		}
		b.taken++
		if err != nil {
			b.answerError("", b.number, err)
			continue
		}
		if err := b.take(text); err != nil {
			return err
		}
	}
}

var errUnread = &web.Failure{Status: http.StatusServiceUnavailable, Slug: "cancelled", Detail: "the answers were not read"}

func tooManyLines(taken int) *web.Failure {
	return &web.Failure{
		Status: http.StatusRequestEntityTooLarge, Slug: web.SlugTooLarge,
		Detail: fmt.Sprintf("a call takes %d lines at most: %d were taken, send those from this one on in another call", batchLines, taken),
	}
}

// take runs one line, or answers what is wrong with it. An error ends the call.
func (b *batch) take(text []byte) error {
	if now := time.Now(); now.Sub(b.checked) >= recheckTime || b.taken%recheckLines == 0 || b.refused.Load() {
		b.checked = now
		if err := b.call.Recheck(); err != nil {
			return err
		}
	}
	j := &job{weight: weigh(text)}
	if j.weight > admission.FreeBody {
		if err := b.api.Budget.HoldShared(&j.holding, int64(j.weight)); err != nil {
			b.answerError("", b.number, err)
			return nil
		}
	}
	if err := b.reads.decode(&j.batchLine, text, b.number); err != nil {
		b.api.Budget.Release(&j.holding)
		b.answerError(j.id, j.shown, err)
		return nil
	}
	c := b.call
	j.req = aaa.Request{
		ID: b.requestID(), Account: c.Account(), Op: j.op, Values: j.values,
		Trace: j.dryRun, Stored: b.stored && j.op == aaa.Accounting && !j.dryRun,
	}
	j.lane = b.lanes.of(j)
	if !b.out.underWay(j.weight) {
		b.api.Budget.Release(&j.holding)
		return errUnread
	}
	if err := j.lane.Acquire(b.asking); err != nil {
		b.api.Budget.Release(&j.holding)
		return err
	}
	if b.underWay.Add(1) > int64(b.workers) {
		b.workers++
		jobs := b.jobs
		b.running.Go(func() { b.work(jobs) })
	}
	b.jobs <- j
	return nil
}

// requestID is the id of the call, with the number of the line.
func (b *batch) requestID() string {
	var room [160]byte
	return string(strconv.AppendInt(append(append(room[:0], b.call.ID()...), '/'), int64(b.number), 10))
}

// endWorkers waits until each line that was taken has its answer.
func (b *batch) endWorkers() {
	if b.jobs != nil {
		close(b.jobs)
		b.jobs = nil
	}
	b.running.Wait()
}

// work runs lines, one after the other.
func (b *batch) work(jobs <-chan *job) {
	var buf []byte
	for j := range jobs {
		buf = b.runOne(j, buf[:0])
		b.api.Budget.Release(&j.holding)
		b.out.add(buf, j.weight)
		b.underWay.Add(-1)
		if cap(buf) > maxKept {
			buf = nil
		}
	}
}

// maxKept is how much memory a worker keeps for answers.
const maxKept = 16 << 10

// runOne appends the answer to a line.
func (b *batch) runOne(j *job, buf []byte) (answer []byte) {
	released := false
	release := func() {
		if !released {
			released = true
			j.lane.Release()
		}
	}
	defer func() {
		release()
		if p := recover(); p != nil {
			b.api.Log.LogAttrs(b.always, slog.LevelError, "panic", slog.String("account", string(j.req.Account)),
				slog.String("request_id", j.req.ID), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			answer = b.appendError(buf[:0], j.id, 0, &web.Failure{Status: http.StatusInternalServerError, Slug: web.SlugInternal, Detail: "an internal error; the log has it under the request id"})
		}
	}()
	buf = append(web.AppendString(append(buf, `{"id":`...), j.id), `,"status":"success","data":`...)
	var err error
	if j.dryRun {
		buf, err = b.appendDryRun(buf, j)
	} else {
		var res *aaa.Result
		res, err = b.handle(j)
		release() // what is left takes no server
		if err == nil {
			buf, err = appendResult(buf, res)
		}
	}
	if err != nil {
		if aaa.KindOf(err) == aaa.KindUnauthorized {
			b.refused.Store(true)
		}
		return b.appendError(buf[:0], j.id, 0, err)
	}
	return append(buf, "}\n"...)
}

// asks is who asks for a line.
func (b *batch) asks(j *job) line.From {
	from := b.from
	from.RequestID = j.req.ID
	return from
}

// handle runs a request. Accounting goes on when the caller goes away: the record was handed over.
func (b *batch) handle(j *job) (res *aaa.Result, err error) {
	ctx := b.asking
	if j.op == aaa.Accounting {
		ctx = b.always
	}
	var giveUp time.Time
	for {
		res, err = operations.Handle.Ask(ctx, b.api.Line, b.asks(j), &j.req)
		if !b.pace.again(ctx, err, &giveUp) {
			return res, err
		}
	}
}

// appendDryRun runs a line of translate, in a place as the endpoint does.
func (b *batch) appendDryRun(buf []byte, j *job) ([]byte, error) {
	leave, err := b.call.Place()
	if err != nil {
		return buf, err
	}
	defer leave()
	var giveUp time.Time
	for {
		run, err := operations.DryRun.Ask(b.asking, b.api.Line, b.asks(j), &j.req)
		if b.pace.again(b.asking, err, &giveUp) {
			continue
		}
		if err != nil {
			return buf, err
		}
		text, err := json.Marshal(viewDryRun(run))
		return append(buf, text...), err
	}
}

// answerError answers a line that is not run.
func (b *batch) answerError(id string, line int, err error) {
	b.out.add(b.appendError(nil, id, line, err), 0)
}

// appendError appends the answer to a line that failed: by its id, and by its number if the id does not tell it.
func (b *batch) appendError(buf []byte, id string, line int, err error) []byte {
	b.failed.Add(1)
	buf = append(buf, '{')
	if id != "" {
		buf = append(web.AppendString(append(buf, `"id":`...), id), ',')
	}
	if line > 0 {
		buf = append(strconv.AppendInt(append(buf, `"line":`...), int64(line), 10), ',')
	}
	buf = append(buf, `"status":"error",`...)
	return append(b.call.AppendError(buf, err), "}\n"...)
}

func appendDone(buf []byte, lines, failed int) []byte {
	buf = strconv.AppendInt(append(buf, `{"done":true,"lines":`...), int64(lines), 10)
	buf = strconv.AppendInt(append(buf, `,"errors":`...), int64(failed), 10)
	return append(buf, "}\n"...)
}
