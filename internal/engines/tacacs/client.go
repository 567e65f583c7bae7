package tacacs

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/tacacs/conns"
	"aaa-api/internal/limits"
	"aaa-api/internal/tacacs"
)

// client exchanges requests with one server. Many are open and few in use: a Manager has neither
// connection nor goroutine before its first use.
type client struct {
	engine  *Engine
	account aaa.AccountID
	name    string
	address string
	strict  bool  // only arguments of the dictionaries
	broken  error // why there is no manager
	manager *conns.Manager
	retries int                 // attempts after the first
	tester  *tacacs.AuthenStart // the login of a probe; nil: no probes
	health  engines.Recovery
}

var _ engines.Client = (*client)(nil)

// Exchange sends the request and returns the server's answer; see engines.Client.
func (c *client) Exchange(ctx context.Context, req *engines.Request) (*engines.Reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := read(req)
	if err != nil {
		return nil, err
	}
	if c.broken != nil {
		return nil, c.failed(&engines.Failure{Reason: engines.Unreachable, Err: c.broken}, 0)
	}
	switch {
	case req.Op == aaa.Authn && f.state != nil:
		return c.resume(ctx, f)
	case req.Op == aaa.Authn:
		return c.login(ctx, f)
	case req.Op == aaa.Accounting:
		return c.record(ctx, f, req)
	default:
		return c.authorize(ctx, f, req.Dict)
	}
}

// first exchanges the first packet of a session, and again on a new session if there was no
// answer, up to 1 + retries times. It reports failures only to the server's health, since the worth of an answer
// depends on its status. Errors are an *aaa.Error of KindBadInput, a *engines.Failure, or ctx's
// if nothing was sent.
func (c *client) first(ctx context.Context, allow *limits.Allowance, send tacacs.Request, receive tacacs.Reply) (s *conns.Session, sent int, err error) {
	var before error // of the previous try
	for try := 0; ; try++ {
		// The connection proves that the server wants to be asked, so only the account's and the request's bounds count.
		if held := allow.Send(limits.Destination{}); held != nil && try > 0 {
			return nil, sent, c.failed(before, sent)
		} else if held != nil {
			return nil, 0, &engines.Failure{Reason: engines.HeldBack, Err: held}
		}
		s = c.manager.Session()
		err = s.Exchange(ctx, send, receive)
		sent += s.Sent() // only this goroutine writes it
		if err == nil {
			allow.Answered(limits.Destination{}, try+1)
			return s, sent, nil
		}
		if try < c.retries && ctx.Err() == nil && lost(err) {
			before = err
			continue
		}
		if cutShort(ctx, err) {
			if try > 0 || s.Ignored() {
				c.failing()
			}
			if errors.Is(before, tacacs.FaultSessionID) && !errors.Is(err, tacacs.FaultSessionID) {
				err = conns.Strayed(err) // a whole try tells more than one that was cut short
			}
		}
		return nil, sent, c.failed(err, sent)
	}
}

// cutShort reports whether a Session's error is that its context has ended.
func cutShort(ctx context.Context, err error) bool {
	var failure *engines.Failure
	gone := ctx.Err()
	return gone != nil && errors.Is(err, gone) && !errors.As(err, &failure)
}

// lost reports whether a first packet, or its answer, went astray.
func lost(err error) bool {
	return errors.Is(err, conns.FaultTimeout) || errors.Is(err, conns.FaultClosed) || errors.Is(err, tacacs.FaultSessionID)
}

// failed turns a Session's error into that of Exchange, and reports it to the server's health unless a context's
// end cut it short.
func (c *client) failed(err error, sent int) error {
	var field *tacacs.FieldError
	if errors.As(err, &field) {
		return aaa.Invalid(aaa.Field{Path: field.Field, Rule: "field", Message: "the field of the TACACS+ packet " + field.Problem})
	}
	var failure *engines.Failure
	switch {
	case errors.As(err, &failure):
	case sent == 0:
		return err
	case errors.Is(err, tacacs.FaultSessionID):
		return &engines.Failure{Reason: engines.BadReply, Attempts: sent, Err: err}
	default:
		return &engines.Failure{Reason: engines.NoAnswer, Attempts: sent, Err: err}
	}
	if failure.Reason == engines.NotAllowed || failure.Reason == engines.HeldBack {
		return failure
	}
	c.failing()
	return &engines.Failure{Reason: failure.Reason, Attempts: sent, Err: failure.Err}
}

// refusedByFlag reports whether an error is a reply whose unencrypted flag does not match the
// transport. It counts as a FAIL, not as a reason to ask another server (RFC 8907 §10.5.2).
func refusedByFlag(err error) bool { return errors.Is(err, tacacs.FaultFlag) }

// Encode makes the packet that Exchange would send first. It is obfuscated under a random secret that
// is forgotten, with TLS too, so that nothing in it can be revealed.
func (c *client) Encode(req *engines.Request) ([]byte, error) {
	f, err := read(req)
	if err != nil {
		return nil, err
	}
	var body tacacs.Request
	h := tacacs.Header{Version: tacacs.Version0, Seq: 1, SessionID: newSessionID()}
	switch {
	case req.Op == aaa.Authn && f.state != nil:
		answer, _ := f.typed()
		body, h.Seq = &tacacs.AuthenContinue{UserMsg: answer}, 3
	case req.Op == aaa.Authn:
		start, err := f.start()
		if err != nil {
			return nil, err
		}
		body, h.Version = start, start.Version()
	case req.Op == aaa.Accounting:
		if body, err = f.accounting(req); err != nil {
			return nil, err
		}
	default:
		body = f.authorization()
	}
	h.Type = body.Type()
	if err := body.Validate(); err != nil {
		return nil, c.failed(err, 0)
	}
	packet, err := tacacs.AppendPacket(nil, h, body, rand.Text())
	if err != nil {
		return nil, c.failed(err, 0)
	}
	return packet, nil
}

func newSessionID() uint32 {
	var b [4]byte
	rand.Read(b[:]) //nolint:errcheck // never fails since Go 1.24
	return binary.BigEndian.Uint32(b[:])
}

// newTaskID returns 16 random hexadecimal digits.
func newTaskID() string {
	var b [8]byte
	rand.Read(b[:]) //nolint:errcheck // never fails since Go 1.24
	return hex.EncodeToString(b[:])
}

// Format prints the name and the address only, whatever the verb.
func (c *client) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "tacacs server %s (%s)", c.name, c.address)
}

// Health implements engines.Client.
func (c *client) Health() *engines.Health { return &c.health.Health }

// Retire closes each connection as soon as it is idle.
func (c *client) Retire() {
	c.health.Retire()
	if c.manager != nil {
		c.manager.Retire()
	}
}
