package httpapi

import (
	"encoding/json"
	"maps"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/gateway"
	"aaa-api/internal/web"
)

// effective tells the documents in force for an operation.
func (a *API) effective(c *web.Call) error {
	op, err := op(c)
	if err != nil {
		return err
	}
	e, err := a.Service.Effective(c.Context(), c.Account(), op)
	if err != nil {
		return err
	}
	for i := range e.Levels {
		if err := a.veil(c, &e.Levels[i]); err != nil {
			return err
		}
	}
	return c.Reply(web.Answer{Data: e})
}

// veil takes out of a document that the token does not reach, and so could not read, what the account does not
// inherit of it. Of one that says off that is all but the mode.
func (a *API) veil(c *web.Call, l *gateway.EffectiveLevel) error {
	within, err := a.Tree.Within(c.Context(), c.Who().Account, l.Account)
	if within || err != nil && aaa.KindOf(err) != aaa.KindNotFound {
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
