package radius

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/dialtls"
	"aaa-api/internal/engines/radius/streams"
	"aaa-api/internal/limits"
	"aaa-api/internal/radius"
)

// Over TLS (RFC 6614, RFC 9765) a request is sent once and waits for its reply as long as over UDP all attempts take together. If its
// connection ends before the reply, the server may have served it, so it goes on to the next server of the document. Only a
// request of which nothing was written goes to the same server again.

// connect makes the manager of the connections to a server with transport tls. Whether a certificate and a key fit each other is
// unknown when a document is written, since its secrets are sealed: a server whose pair does not fit counts as unreachable.
func (c *client) connect(s *aaa.Server, cfg *engines.Config) {
	config, err := dialtls.Config(&s.TLS)
	if err != nil {
		c.broken = err
		return
	}
	c.streams = streams.New(s.Address, streams.Options{
		Dialer: dialtls.Dialer{
			Address: net.JoinHostPort(s.Address, strconv.Itoa(s.Port)), TLS: config,
			Dial: c.engine.opts.Dial, Reach: cfg.Reach, Limits: cfg.Limits,
		},
		Connections: s.Connections, InFlight: c.engine.opts.MaxInFlight, DialTimeout: c.timeout, WriteTimeout: c.timeout,
		IdleTimeout: c.engine.opts.StreamIdle, Watchdog: c.engine.opts.Watchdog,
		Watch: c.watch, Unasked: c.refuse,
		Logger: c.engine.opts.Logger.With("engine", Name, "account", string(c.account), "server", c.name),
	})
}

// prepare makes the packet before the exchange, so that a request which fits none is refused before anything is sent. Over TLS the
// version is that of the latest connection; before the first one the packet is a trial.
func (c *client) prepare(p *pending, req *engines.Request) error {
	if !c.overTLS {
		return p.build(req, p.key, time.Now())
	}
	version := streams.Unknown
	if c.streams != nil {
		version = c.streams.Version()
	}
	if p.v11 = version == streams.V11; version == streams.Unknown {
		return p.remake(p.key)
	}
	p.built = true
	return p.build(req, p.key, time.Now())
}

// fit makes the packet anew if it is not in the connection's version.
func (p *pending) fit(v11 bool) error {
	switch {
	case p.built && p.v11 == v11:
		return nil
	case p.built || p.req == nil:
		p.v11 = v11
		return p.remake(p.key)
	}
	p.v11, p.built = v11, true
	return p.build(p.req, p.key, time.Now())
}

// complete gives the packet its identifier or token, and signs it under RADIUS/1.0.
func (p *pending) complete(id uint32, key *radius.Key) {
	if delay, aged := p.aged(time.Now()); aged {
		binary.BigEndian.PutUint32(p.enc.Packet[p.delayAt:], delay)
	}
	if p.v11 {
		radius.Finish11(p.enc.Packet, radius.Token(id))
		return
	}
	p.sign(byte(id), key)
}

// stream is exchange over TLS.
func (c *client) stream(ctx context.Context, p *pending, timeout time.Duration, retries int) (attempts int, blame bool, err error) {
	if c.broken != nil {
		return 0, true, failure(engines.Unreachable, 0, c.broken)
	}
	start := time.Now()
	until := start.Add(time.Duration(1+retries) * timeout)
	for {
		place, err := c.streams.Place(ctx, time.Until(until))
		if err != nil {
			blame, err := noPlace(err)
			return attempts, blame, err
		}
		if err := p.fit(place.V11()); err != nil {
			place.Release()
			return attempts, false, err
		}
		// The connection proves that the server wants to be asked, so only the account's and the request's bounds count.
		if err := p.allow.Send(limits.Destination{}); err != nil {
			place.Release()
			return attempts, false, p.heldBack(attempts, err)
		}
		p.complete(place.ID(), p.key)
		var learnt lesson
		reply, err := place.Exchange(ctx, until, p.enc.Packet, c.checker(p, &learnt))
		var lost *streams.Lost
		switch {
		case err == nil:
			return attempts + 1, false, c.replied(p, reply, learnt)
		case errors.As(err, &lost) && lost.Unsent && time.Now().Before(until):
			continue
		}
		blame, err = c.unreplied(ctx, place, start, timeout, err)
		return attempts + 1, blame, err
	}
}

