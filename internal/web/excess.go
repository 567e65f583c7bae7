package web

import (
	"fmt"
	"net/http"

	"aaa-api/internal/aaa"
)

// explain names the limit that was reached, the account that set it if the caller reaches that, and what to do.
func (c *Call) explain(f *Failure) {
	e := f.Excess
	c.server.Accounts.Refusals().Refused(e.Limit)
	name := e.Limit.Name()
	whose := "an account above"
	if c.Reaches(e.Account) {
		whose = "account " + string(e.Account)
	}
	set, next := "the default", "an account above can raise it"
	switch {
	case e.From != "" && c.Reaches(e.From):
		set = "set on account " + string(e.From)
	case e.From != "":
		set = "set by an account above"
	}
	raise := e.From // where the value has to be raised
	if raise == "" {
		raise = e.Account
	}
	if raise != c.who.Account && c.who.Account != "" && c.Reaches(raise) {
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

// Reaches reports whether the caller's token reaches an account.
func (c *Call) Reaches(id aaa.AccountID) bool {
	who := c.who.Account
	if who == "" {
		who = c.account // an API key's
	}
	within, err := c.server.Accounts.Within(c.Context(), who, id)
	return err == nil && within
}
