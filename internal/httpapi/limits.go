package httpapi

import (
	"fmt"
	"net/http"

	"aaa-api/internal/aaa"
)

// explain says of a limit that was reached which one it is, who set it as far as the caller may see them, and what to do.
func (c *call) explain(f *failure) {
	e := f.excess
	c.api.Tree.Refusals().Refused(e.Limit)
	name := e.Limit.Name()
	whose := "an account above"
	reaches := c.reaches(e.Account)
	if reaches {
		whose = "account " + string(e.Account)
	}
	set, next := "the default", "an account above can raise it"
	switch {
	case e.From != "" && c.reaches(e.From):
		set = "set on account " + string(e.From)
	case e.From != "":
		set = "set by an account above"
	}
	raise := e.From // where the value has to be raised
	if raise == "" {
		raise = e.Account
	}
	if raise != c.who.Account && c.who.Account != "" && c.reaches(raise) {
		next = fmt.Sprintf(`raise it with PATCH /v2/accounts/%s {"data": {"limits": {"%s": …}}}`, raise, name)
	}
	if f.status != http.StatusTooManyRequests {
		next = "have less of it, or " + next
	}
	f.detail = fmt.Sprintf("%s may have %d: %s (limit %s, %s); %s", whose, e.Allowed, aaa.LimitTable[e.Limit].Unit, name, set, next)
	f.fields = []aaa.Field{{Path: "limits." + name, Rule: "limit", Message: f.detail, Target: e.Allowed}}
}

// reaches reports whether the caller's token reaches an account.
func (c *call) reaches(id aaa.AccountID) bool {
	who := c.who.Account
	if who == "" {
		who = c.account // an API key's
	}
	within, err := c.api.Tree.Within(c.ctx(), who, id)
	return err == nil && within
}

// checkSize refuses a document that is longer than the account may have. text is the document in JSON.
func (a *API) checkSize(c *call, text []byte) error {
	if c.account == aaa.SystemConfig {
		return nil
	}
	limits, err := a.Tree.Limits(c.ctx(), c.account)
	if err != nil {
		return err
	}
	if int64(len(text)) > limits.Of(aaa.LimitDocumentOctets) {
		return limits.Excess(aaa.LimitDocumentOctets).Error(aaa.KindBadInput, 0)
	}
	return nil
}
