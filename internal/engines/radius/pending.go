package radius

import (
	"io"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp"
)

// pending is one request on its way. It is used again: many requests in turn share its buffers, timer and channel.
type pending struct {
	code    radius.Code
	v11     bool             // RADIUS/1.1: no secret, nothing hidden
	built   bool             // over TLS: the packet is as the trace says
	eap     bool             // the request has an EAP-Message
	req     *engines.Request // nil: a Status-Server
	allow   *limits.Allowance
	to      limits.Destination   // that the packets count for
	sent    int                  // packets to the present server, which the allowance has counted
	key     *radius.Key          // of the packet as it is now
	auth    radius.Authenticator // of the packet as it is now
	enc     avp.Encoder
	begun   time.Time // since when an accounting record is to be delivered
	delay   uint32    // Acct-Delay-Time at that time
	delayAt int       // offset of its value in the packet, 0 without one
	held    []held    // identifiers taken
	heard   uint32    // the Client's count of answers when the first was

	timer *time.Timer
	done  chan struct{} // gets one token from the one that ends the request
	ended atomic.Bool   // taken by the one that ends the request

	// Set by the one that set ended, before it sends on done.
	reply radius.Packet        // verified
	asked radius.Authenticator // authenticator of the packet that it answers
	used  *radius.Key          // its secret
	err   error                // the network's
	// unsent: the packet that err is about was not sent.
	unsent bool

	dropped atomic.Pointer[error] // why the latest unfit reply was dropped

	hurry bool // under remote.mu: the timer was cut short to send the packet again at once; once in a request
	twice bool // the packet was sent again for it

	source io.Reader
	stock  [256]byte // random octets
	left   int       // of stock, unused
}

// held is an identifier that a pending holds on a lane.
type held struct {
	lane  *lane
	id    byte
	heard uint32 // the lane's count of answers when it was taken
}

func newPending(source io.Reader) *pending {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &pending{timer: t, done: make(chan struct{}, 1), source: source, enc: avp.Encoder{Packet: make([]byte, 0, 512)}}
}

// reset makes p as new. It holds no identifier any more, so no reader can find it.
func (p *pending) reset() {
	p.timer.Stop()
	select {
	case <-p.done:
	default:
	}
	p.ended.Store(false)
	p.dropped.Store(nil)
	p.reply, p.err, p.unsent, p.hurry, p.twice = radius.Packet{}, nil, false, false, false
	p.held = p.held[:0]
	p.req, p.key, p.used, p.allow, p.sent, p.v11, p.built = nil, nil, nil, nil, 0, false, false
	p.enc.Reset() // clears the values, passwords among them
}

// hasten cuts the timer short, once in a request; remote.mu is held.
func (p *pending) hasten() {
	if !p.hurry {
		p.hurry = true
		p.timer.Reset(0)
	}
}

// random fills b from the stock, which is filled at once to save system calls.
func (p *pending) random(b []byte) error {
	for len(b) > 0 {
		if p.left == 0 {
			if _, err := io.ReadFull(p.source, p.stock[:]); err != nil {
				return aaa.Errorf(aaa.KindInternal, "no random numbers: %w", err)
			}
			p.left = len(p.stock)
		}
		n := copy(b, p.stock[len(p.stock)-p.left:])
		p.left -= n
		b = b[n:]
	}
	return nil
}

// claim ends the request for one caller. A reader that claims it alone may set the result, and must call wake. If the request's
// own goroutine claims it, it gives up and no result comes any more.
func (p *pending) claim() bool { return p.ended.CompareAndSwap(false, true) }
func (p *pending) wake()       { p.done <- struct{}{} }

// outcome is how a woken request ended.
func (p *pending) outcome(attempts int) error {
	if p.err != nil {
		return failure(engines.Unreachable, attempts, p.err)
	}
	p.allow.Answered(p.to, p.sent)
	return nil
}