// noPlace turns an error of Place into one of exchange.
func noPlace(err error) (blame bool, _ error) {
	var dial *streams.DialError
	var held *limits.HeldBack
	switch {
	case errors.Is(err, streams.ErrFull): // the requests under way report to the server's health
		return false, failure(engines.NoAnswer, 0, err)
	case !errors.As(err, &dial): // the context's
		return false, err
	case engines.Lacking(err):
		return false, engines.ErrLacking(dial.Err)
	case errors.As(err, &held):
		return false, failure(engines.HeldBack, 0, held)
	case errors.Is(err, egress.ErrNotAllowed):
		return false, failure(engines.NotAllowed, 0, egress.ErrNotAllowed)
	}
	return dial.Blame, failure(engines.Unreachable, 0, dial.Err)
}

// lesson is what a verified reply shows of the server.
type lesson struct {
	kind   int
	signed bool
}

// checker returns the check of a reply to the packet. It runs beside the request, so it has what it needs of it.
func (c *client) checker(p *pending, learnt *lesson) func(radius.Packet) error {
	at := slot{key: p.key, auth: p.auth, code: p.code, eap: p.eap}
	v11 := p.v11
	return func(reply radius.Packet) error {
		kind, signed := -1, false
		var err error
		switch failed := reply.Code() == radius.ProtocolError; {
		case failed && !v11:
			err = at.key.VerifyError(reply, at.code, &at.auth)
		case failed:
		case v11:
			err = radius.VerifyReply11(reply, at.code)
		default:
			kind = kindOf(&at, reply.Code())
			signed, err = at.key.VerifyReply(reply, at.code, &at.auth, c.demands(kind))
			if reply.HasEAP() && !at.eap { // its Message-Authenticator says nothing of other replies
				kind = -1
			}
		}
		if err != nil {
			err = unfitReply(err)
			c.complain(byte(reply.Code()), err)
			return err
		}
		*learnt = lesson{kind, signed}
		return nil
	}
}

// replied leaves a verified reply in p. A Protocol-Error is a Failure that is not charged to the server's health: it answers.
func (c *client) replied(p *pending, reply radius.Packet, learnt lesson) error {
	p.reply, p.asked, p.used = reply, p.auth, p.key
	c.lesson(learnt.kind, learnt.signed)
	p.allow.Answered(limits.Destination{}, 1)
	if reply.Code() != radius.ProtocolError || p.code == radius.StatusServer {
		return nil
	}
	why := radius.ErrProtocol
	if cause := reply.ErrorCause(); cause != 0 {
		why = fmt.Errorf("%w, Error-Cause %d", why, cause)
	}
	return failure(engines.ServerError, 1, why)
}

// unreplied turns an error of Place.Exchange into one of exchange.
func (c *client) unreplied(ctx context.Context, place *streams.Place, start time.Time, timeout time.Duration, err error) (blame bool, _ error) {
	why := place.Dropped()
	var lost *streams.Lost
	switch {
	case errors.As(err, &lost) && errors.Is(err, egress.ErrNotAllowed):
		return false, failure(engines.NotAllowed, 0, egress.ErrNotAllowed)
	case errors.As(err, &lost) && errors.Is(err, streams.ErrStream):
		return lost.Blame, failure(engines.BadReply, 1, &unfit{err.Error(), engines.ErrMalformed})
	case errors.As(err, &lost):
		return lost.Blame, failure(engines.NoAnswer, 1, err)
	case ctx.Err() != nil && why != nil:
		return time.Since(start) >= engines.Patience(timeout), failure(engines.BadReply, 1, fmt.Errorf("%w (%w)", why, ctx.Err()))
	case ctx.Err() != nil:
		return time.Since(start) >= engines.Patience(timeout), failure(engines.NoAnswer, 1, ctx.Err())
	case why != nil:
		return true, failure(engines.BadReply, 1, why)
	}
	return true, failure(engines.NoAnswer, 1, nil)
}

// watch makes the Status-Server that asks whether a connection is alive.
func (c *client) watch(v11 bool, id uint32) []byte {
	p := c.engine.pendings.Get().(*pending)
	defer c.finish(p)
	p.v11 = v11
	if p.status(c.key) != nil {
		return nil
	}
	p.complete(id, c.key)
	return bytes.Clone(p.enc.Packet)
}

// refuse answers a CoA-Request or Disconnect-Request that the server sends over the connection: this service takes none of its
// servers'. The connection stays.
func (c *client) refuse(v11 bool, request radius.Packet) []byte {
	b, ok := radius.CausedNAK(nil, request, c.key, v11)
	if !ok {
		return nil
	}
	return b
}
