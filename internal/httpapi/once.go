package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"log/slog"

	"aaa-api/internal/aaa"
	"aaa-api/internal/operations"
	"aaa-api/internal/web"
)

// once makes a handler that runs once for all requests with one Idempotency-Key, on all nodes together. The others get the answer of the first.
// A request without the header goes straight to the handler.
func once(handle func(*API, *web.Call) error) func(*API, *web.Call) error {
	return func(a *API, c *web.Call) error {
		list, ok := c.Request().Header["Idempotency-Key"]
		if !ok {
			return handle(a, c)
		}
		if len(list) != 1 || list[0] == "" || len(list[0]) > operations.MaxKey || !aaa.IsLine(list[0]) {
			return aaa.Invalid(aaa.Field{Path: "Idempotency-Key", Rule: "syntax", Message: "must be one text of 1 to 255 octets", Target: operations.MaxKey})
		}
		asked := keyed(c, list[0])
		begin := operations.KeyBegin
		if c.Route().Scope == mayWrite {
			begin = operations.KeyBeginWrite
		}
		begun, err := begin.Ask(c.Context(), a.Line, from(c), &asked)
		if err == nil && begun.Waits {
			c.StepAside()
			asked.Wait = true
			begun, err = begin.Ask(c.Context(), a.Line, from(c), &asked)
		}
		if err != nil {
			return err
		}
		if begun.Run != "" {
			return a.runOnce(c, &begun, handle)
		}
		kept := begun.Kept
		again, err := web.ReadKept(kept)
		if err != nil {
			return err
		}
		a.noteReplay(c)
		c.Header().Set("Idempotency-Replayed", "true")
		return c.Reply(again)
	}
}

// runOnce runs a handler under a key, and has its answer kept before it is sent. The run goes on if the caller goes away.
func (a *API) runOnce(c *web.Call, begun *operations.KeyBegun, handle func(*API, *web.Call) error) error {
	always := context.WithoutCancel(c.Context())
	end := operations.KeyEnded{Ticket: begun.Ticket}
	ended := false
	defer func() {
		if !ended { // it failed, or there is a panic
			_, _ = operations.KeyEnd.Ask(always, a.Line, from(c), &end) // if nobody hears it, the run ends by itself
		}
	}()
	running, cancel := context.WithTimeout(always, operations.RunTime)
	defer cancel()
	first, err := c.Record(running, begun.Run, func() error { return handle(a, c) })
	if err != nil {
		return err
	}
	if end.Answer, err = first.Kept(); err != nil {
		return err
	}
	ended = true
	if _, err := operations.KeyEnd.Ask(always, a.Line, from(c), &end); err != nil {
		a.Log.LogAttrs(always, slog.LevelWarn, "an answer was not kept for repetitions of its request",
			slog.String("account", string(c.Account())), slog.String("request_id", c.ID()), slog.String("error", err.Error()))
	}
	return c.Reply(first)
}

// keyed is a request as its key names it. A key belongs to the account of the token.
func keyed(c *web.Call, key string) operations.Keyed {
	route := c.Route()
	h := sha256.New()
	for _, part := range []string{"", c.Query().Encode()} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	h.Write(c.Body())
	k := operations.Keyed{Operation: route.Method + " " + c.Request().URL.Path, Key: key}
	h.Sum(k.Digest[:0])
	return k
}

// noteReplay fills in the line of a request that no handler saw.
func (a *API) noteReplay(c *web.Call) {
	if c.Route().Scope != mayRequest {
		return
	}
	line := c.Line()
	line.Operation, line.Result = aaa.Accounting.String(), "replayed"
	if values, ok := c.Sent().(map[string]any); ok && a.LogUser {
		line.User = loggedUser(values)
	}
}
