package line

import (
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"aaa-api/internal/aaa"
)

// Options of a Conn. Zero bounds mean the defaults. Both ends are to have the same bounds: what an end holds itself to, a peer that goes
// beyond is cut off for.
type Options struct {
	Handler Handler // nil: this end serves nothing
	Log     *slog.Logger
	Peer    string              // the other end, in the log
	NameOf  func(uint16) string // of an operation, in the log; nil: its number
	Hold    func() Holding      // memory of a call, whose request becomes longer when it is read; nil: nothing bounds it

	MaxRequest    int           // octets of a request; default 16 MiB
	MaxAnswer     int           // octets of an answer; default 64 MiB
	Calls         int           // in flight, in each direction; default 65,536, as slow servers of some tenants must not take the calls of all
	RequestOctets int           // of the requests in flight, in each direction; default 64 MiB, and MaxRequest at least
	Queue         int           // octets that wait to be written, beyond which answers and calls wait; default 4 MiB
	AnswerOctets  int           // of the answers that wait to be queued; default 128 MiB, and MaxAnswer at least
	Stall         time.Duration // how long the peer may take nothing while others wait for room in the queue; default 10 s
}

// Holding is the memory that a call takes.
type Holding interface {
	// Take takes so many octets more. An error answers the call.
	Take(octets int) error
	// Release gives all back, once the call's answer is made.
	Release()
}

func (o Options) withDefaults() Options {
	setDefault(&o.MaxRequest, 16<<20)
	setDefault(&o.MaxAnswer, 64<<20)
	setDefault(&o.Calls, 1<<16)
	setDefault(&o.RequestOctets, 64<<20)
	setDefault(&o.Queue, 4<<20)
	setDefault(&o.AnswerOctets, 128<<20)
	o.AnswerOctets = max(o.AnswerOctets, o.MaxAnswer+headOctets)
	setDefault(&o.Stall, 10*time.Second)
	o.RequestOctets = max(o.RequestOctets, o.MaxRequest+maxCallHead)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func setDefault[T int | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

// Conn is one end of a line. Both ends may call, and serve.
type Conn struct {
	o   Options
	nc  net.Conn
	raw syscall.RawConn // nil where the connection has none

	done    chan struct{} // closed at the end of the line
	work    sync.WaitGroup
	written atomic.Int64 // octets that the peer's side took

	mu      sync.Mutex
	err     error // why the line ended
	lastID  uint32
	waiting map[uint32]*waiter // calls of this end, by id
	serving map[uint32]*served // calls of the other end, by id
	asked   int                // octets of the calls in waiting
	taken   int                // octets of the calls in serving
	held    int                // octets of answers that wait for room in out
	refused int                // calls refused since one was taken
	idle    []chan *served     // goroutines that wait for a call

	out     []byte        // frames to write
	spare   []byte        // for out, when that is being written
	queued  int           // octets in out, and of what is being written
	writing bool          // somebody writes
	room    chan struct{} // closed when there is room again in out; nil if nobody waits
}

// Errors by which a line ends.
var (
	errClosed  = errors.New("this end closed the line")
	errStalled = errors.New("the other end reads nothing")
)

// Away is the error of a call that nobody is there to serve now.
func Away() *aaa.Error {
	return &aaa.Error{
		Kind: aaa.KindUnavailable, RetryAfter: time.Duration(1+rand.IntN(2)) * time.Second, //nolint:gosec // spreads the callers
		Message: "a part of the service is starting; try again",
	}
}

func busy() *aaa.Error {
	return &aaa.Error{Kind: aaa.KindBusy, RetryAfter: time.Second, Message: "too many requests are in flight; try again"}
}

// New begins a line on a stream that it closes at its end.
func New(nc net.Conn, o Options) *Conn {
	c := &Conn{
		o: o.withDefaults(), nc: nc, done: make(chan struct{}),
		waiting: map[uint32]*waiter{}, serving: map[uint32]*served{},
	}
	if s, ok := nc.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn()
	}
	c.work.Go(c.read)
	return c
}

// Done is closed when the line has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err says why the line ended, nil before. An end that the other side made in order is io.EOF.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Cut reports whether this end cut the line for what the other end did, which then is to be started anew.
func (c *Conn) Cut() bool {
	var fault broken
	err := c.Err()
	return errors.As(err, &fault) || errors.Is(err, errStalled)
}

// Close ends the line: calls in flight fail, and the contexts of those that are served end.
func (c *Conn) Close() { c.fail(errClosed) }

// Wait waits for the end of the line and of all that it serves.
func (c *Conn) Wait() { c.work.Wait() }

// fail ends the line. The first reason counts; the log has it unless the end is in order.
func (c *Conn) fail(reason error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = reason
	left := c.waiting
	c.waiting = map[uint32]*waiter{}
	c.out, c.spare = nil, nil
	c.wake()
	for _, w := range c.idle {
		close(w)
	}
	c.idle = nil
	served := slices.Collect(maps.Values(c.serving))
	c.mu.Unlock()
	for _, s := range served {
		s.cancel()
	}
	_ = c.nc.Close()
	for _, w := range left {
		if !w.abandoned {
			w.ready <- struct{}{}
		}
	}
	close(c.done)
	if !errors.Is(reason, io.EOF) && !errors.Is(reason, errClosed) {
		c.o.Log.Warn("the line between processes is cut", slog.String("peer", c.o.Peer), slog.String("error", reason.Error()))
	}
}

// wake lets those go on that wait for room. c.mu is held.
func (c *Conn) wake() {
	if c.room != nil {
		close(c.room)
		c.room = nil
	}
}
