package httpapi

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/line"
	"aaa-api/internal/operations"
	"aaa-api/internal/web"
)

// gate asks the security module who holds a token.
type gate struct {
	line   line.Caller
	passes *passes // nil: none is remembered
}

// reachOf is what a route is about, as operations call it.
var reachOf = map[web.Reach]operations.Reach{
	web.OnToken: operations.OnToken, web.OnAccount: operations.OnAccount, web.OnSystem: operations.OnDocument,
}

// entries are all that Admit can be asked, made once: what each request would make of its own, each would pay.
var entries = func() (all [3][2][2]operations.Entry) {
	for reach, of := range reachOf {
		for rate := range 2 {
			for guessed := range 2 {
				all[reach][rate][guessed] = operations.Entry{Reach: of, Rate: rate == 1, Guessed: guessed == 1}
			}
		}
	}
	return all
}()

func which(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Admit implements web.Gate.
func (g *gate) Admit(ctx context.Context, e *web.Entry) (web.Pass, error) {
	recent := e.Recent && g.passes != nil
	if recent {
		if p, ok := g.passes.get(e); ok {
			return p, nil
		}
	}
	from := line.From{Token: e.Token, Account: e.Account, RequestID: e.RequestID, At: e.At}
	p, err := operations.Admit.Ask(ctx, g.line, from, &entries[e.Reach][which(e.Rate)][which(e.Guessed)])
	if err != nil {
		return web.Pass{}, err
	}
	pass := web.Pass(p)
	if recent {
		g.passes.keep(e, &pass)
	}
	return pass, nil
}

// Reaches implements web.Gate.
func (g *gate) Reaches(c *web.Call, accounts []aaa.AccountID) []bool {
	r, err := operations.Reaches.Call(context.WithoutCancel(c.Context()), g.line, from(c), operations.Named{Accounts: accounts})
	if err != nil || len(r.Each) != len(accounts) {
		return make([]bool, len(accounts))
	}
	return r.Each
}
