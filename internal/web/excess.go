package web

import (
	"cmp"
	"fmt"
	"net/http"

	"aaa-api/internal/aaa"
)

// explain names the limit that was reached, the account that set it if the caller reaches that, and what to do.
func (c *Call) explain(f *Failure) {
	e := f.Excess
	c.server.Refusals.Refused(e.Limit)
	name := e.Limit.Name()
	whose := "an account above"
	raise := cmp.Or(e.From, e.Account) // where the value has to be raised
	reached := c.reached(e.Account, raise)
	if reached[0] {
		whose = "account " + string(e.Account)
	}
	set, next := "the default", "an account above can raise it"
	switch {
	case e.From != "" && reached[1]:
		set = "set on account " + string(e.From)
	case e.From != "":
		set = "set by an account above"
	}
	if raise != c.who.Account && c.who.Account != "" && reached[1] {
		next = fmt.Sprintf(`raise it with PATCH /v2/accounts/%s {"data": {"limits": {"%s": …}}}`, raise, name)
	}
	switch f.Status {
	case http.StatusConflict:
		next = "delete some, or " + next
	case http.StatusBadRequest:
		next = "shorten it, or " + next
	}
	f.Detail = fmt.Sprintf("%s is at its limit %s: %d (%s), %s; %s", whose, name, e.Allowed, aaa.LimitTable[e.Limit].Unit, set, next)
	f.Fields = []aaa.Field{{Path: "limits." + name, Rule: "limit", Message: f.Detail, Target: e.Allowed}}
}

// reached tells which of some accounts the caller's credential reaches.
func (c *Call) reached(accounts ...aaa.AccountID) []bool {
	if c.token == "" {
		return make([]bool, len(accounts))
	}
	return c.server.Gate.Reaches(c, accounts)
}
