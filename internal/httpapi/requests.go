package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
)

// aaaRequest makes the handler of one operation. It is the hot path: what it allocates, every request pays.
func aaaRequest(op aaa.Op) func(*API, *call) error {
	return func(a *API, c *call) error {
		values, err := c.values()
		if err != nil {
			return err
		}
		req := aaa.Request{ID: c.id, Account: c.account, Op: op, Values: values}
		if c.query != nil {
			if req.Trace, err = c.flag("trace"); err != nil {
				return err
			}
		}
		if req.Trace {
			if err := c.hold(traceOctets); err != nil {
				return err
			}
		}
		if op == aaa.Accounting {
			return a.account(c, &req)
		}
		res, err := a.Service.Handle(c.ctx(), &req)
		if err != nil {
			return err
		}
		return c.replyResult(res)
	}
}

// account runs an accounting request. It goes on when the caller goes away: the
// record was handed over. With an Idempotency-Key it runs once.
func (a *API) account(c *call, req *aaa.Request) error {
	ctx := context.WithoutCancel(c.ctx())
	list, ok := c.r.Header["Idempotency-Key"]
	if !ok {
		res, err := a.Service.Handle(ctx, req)
		if err != nil {
			return err
		}
		return c.replyResult(res)
	}
	if len(list) != 1 || list[0] == "" || len(list[0]) > maxReplayKey || !aaa.IsLine(list[0]) {
		return aaa.Invalid(aaa.Field{Path: "Idempotency-Key", Rule: "syntax", Message: "must be one text of 1 to 255 octets", Target: maxReplayKey})
	}
	var first *aaa.Result
	run := func(again <-chan struct{}) ([]byte, error) {
		req.Repeated = again
		res, err := a.Service.Handle(ctx, req)
		if err != nil {
			return nil, err
		}
		first = res
		kept := *res
		kept.Trace = nil
		return appendResult(nil, &kept)
	}
	kept, replayed, err := a.replays.do(c.ctx(), c.account, keyOf(c.account, list[0], c.body), run)
	if err != nil {
		return err
	}
	if !replayed {
		return c.replyResult(first)
	}
	c.Header().Set("Idempotency-Replayed", "true")
	return c.reply(answer{raw: kept})
}

// values are the caller's keys.
func (c *call) values() (aaa.Values, error) {
	data := c.envelope["data"]
	if faults := schema.Validate("request", data); len(faults) > 0 {
		return nil, aaa.Invalid(faults...)
	}
	values, ok := data.(map[string]any)
	if !ok {
		return nil, aaa.Invalid(aaa.Field{Path: "data", Rule: "type", Message: "must be an object", Target: "object"})
	}
	return values, nil
}

// replyResult answers with the result of an AAA request.
func (c *call) replyResult(res *aaa.Result) error {
	out := getScratch()
	defer putScratch(out)
	b := append(*out, `{"data":`...)
	b, err := appendResult(b, res)
	if err != nil {
		return err
	}
	b = c.appendEnd(b, 0)
	return c.sendMade(http.StatusOK, b, out)
}

func appendResult(b []byte, res *aaa.Result) ([]byte, error) {
	b = appendString(append(b, `{"AAA-Result":`...), string(res.Outcome))
	b = strconv.AppendBool(append(b, `,"Is-Authorized":`...), res.IsAuthorized)
	if res.Document != "" {
		b = appendString(append(b, `,"account_id":`...), string(res.Document))
	}
	if res.Server != "" {
		b = appendString(append(b, `,"server":`...), res.Server)
	}
	b = strconv.AppendInt(append(b, `,"attempts":`...), int64(res.Attempts), 10)
	if res.State != "" {
		b = appendString(append(b, `,"State":`...), res.State)
	}
	if res.Outcome == aaa.Challenge {
		b = appendString(append(b, `,"prompt":`...), res.Prompt)
		b = strconv.AppendBool(append(b, `,"echo":`...), res.Echo)
	}
	if res.RefusedBy != "" {
		b = appendString(append(b, `,"refused_by":`...), res.RefusedBy)
	}
	var err error
	for key, v := range res.Keys {
		if aaa.ReservedKey(key) {
			continue // no Binding gives one
		}
		b = append(appendString(append(b, ','), key), ':')
		if b, err = appendValue(b, v); err != nil {
			return b, err
		}
	}
	if len(res.AVPs) > 0 {
		b = append(b, `,"avps":{`...)
		comma := false
		for name, v := range res.AVPs.All() {
			if comma {
				b = append(b, ',')
			}
			comma = true
			b = append(appendString(b, name), ':')
			if b, err = appendValue(b, v); err != nil {
				return b, err
			}
		}
		b = append(b, '}')
	}
	if res.Trace != nil {
		text, err := json.Marshal(res.Trace)
		if err != nil {
			return b, err
		}
		b = append(append(b, `,"trace":`...), text...)
	}
	return append(b, '}'), nil
}

// appendValue appends a value of a result: strings, numbers, booleans and lists of them.
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return appendString(b, v), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case uint64:
		return strconv.AppendUint(b, v, 10), nil
	case uint32:
		return strconv.AppendUint(b, uint64(v), 10), nil
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendValue(b, e); err != nil {
				return b, err
			}
		}
		return append(b, ']'), nil
	}
	text, err := json.Marshal(v)
	return append(b, text...), err
}

// dryRun shows what a request would send.
func (a *API) dryRun(c *call) error {
	op, err := c.op()
	if err != nil {
		return err
	}
	values, err := c.values()
	if err != nil {
		return err
	}
	run, err := a.Service.DryRun(c.ctx(), &aaa.Request{ID: c.id, Account: c.account, Op: op, Values: values, Trace: true})
	if err != nil {
		return err
	}
	return c.reply(answer{data: run})
}
