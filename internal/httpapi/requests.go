package httpapi

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/gateway"
	"aaa-api/internal/operations"
	"aaa-api/internal/schema"
	"aaa-api/internal/web"
)

// aaaRequest makes the handler of one operation. It is the hot path: what it allocates, every request pays.
func aaaRequest(op aaa.Op) func(*API, *web.Call) error {
	name := op.String()
	return func(a *API, c *web.Call) error {
		line := c.Line()
		line.Operation, line.Result = name, "error"
		values, err := sentValues(c)
		if err != nil {
			return err
		}
		if a.LogUser {
			line.User = loggedUser(values)
		}
		req := aaa.Request{ID: c.ID(), Account: c.Account(), Op: op, Values: values}
		if c.Query() != nil {
			if req.Trace, err = c.Flag("trace"); err != nil {
				return err
			}
		}
		if req.Trace {
			if err := c.Hold(traceOctets); err != nil {
				return err
			}
		}
		if op == aaa.Accounting {
			return a.account(c, &req)
		}
		res, err := operations.Handle.Ask(c.Context(), a.Line, from(c), &req)
		if err != nil {
			return err
		}
		return replyResult(c, res)
	}
}

// account runs an accounting request. It goes on when the caller goes away: the record was handed over.
func (a *API) account(c *web.Call, req *aaa.Request) error {
	var err error
	if req.Stored, err = acceptsStored(c); err != nil {
		return err
	}
	if r := c.Recording(); r != nil {
		req.RepeatID = r.ID
	}
	res, err := operations.Handle.Ask(context.WithoutCancel(c.Context()), a.Line, from(c), req)
	if err != nil {
		return err
	}
	return replyResult(c, res)
}

// values are the caller's keys.
func sentValues(c *web.Call) (aaa.Values, error) { return valuesOf(c.Sent()) }

func valuesOf(data any) (aaa.Values, error) {
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
func replyResult(c *web.Call, res *aaa.Result) error {
	line := c.Line()
	line.Result, line.Server, line.Attempts, line.Reason = string(res.Outcome), res.Server, res.Attempts, cmp.Or(res.RefusedBy, res.Reason)
	if res.Trace != nil && c.Recording() != nil {
		return replyTraced(c, res)
	}
	return c.ReplyAppended(func(b []byte) ([]byte, error) { return appendResult(b, res) })
}

// replyTraced answers with a result whose trace is for the first caller alone: a kept answer is without.
func replyTraced(c *web.Call, res *aaa.Result) error {
	once, err := appendResult(nil, res)
	if err != nil {
		return err
	}
	plain := *res
	plain.Trace = nil
	kept, err := appendResult(nil, &plain)
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Raw: kept, Once: once})
}

// maxLoggedUser is how many octets of a user's name a line holds: as many as an attribute may have.
const maxLoggedUser = 253

// loggedUser is the user that the caller names.
func loggedUser(values map[string]any) string {
	name, ok := values["User-Name"].(string)
	if !ok {
		name, _ = values["user"].(string)
	}
	return name[:min(len(name), maxLoggedUser)]
}

func appendResult(b []byte, res *aaa.Result) ([]byte, error) {
	b = web.AppendString(append(b, `{"AAA-Result":`...), string(res.Outcome))
	b = strconv.AppendBool(append(b, `,"Is-Authorized":`...), res.IsAuthorized)
	if res.Document != "" {
		b = web.AppendString(append(b, `,"account_id":`...), string(res.Document))
	}
	if res.Server != "" {
		b = web.AppendString(append(b, `,"server":`...), res.Server)
	}
	b = strconv.AppendInt(append(b, `,"attempts":`...), int64(res.Attempts), 10)
	if res.State != "" {
		b = web.AppendString(append(b, `,"State":`...), res.State)
	}
	if res.Outcome == aaa.Challenge {
		b = web.AppendString(append(b, `,"prompt":`...), res.Prompt)
		b = strconv.AppendBool(append(b, `,"echo":`...), res.Echo)
	}
	if res.RefusedBy != "" {
		b = web.AppendString(append(b, `,"refused_by":`...), res.RefusedBy)
	}
	if res.Reason != "" { // no server answered, so no key of a reply has this name
		b = web.AppendString(append(b, `,"reason":`...), res.Reason)
	}
	var err error
	for key, v := range res.Keys {
		if aaa.ReservedKey(key) {
			continue // no Binding gives one
		}
		b = append(web.AppendString(append(b, ','), key), ':')
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
			b = append(web.AppendString(b, name), ':')
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
		return web.AppendString(b, v), nil
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
func (a *API) dryRun(c *web.Call) error {
	op, err := op(c)
	if err != nil {
		return err
	}
	values, err := sentValues(c)
	if err != nil {
		return err
	}
	run, err := operations.DryRun.Call(c.Context(), a.Line, from(c), aaa.Request{ID: c.ID(), Op: op, Values: values, Trace: true})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: viewDryRun(run)})
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

// acceptsStored reads the query parameter accept: whether the caller is content with a record that is stored.
func acceptsStored(c *web.Call) (bool, error) {
	if c.Query() == nil || !c.Query().Has("accept") {
		return false, nil
	}
	switch accept := c.Query().Get("accept"); accept {
	case "stored":
		return true, nil
	case "answered":
		return false, nil
	default:
		return false, aaa.Invalid(aaa.Field{Path: "accept", Rule: "enum", Message: "must be stored or answered", Target: []string{"stored", "answered"}, Value: accept})
	}
}

// op reads the query parameter op.
func op(c *web.Call) (aaa.Op, error) {
	if !c.Query().Has("op") {
		return 0, aaa.Invalid(aaa.Field{Path: "op", Rule: "required", Message: "the query parameter op is needed: authn, authz, accounting or custom", Target: opNames})
	}
	op, err := aaa.ParseOp(c.Query().Get("op"))
	if err != nil {
		return 0, aaa.Invalid(aaa.Field{Path: "op", Rule: "enum", Message: "must be one of authn, authz, accounting, custom", Target: opNames, Value: c.Query().Get("op")})
	}
	return op, nil
}

var opNames = []string{"authn", "authz", "accounting", "custom"}

// traceOctets is what a request with a trace may cost while it runs.
const traceOctets = 1 << 20
