package line

import (
	"context"
	"errors"
	"sync"

	"aaa-api/internal/aaa"
)

// waiter is a call of this end that has no answer yet.
type waiter struct {
	ready     chan struct{} // has room for the one signal
	octets    int           // of the call
	abandoned bool          // the caller went away; the other end answers all the same. Under Conn.mu.
	kind      byte          // of the frame that answers; 0: the line ended
	body      string
}

var waiters = sync.Pool{New: func() any { return &waiter{ready: make(chan struct{}, 1)} }}

// Call implements Caller.
func (c *Conn) Call(ctx context.Context, operation uint16, from *From, request, answer any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	frame := getBuffer()
	defer putBuffer(frame)
	b, err := appendCallHead(begin(*frame, frameCall, 0), ctx, operation, from)
	if err != nil {
		return err
	}
	head := len(b)
	if b, err = Append(b, request); err != nil {
		return &aaa.Error{Err: err, Message: "the request can't be sent"}
	}
	*frame = b
	if len(b)-head > c.o.MaxRequest {
		return aaa.Errorf(aaa.KindTooLong, "the request is longer than %d octets", c.o.MaxRequest)
	}
	w, err := c.ask(ctx, b)
	if err != nil {
		return err
	}
	kind, body := w.kind, w.body
	w.kind, w.body = 0, ""
	waiters.Put(w)
	switch kind {
	case frameAnswer:
		if err := Read(body, answer); err != nil {
			return &aaa.Error{Err: err, Message: "the answer can't be read"}
		}
		return nil
	case frameError:
		var d aaa.ErrorData
		if err := Read(body, &d); err != nil {
			return &aaa.Error{Err: err, Message: "the answer can't be read"}
		}
		return d.Error()
	}
	return Away()
}

// ask sends a call and waits for what answers it.
func (c *Conn) ask(ctx context.Context, frame []byte) (*waiter, error) {
	w := waiters.Get().(*waiter) //nolint:forcetypeassert // what the pool holds
	w.octets, w.abandoned = len(frame), false
	c.mu.Lock()
	if err := c.waitForRoom(ctx, len(frame)); err != nil {
		c.mu.Unlock()
		waiters.Put(w)
		if errors.Is(err, errEnded) {
			return nil, Away()
		}
		return nil, err
	}
	if len(c.waiting) >= c.o.Calls || c.asked+len(frame) > c.o.RequestOctets {
		c.mu.Unlock()
		waiters.Put(w)
		return nil, busy()
	}
	for {
		c.lastID++
		if c.waiting[c.lastID] == nil {
			break
		}
	}
	id := c.lastID
	c.waiting[id] = w
	c.asked += len(frame)
	finish(frame)
	setID(frame, id)
	c.send(frame) // gives c.mu back

	select {
	case <-w.ready:
		return w, nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	if c.waiting[id] != w { // the answer is on its way to ready
		c.mu.Unlock()
		<-w.ready
		return w, nil
	}
	w.abandoned = true
	cancel := begin(make([]byte, 0, headOctets), frameCancel, id)
	finish(cancel)
	c.send(cancel)
	return nil, ctx.Err()
}

// answered hands a frame to the caller who waits for it. It reports whether there is a call of that id.
func (c *Conn) answered(kind byte, id uint32, body string) bool {
	c.mu.Lock()
	w := c.waiting[id]
	if w == nil {
		c.mu.Unlock()
		return false
	}
	delete(c.waiting, id)
	c.asked -= w.octets
	abandoned := w.abandoned
	c.mu.Unlock()
	if !abandoned {
		w.kind, w.body = kind, body
		w.ready <- struct{}{}
	}
	return true
}

// knows reports whether an answer to this id is awaited.
func (c *Conn) knows(id uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting[id] != nil
}
