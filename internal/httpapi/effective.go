package httpapi

import (
	"encoding/json"
	"maps"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/gateway"
)

// effective tells the documents in force for an operation.
func (a *API) effective(c *call) error {
	op, err := c.op()
	if err != nil {
		return err
	}
	e, err := a.Service.Effective(c.ctx(), c.account, op)
	if err != nil {
		return err
	}
	for i := range e.Levels {
		if err := c.veil(&e.Levels[i]); err != nil {
			return err
		}
	}
	return c.reply(answer{data: e})
}

// veil takes out of a document that the token does not reach, and so could not read, what the account does not
// inherit of it. Of one that says off that is all but the mode.
func (c *call) veil(l *gateway.EffectiveLevel) error {
	within, err := c.api.Tree.Within(c.ctx(), c.who.Account, l.Account)
	if within || err != nil && !isNotFound(err) {
		return err
	}
	if l.Mode == aaa.ModeOff {
		l.Document = json.RawMessage(`{"aaa_mode":"off"}`)
		l.Dicts = map[string]gateway.DictionarySource{}
		l.FSM = gateway.TableSource{Name: "sequential", Owner: aaa.SystemConfig} // that of a document which names none
	} else if l.Document, err = document.ForHeirs(l.Document); err != nil {
		return err
	}
	var left map[string]json.RawMessage
	if err := json.Unmarshal(l.Document, &left); err != nil {
		return err
	}
	maps.DeleteFunc(l.Sources, func(member string, _ aaa.AccountID) bool { return left[member] == nil })
	return nil
}
