package line

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"
	"strconv"

	"aaa-api/internal/aaa"
)

// served is a call of the other end.
type served struct {
	callHead
	id      uint32
	octets  int
	request string
	ctx     context.Context
	cancel  context.CancelFunc
	holding Holding // nil: nothing
}

// called takes a call, or refuses it without keeping its octets. Too many calls are refused as busy; a peer that goes on regardless is cut off.
func (c *Conn) called(in *input, id uint32, octets int) error {
	c.mu.Lock()
	twice := c.serving[id] != nil
	full := len(c.serving) >= c.o.Calls || c.taken+octets > c.o.RequestOctets
	if full {
		c.refused++
	} else {
		c.refused = 0
	}
	refused := c.refused
	c.mu.Unlock()
	switch {
	case twice:
		return brokenf("it called %d twice at once", id)
	case refused > c.o.Calls:
		return brokenf("it makes more than %d calls at once, though they are refused", c.o.Calls)
	case full:
		if err := in.skip(octets); err != nil {
			return halfOf(err)
		}
		c.refuse(id)
		return nil
	}
	body, err := in.take(octets)
	if err != nil {
		return halfOf(err)
	}
	s := &served{id: id, octets: octets}
	var ok bool
	if s.callHead, s.request, ok = readCallHead(body); !ok {
		return broken("it sent a call without a head")
	}
	if s.left > 0 {
		s.ctx, s.cancel = context.WithTimeout(context.Background(), s.left)
	} else {
		s.ctx, s.cancel = context.WithCancel(context.Background())
	}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		s.cancel()
		return io.EOF
	}
	c.serving[id] = s
	c.taken += octets
	var w chan *served
	if last := len(c.idle) - 1; last >= 0 {
		w, c.idle = c.idle[last], c.idle[:last]
	}
	c.mu.Unlock()
	if w == nil {
		w = make(chan *served, 1)
		c.work.Go(func() { c.worker(w) })
	}
	w <- s
	return nil
}

// idleWorkers is how many goroutines wait for calls. Their stacks have grown already, which costs a new one more than all else of a call.
const idleWorkers = 512

// worker serves one call after another.
func (c *Conn) worker(calls chan *served) {
	for s := range calls {
		c.serve(s)
		c.mu.Lock()
		stays := c.err == nil && len(c.idle) < idleWorkers
		if stays {
			c.idle = append(c.idle, calls)
		}
		c.mu.Unlock()
		if !stays {
			return
		}
	}
}

// refuse answers a call that was not taken. Such answers need no room in the queue: called bounds them.
func (c *Conn) refuse(id uint32) {
	frame := getBuffer()
	defer putBuffer(frame)
	*frame = c.errorFrame(*frame, id, busy())
	c.mu.Lock()
	c.send(*frame)
}

// cancel ends the context of a call. One that is answered already is no fault: the frames met.
func (c *Conn) cancel(id uint32) {
	c.mu.Lock()
	s := c.serving[id]
	c.mu.Unlock()
	if s != nil {
		s.cancel()
	}
}

// serve runs a call and sends its answer. A panic, or a handler that ends its goroutine, fails the one call.
func (c *Conn) serve(s *served) {
	frame := getBuffer()
	ended := false
	defer func() {
		if !ended {
			if p := recover(); p != nil {
				c.o.Log.LogAttrs(s.ctx, slog.LevelError, "panic", append(c.about(s), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))...)
			}
			*frame = c.errorFrame(*frame, s.id, &aaa.Error{Kind: aaa.KindInternal})
		}
		if s.holding != nil {
			s.holding.Release()
		}
		c.answer(s, *frame)
		putBuffer(frame)
		s.cancel()
	}()
	*frame = c.run(*frame, s)
	ended = true
}

// answer queues the frame that answers a call, and forgets the call.
func (c *Conn) answer(s *served, frame []byte) {
	finish(frame)
	c.mu.Lock()
	if c.held+len(frame) > c.o.AnswerOctets { // the peer reads slowly, however many answers it asks for
		c.mu.Unlock()
		frame = c.errorFrame(nil, s.id, busy())
		c.mu.Lock()
	}
	octets := len(frame)
	c.held += octets
	_ = c.waitForRoom(context.Background(), octets)
	c.held -= octets
	delete(c.serving, s.id)
	c.taken -= s.octets
	c.send(frame)
}

// run is the frame that answers a call.
func (c *Conn) run(b []byte, s *served) (frame []byte) {
	answer, err := c.o.Handler.Serve(s.ctx, s.operation, &s.from, func(request any) error { return c.decode(s, request) })
	if err == nil {
		if frame, err = Append(begin(b, frameAnswer, s.id), answer); err == nil && len(frame)-headOctets > c.o.MaxAnswer {
			err = &aaa.Error{Message: "the answer is longer than " + strconv.Itoa(c.o.MaxAnswer) + " octets"}
		}
	}
	if err != nil {
		c.tell(s, err)
		frame = c.errorFrame(b, s.id, err)
	}
	return frame
}

// decode reads the request of a call.
func (c *Conn) decode(s *served, request any) error {
	r := reader{rest: s.request}
	if c.o.Hold != nil && len(s.request) > light {
		r.takes = func(octets int) error {
			if s.holding == nil {
				s.holding = c.o.Hold()
			}
			return s.holding.Take(octets)
		}
	}
	err := r.read(request)
	if r.refused != nil {
		return r.refused
	}
	if err != nil {
		return &aaa.Error{Message: "the request can't be read", Err: err}
	}
	return nil
}

// errorFrame is the frame of an error. One that can't be sent becomes an internal error.
func (c *Conn) errorFrame(b []byte, id uint32, err error) []byte {
	d := aaa.DataOf(err)
	frame, werr := Append(begin(b[:0], frameError, id), &d)
	if werr != nil || len(frame)-headOctets > c.o.MaxAnswer {
		d = aaa.ErrorData{Kind: d.Kind, Message: "the error is too long to be told", RetryAfter: d.RetryAfter}
		frame, _ = Append(begin(b[:0], frameError, id), &d)
	}
	finish(frame)
	return frame
}

// tell logs what the other end is not told of an error.
func (c *Conn) tell(s *served, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return
	}
	var e *aaa.Error
	level := slog.LevelError
	if errors.As(err, &e) && e.Kind != aaa.KindInternal {
		if e.Err == nil {
			return
		}
		level = slog.LevelInfo
		err = e.Err
	}
	c.o.Log.LogAttrs(s.ctx, level, "operation failed", append(c.about(s), slog.String("error", err.Error()))...)
}

// about is how the log calls a call. Its token is not in it. Lines about no account are bounded as those of one (package tenantlog).
func (c *Conn) about(s *served) []slog.Attr {
	return []slog.Attr{
		slog.String("operation", c.nameOf(s.operation)), slog.String("account", cmp.Or(string(s.from.Account), "none")),
		slog.String("request_id", s.from.RequestID),
	}
}

func (c *Conn) nameOf(operation uint16) string {
	if c.o.NameOf != nil {
		return c.o.NameOf(operation)
	}
	return strconv.Itoa(int(operation))
}
