package operations

import (
	"context"
	"encoding/json"
	"maps"

	"aaa-api/internal/aaa"
	"aaa-api/internal/document"
	"aaa-api/internal/gateway"
)

// OfOperation names an operation of AAA requests.
type OfOperation struct{ Op aaa.Op }

// Effective tells the documents in force for an operation of an account, as far as the caller may see them.
var Effective = define("documents.effective", reads, func(ctx context.Context, s *Served, q *OfOperation) (*gateway.Effective, error) {
	e, err := s.Service.Effective(ctx, s.Account, q.Op)
	if err != nil {
		return nil, err
	}
	for i := range e.Levels {
		if err := s.veil(ctx, &e.Levels[i]); err != nil {
			return nil, err
		}
	}
	return e, nil
}).checked(func(q *OfOperation) error {
	if q.Op >= aaa.NumOps {
		return aaa.Errorf(aaa.KindBadInput, "there is no operation %d of AAA requests", q.Op)
	}
	return nil
})

// veil takes out of a document that the token does not reach, and so could not read, what the account does not
// inherit of it. Of one that says off that is all but the mode.
func (s *Served) veil(ctx context.Context, l *gateway.EffectiveLevel) error {
	within, err := s.Tree.Within(ctx, s.Who.Account, l.Account)
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
