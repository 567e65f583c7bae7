package httpapi

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/gateway"
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
	run := func(repeatID string) ([]byte, error) {
		req.RepeatID = repeatID
		res, err := a.Service.Handle(ctx, req)
		if err != nil {
			return nil, err
		}
		first = res
		kept := *res
		kept.Trace = nil
		return appendResult(nil, &kept)
	}
	repeat := func(repeatID string) error { return a.Service.Repeat(ctx, c.account, repeatID) }
	kept, replayed, err := a.replays.do(c.ctx(), c.account, keyOf(c.account, list[0], c.body), run, repeat)
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
	return c.reply(answer{data: viewDryRun(run)})
}

// dryRunView is a dry run as answers show it.
type dryRunView struct {
	Outcome aaa.Outcome  `json:"outcome,omitempty"`
	Packets []packetView `json:"packets"`
	Trace   *aaa.Trace   `json:"trace"`
}

type packetView struct {
	Account aaa.AccountID `json:"account_id"`
	Server  string        `json:"server"`
	Address string        `json:"address"`
	Engine  string        `json:"aaa_engine"`
	AVPs    []avpView     `json:"avps"`
	Packet  string        `json:"packet"` // hexadecimal
	Error   string        `json:"error,omitempty"`
}

type avpView struct {
	Name  string    `json:"name"`
	Value aaa.Value `json:"value"`
}

func viewDryRun(d *gateway.DryRun) dryRunView {
	v := dryRunView{Outcome: d.Outcome, Packets: make([]packetView, len(d.Packets)), Trace: d.Trace}
	for i, p := range d.Packets {
		v.Packets[i] = packetView{
			Account: p.Account, Server: p.Server, Address: p.Address, Engine: p.Engine,
			AVPs: make([]avpView, len(p.AVPs)), Packet: hex.EncodeToString(p.Packet), Error: p.Error,
		}
		for j := range p.AVPs {
			v.Packets[i].AVPs[j] = avpView{p.AVPs[j].As, p.AVPs[j].JSON()}
		}
	}
	return v
}
