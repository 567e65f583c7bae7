package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"aaa-api/internal/aaa"
	"aaa-api/internal/idempotency"
	"aaa-api/internal/web"
)

// maxKey is how many octets an Idempotency-Key may have.
const maxKey = 255

// once makes a handler that runs once for all requests with one Idempotency-Key, on all nodes together. The others get the answer of the first.
// A request without the header goes straight to the handler.
func once(handle func(*API, *web.Call) error) func(*API, *web.Call) error {
	return func(a *API, c *web.Call) error {
		list, ok := c.Request().Header["Idempotency-Key"]
		if !ok {
			return handle(a, c)
		}
		if len(list) != 1 || list[0] == "" || len(list[0]) > maxKey || !aaa.IsLine(list[0]) {
			return aaa.Invalid(aaa.Field{Path: "Idempotency-Key", Rule: "syntax", Message: "must be one text of 1 to 255 octets", Target: maxKey})
		}
		var first web.Answer
		run := func(ctx context.Context, id string) (kept []byte, err error) {
			if first, err = c.Record(ctx, id, func() error { return handle(a, c) }); err != nil {
				return nil, err
			}
			return first.Kept()
		}
		wait := func(id string) error {
			c.StepAside()
			return a.Service.Repeat(c.Context(), c.Account(), id)
		}
		kept, replayed, err := a.Keys.Do(c.Context(), keyed(c, list[0]), run, wait)
		if err != nil {
			return err
		}
		if !replayed {
			return c.Reply(first)
		}
		again, err := web.ReadKept(kept)
		if err != nil {
			return err
		}
		a.noteReplay(c)
		c.Header().Set("Idempotency-Replayed", "true")
		return c.Reply(again)
	}
}

// keyed is a request as its key names it. A key belongs to the account of the token. Only the same token may repeat a change of configuration:
// an answer may hold more than another token may see, such as a token's text.
func keyed(c *web.Call, key string) idempotency.Request {
	route := c.Route()
	by := ""
	if route.Scope == mayWrite {
		by = c.Who().TokenID
	}
	h := sha256.New()
	for _, part := range []string{by, c.Query().Encode()} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	h.Write(c.Body())
	r := idempotency.Request{
		Account: c.Who().Account, Operation: route.Method + " " + c.Request().URL.Path, Key: key, NeedsStore: route.Scope == mayWrite,
	}
	h.Sum(r.Digest[:0])
	return r
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
