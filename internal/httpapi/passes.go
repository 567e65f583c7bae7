package httpapi

import (
	"strings"
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"aaa-api/internal/aaa"
	"aaa-api/internal/web"
)

const (
	// passLife is how long a pass is remembered. One that is no longer good means only that a body is read whose request the security module
	// then refuses.
	passLife = time.Second
	// maxPasses is how many are remembered before all are forgotten.
	maxPasses = 20_000
)

// passes are what the security module said a moment ago of callers whom it let in, so that an AAA request is one call on the line.
type passes struct {
	recent *xsync.Map[passKey, recentPass]
	now    func() time.Time
}

type passKey struct {
	token   string
	account aaa.AccountID
	reach   web.Reach
}

type recentPass struct {
	pass web.Pass
	ends time.Time
}

func newPasses() *passes {
	return &passes{xsync.NewMap[passKey, recentPass](), time.Now}
}

func (p *passes) get(e *web.Entry) (web.Pass, bool) {
	r, ok := p.recent.Load(passKey{e.Token, e.Account, e.Reach})
	if !ok || !p.now().Before(r.ends) {
		return web.Pass{}, false
	}
	return r.pass, true
}

// keep remembers a pass with which nothing is wrong.
func (p *passes) keep(e *web.Entry, pass *web.Pass) {
	if pass.Guess || pass.Holder != nil || pass.Rate != nil || pass.Missed != nil {
		return
	}
	if p.recent.Size() >= maxPasses {
		p.recent.Clear()
	}
	key := passKey{strings.Clone(e.Token), aaa.AccountID(strings.Clone(string(e.Account))), e.Reach} // they are parts of a whole request
	p.recent.Store(key, recentPass{*pass, p.now().Add(passLife)})
}
