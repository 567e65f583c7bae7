package httpapi

import (
	"context"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/gateway"
	"aaa-api/internal/web"
)

// storing is a service that keeps accounting records and notes which callers were content with that.
type storing struct {
	gateway.Service
	stored []bool
	reason string
}

func (s *storing) Handle(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
	s.stored = append(s.stored, req.Stored)
	return &aaa.Result{Outcome: aaa.Stored, IsAuthorized: true, Reason: s.reason}, nil
}

// A record that is kept is answered as such, with the reason if a server was asked, and the log says the same.
func TestStoredRecordsAreAnsweredAsSuch(t *testing.T) {
	t.Parallel()
	s := &storing{}
	w := newWorld(t, func(o *worldOptions) { s.Service, o.Service = o.Service, s })
	post := func(query string) reply {
		t.Helper()
		return w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/accounting"+query), data(`{"User-Name":"bob"}`))
	}
	r := post("?accept=stored").want(200)
	if r.at("data", "AAA-Result") != "stored" || r.at("data", "Is-Authorized") != true || r.at("data", "reason") != nil {
		t.Errorf("%s", r.text)
	}
	s.reason = `server1: silent, 4 attempts "`
	if r = post("?accept=answered").want(200); r.at("data", "AAA-Result") != "stored" || r.at("data", "reason") != s.reason {
		t.Errorf("%s", r.text)
	}
	post("").want(200)
	if len(s.stored) != 3 || !s.stored[0] || s.stored[1] || s.stored[2] {
		t.Errorf("content with stored: %v", s.stored)
	}
	for _, bad := range []string{"?accept=", "?accept=Stored", "?accept=true", "?accept=" + strings.Repeat("x", 9000)} {
		if r := post(bad).refused(400, web.SlugInvalid); r.at("data", "accept", "enum") == nil || len(r.text) > 2000 {
			t.Errorf("%.40s: %.300s", bad, r.text)
		}
	}
	for _, op := range []string{"authn", "authz", "custom"} {
		w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/"+op+"?accept=stored"), data(`{"User-Name":"bob"}`)).refused(400, web.SlugInvalid)
	}
	if len(s.stored) != 3 {
		t.Error("a bad request was run")
	}
	log := w.log.String()
	if strings.Count(log, `"result":"stored"`) != 3 || !strings.Contains(log, `"reason":"server1: silent`) {
		t.Errorf("the log: %s", log)
	}
}
