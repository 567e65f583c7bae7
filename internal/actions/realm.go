package actions

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/fsm"
	"aaa-api/internal/router"
)

// Realm asks whom a rule of the document's realms names for the realm of User-Name.
type Realm struct{}

// Spec implements router.Action.
func (Realm) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "REALM", Does: "asks the server or list that a rule gives for the realm of User-Name; RC1 if it gives none",
		Answers: noneLeft, Later: fromServers, Decides: true, NeedsXstring: true,
		Xstring: "a rule of the document's realms",
		Xvalue:  "0: a list's servers in order with failover; 1: all at once",
	}
}

// Run implements router.Action.
func (Realm) Run(m *router.Machine, line *fsm.Line) fsm.Event {
	name, _, err := m.Level().UserName(m.Context(), m.Request(), m.Budget())
	if err != nil {
		return m.Do(func(ctx context.Context) router.Answer { return router.Refused(ctx, err) })
	}
	target, ok := targetOf(m.Level().Realms[line.Xstring], aaa.RealmOf(name))
	if !ok {
		return fsm.RC(1)
	}
	return m.AskNamed(target, line.Xvalue == allAtOnce)
}

// otherRealms stands in a rule for every realm that it does not name.
const otherRealms = "*"

// targetOf finds a realm's server or list in a rule, whose realms are in lower case.
func targetOf(rule map[string]string, realm string) (string, bool) {
	target, ok := rule[realm]
	if !ok && realm != "" {
		target, ok = rule[otherRealms]
	}
	return target, ok
}
