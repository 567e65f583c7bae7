package httpapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

// sample is what a route needs for a request that its handler accepts.
type sample struct {
	body   string
	query  string
	header map[string]string
	status int // of the answer
	// selfRefused says that a token may not do this to its own account.
	selfRefused bool
	// inherited says that the route finds what an account above has.
	inherited bool
	// spends says that the account is of no use to other routes afterwards.
	spends bool
}

const aDictionary = `{"name":"%s","value":[{"vendor":{"Acme":99999}},{"attr":{"vid":99999,"id":1,"type":"string","name":"Acme-One"}}]}`

// samples has one entry for each route that is about an account. A route without one fails the tests.
var samples = map[string]sample{
	"GET " + atAccount:                        {status: 200},
	"PUT " + atAccount:                        {body: data(`{"name":"new"}`), status: 201, spends: true},
	"POST " + atAccount:                       {body: data(`{"name":"renamed","client_networks":["192.0.2.0/24"]}`), status: 200},
	"PATCH " + atAccount:                      {body: data(`{"name":"patched"}`), status: 200},
	"DELETE " + atAccount:                     {status: 200, selfRefused: true, spends: true},
	"GET " + atAccount + "/children":          {status: 200},
	"GET " + atAccount + "/descendants":       {status: 200},
	"GET " + atAccount + "/ancestors":         {status: 200},
	"GET " + atAccount + "/tree":              {status: 200},
	"GET " + atAccount + "/limits":            {status: 200},
	"POST " + atAccount + "/move":             {body: "move", status: 200, selfRefused: true, spends: true},
	"GET " + atAccount + "/tokens":            {status: 200},
	"PUT " + atAccount + "/tokens":            {status: 201},
	"DELETE " + atAccount + "/tokens/{token}": {status: 200, spends: true},
	"PUT " + atAccount + "/api_key":           {status: 201},
	"DELETE " + atAccount + "/api_key":        {status: 200, spends: true},
	"GET " + atDocument:                       {status: 200},
	"PUT " + atDocument:                       {body: data(aDocument), status: 409},
	"POST " + atDocument:                      {body: data(aDocument), status: 200},
	"PATCH " + atDocument:                     {body: data(`{"workers":6}`), status: 200},
	"DELETE " + atDocument:                    {status: 200, spends: true},
	"GET " + atDocument + "/revisions":        {status: 200},
	"GET " + atDocument + "/revisions/{n}":    {status: 200},
	"POST " + atDocument + "/revisions/{n}":   {status: 200},
	"GET " + atDocument + "/effective":        {query: "?op=authn", status: 200},
	"POST " + atDocument + "/translate":       {query: "?op=authn", body: data(`{"User-Name":"bob"}`), status: 200},
	"POST " + atDocument + "/authn":           {body: data(`{"User-Name":"bob"}`), status: 200},
	"POST " + atDocument + "/authz":           {body: data(`{"User-Name":"bob"}`), status: 200},
	"POST " + atDocument + "/accounting":      {body: data(`{"User-Name":"bob"}`), status: 200},
	"POST " + atDocument + "/custom":          {body: data(`{"User-Name":"bob"}`), status: 200},
	"POST " + atBatch:                         {body: `{"id":"1","op":"authn","data":{"User-Name":"bob"}}`, header: asLines, status: 200},
	"GET " + atSessions:                       {status: 200},
	"POST " + atSessions:                      {body: data(`{"User-Name":"bob"}`), status: 201},
	"GET " + atSession:                        {status: 200},
	"POST " + atSession + "/continue":         {body: data(`{"User-Password":"42"}`), status: 200, spends: true},
	"POST " + atSession + "/open":             {status: 200, spends: true},
	"POST " + atSession + "/interim":          {body: data(`{"counters":{"input_octets":1}}`), status: 200},
	"POST " + atSession + "/suspend":          {body: data(`{"counters":{"input_octets":2}}`), status: 200, spends: true},
	"DELETE " + atSession:                     {query: "?cause=Admin-Reset", status: 200, spends: true},
	"GET " + atSpool:                          {status: 200},
	"DELETE " + atSpool:                       {query: "?filter_state=parked", status: 200},
	"POST " + atSpool + "/resend":             {query: "?all=true", status: 200},
	"GET " + atRecord:                         {status: 200},
	"DELETE " + atRecord:                      {status: 200, spends: true},
	"POST " + atRecord + "/resend":            {status: 200},
	"GET " + atBans:                           {status: 200},
	"POST " + atBans:                          {body: data(`{"key":"Calling-Station-Id","value":"192.0.2.9"}`), status: 201},
	"DELETE " + atBans:                        {query: "?key=Calling-Station-Id&value=192.0.2.9", status: 200},
	"DELETE " + atBan:                         {status: 200, spends: true},
	"GET " + atDictionaries:                   {status: 200},
	"PUT " + atDictionaries:                   {body: data(fmt.Sprintf(aDictionary, "dictionary_new")), status: 201},
	"POST " + atDictionaries:                  {body: data(fmt.Sprintf(aDictionary, "dictionary_acme")), status: 200},
	"GET " + atDictionaries + "/{dict}":       {status: 200},
	"POST " + atDictionaries + "/{dict}":      {body: data(fmt.Sprintf(aDictionary, "dictionary_acme")), status: 200},
	"DELETE " + atDictionaries + "/{dict}":    {status: 200, spends: true},
	"GET " + atTables:                         {status: 200},
	"PUT " + atTables:                         {body: aTable, query: "?name=new", header: asText, status: 201},
	"POST " + atTables:                        {body: aTable, query: "?name={name}", header: asText, status: 200},
	"POST " + atTables + "/check":             {body: aTable, header: asText, status: 200},
	"GET " + atTable:                          {status: 200},
	"PUT " + atTable:                          {body: data(aTableInJSON), status: 409},
	"POST " + atTable:                         {body: data(aTableInJSON), status: 200},
	"DELETE " + atTable:                       {status: 200, spends: true},
	"POST " + atTable + "/simulate":           {body: data(`{"request":"AUTHEN"}`), status: 200, inherited: true},
	"GET " + atClients:                        {status: 200},
	"GET " + atClient:                         {status: 200},
	"PUT " + atClient:                         {body: "client", status: 409},
	"POST " + atClient:                        {body: "client", status: 200},
	"PATCH " + atClient:                       {body: data(`{"description":"patched"}`), status: 200},
	"DELETE " + atClient:                      {status: 200, spends: true},
	"GET " + atUsers:                          {status: 200},
	"GET " + atUsersFile:                      {status: 200},
	"PUT " + atUsersFile:                      {body: aUsersFile, header: asText, status: 409},
	"POST " + atUsersFile:                     {body: aUsersFile, header: asText, status: 200},
	"DELETE " + atUsersFile:                   {status: 200, spends: true},
}

var asLines = map[string]string{"Content-Type": web.NDJSON}

var asText = map[string]string{"Content-Type": "text/plain"}

// tenancy is a world in which every account has everything.
type tenancy struct {
	*world
	ids map[aaa.AccountID]map[string]string // of each account: {token}, {dict}, {name}, {n}, {record}, {ban}, {sid} and {sid}/VERB
}

func newTenancy(t *testing.T) *tenancy {
	w := &tenancy{world: newWorld(t, func(o *worldOptions) { o.Limits.BadRate = -1 }), ids: make(map[aaa.AccountID]map[string]string)}
	for _, id := range []aaa.AccountID{w.root, w.tenant, w.child, w.sibling} {
		w.fill(id)
	}
	return w
}

// fill gives an account a document, a dictionary, a table, a users file, a client, a token, an API key, and sessions
// in three states.
func (w *tenancy) fill(id aaa.AccountID) {
	w.t.Helper()
	w.call(w.rootToken, "PUT", at(id, "/aaa"), data(banning("Calling-Station-Id"))).want(201)
	w.call(w.rootToken, "PUT", at(id, "/api_key"), "").want(201)
	name := "of-" + string(id)
	for path, text := range map[string]string{"/aaa/fsm/": aTable, "/aaa/users/": aUsersFile} {
		w.do(ask{method: "PUT", path: at(id, path+name), token: w.rootToken, body: text, header: asText}).want(201)
	}
	if id != w.root {
		w.call(w.rootToken, "PATCH", at(id, ""), data(`{"client_networks":["192.0.2.0/24"]}`)).want(200)
	}
	w.call(w.rootToken, "PUT", at(id, "/aaa/clients/"+name), aClientOf(id)).want(201)
	waiting, loggedIn, open, leaving := w.session(id, "twice"), w.session(id, "bob"), w.session(id, "bob"), w.session(id, "bob")
	w.call(w.rootToken, "POST", at(id, "/aaa/sessions/"+open+"/open"), "").want(200)
	w.call(w.rootToken, "POST", at(id, "/aaa/sessions/"+leaving+"/open"), "").want(200)
	w.ids[id] = map[string]string{
		"{sid}": waiting, "{sid}/open": loggedIn + "/open", "{sid}/interim": open + "/interim", "{sid}/suspend": leaving + "/suspend",
		"{n}": "1", "{record}": w.record(id, `{"User-Name":"bob"}`, failed("server1")),
		"{ban}":   w.call(w.rootToken, "POST", at(id, "/aaa/bans"), data(`{"key":"Calling-Station-Id","value":"192.0.2.7"}`)).want(201).str("data", "id"),
		"{name}":  name,
		"{dict}":  w.call(w.rootToken, "PUT", at(id, "/aaa/dictionary"), data(fmt.Sprintf(aDictionary, "dictionary_acme"))).want(201).str("data", "id"),
		"{token}": w.call(w.rootToken, "PUT", at(id, "/tokens"), "").want(201).str("data", "id"),
	}
}

// aClientOf is a client that any account with networks may have.
func aClientOf(id aaa.AccountID) string {
	return data(`{"certificate":{"san":"` + string(id) + `.example"}}`)
}

// url puts the ids of one account in the pattern of a route. What {id} names may be
// another account than that whose things the rest names.
func (w *tenancy) url(r *route, id, owner aaa.AccountID) string {
	path := strings.Replace(r.pattern, "{id}", string(id), 1) + samples[r.method+" "+r.pattern].query
	names := slices.Sorted(maps.Keys(w.ids[owner]))
	for _, name := range slices.Backward(names) { // {sid}/open before {sid}
		path = strings.ReplaceAll(path, name, w.ids[owner][name])
	}
	return path
}

func (w *tenancy) ask(r *route, token string, id, owner aaa.AccountID) reply {
	w.t.Helper()
	s := samples[r.method+" "+r.pattern]
	body := s.body
	if body == "move" {
		body = data(`{"to":"` + string(w.tenant) + `"}`)
	}
	if body == "client" {
		body = aClientOf(owner)
	}
	return w.do(ask{method: r.method, path: w.url(r, id, owner), token: token, body: body, header: s.header})
}

// state is all that the store holds of the accounts, to find what a refused request changed.
func (w *tenancy) state() string {
	w.t.Helper()
	var b strings.Builder
	ctx := w.t.Context()
	dump := func(v any) {
		text, err := json.Marshal(v)
		ok(w.t, err)
		b.Write(text)
		b.WriteByte('\n')
	}
	below, _, err := w.store.Accounts().Descendants(ctx, w.root, store.Page{})
	ok(w.t, err)
	dump(below)
	for _, a := range append(below, store.Account{ID: w.root}, store.Account{ID: aaa.SystemConfig}) {
		doc, err := w.store.Documents().Get(ctx, a.ID)
		if aaa.KindOf(err) != aaa.KindNotFound {
			ok(w.t, err)
		}
		dump(doc)
		dicts, err := w.store.Dictionaries().All(ctx, a.ID)
		ok(w.t, err)
		dump(dicts)
		texts, err := w.store.Texts().All(ctx, a.ID)
		ok(w.t, err)
		dump(texts)
		sessions, _, err := w.store.Sessions().List(ctx, a.ID, store.SessionsBy{}, store.Page{Limit: web.MaxPage})
		ok(w.t, err)
		dump(sessions)
		tokens, _, err := w.store.Tokens().List(ctx, a.ID, store.Page{})
		ok(w.t, err)
		dump(tokens)
		records, _, err := w.store.Spool().List(ctx, a.ID, store.SpoolFilter{}, store.Page{Limit: web.MaxPage})
		ok(w.t, err)
		dump(records)
		clients, err := w.store.Clients().All(ctx, a.ID)
		ok(w.t, err)
		dump(clients)
		bans, _, err := w.store.Bans().List(ctx, a.ID, time.Unix(0, 0), store.Page{})
		ok(w.t, err)
		dump(bans)
	}
	return b.String()
}

// verdict is what the gate must say; a status of 0 means that the request passes it.
type verdict struct {
	status int
	slug   string
}

// credential is a token with what it may do.
type credential struct {
	text    string
	scopes  []string // nil for one that is no good
	reaches []string
}

func judge(r *route, c credential, which string) verdict {
	switch {
	case c.scopes == nil:
		return verdict{http.StatusUnauthorized, web.SlugToken}
	case r.reach == onSystem, r.reach == onAccount && !slices.Contains(c.reaches, which):
		return verdict{http.StatusNotFound, web.SlugIdentifier}
	case r.scope != anyToken && !slices.Contains(c.scopes, string(r.scope)):
		return verdict{http.StatusForbidden, web.SlugForbidden}
	}
	return verdict{}
}

// All routes × {own, child, parent, sibling, unknown account} × {no token, revoked, read-only,
// request-only, foreign}: whatever must be refused is refused in the right way, and changes nothing.
func TestTenancyRefusals(t *testing.T) {
	t.Parallel()
	w := newTenancy(t)
	unknown := aaa.NewAccountID()
	w.ids[unknown] = map[string]string{"{n}": "1", "{dict}": aaa.NewID(), "{token}": aaa.NewID(), "{name}": "of-nobody", "{record}": aaa.NewID(), "{ban}": aaa.NewID(), "{sid}": strings.Repeat("A", sidLength)}
	accounts := map[string]aaa.AccountID{"own": w.tenant, "child": w.child, "parent": w.root, "sibling": w.sibling, "unknown": unknown}

	revoked := w.call(w.rootToken, "PUT", at(w.tenant, "/tokens"), "").want(201)
	w.call(revoked.str("data", "token"), "GET", "/v2/whoami", "").want(200) // it was good
	w.call(w.rootToken, "DELETE", at(w.tenant, "/tokens/"+revoked.str("data", "id")), "").want(200)
	below := []string{"own", "child"}
	credentials := map[string]credential{
		"none":         {},
		"revoked":      {text: revoked.str("data", "token")},
		"read-only":    {w.token(w.tenant, token.ScopeRead), []string{token.ScopeRead}, below},
		"request-only": {w.token(w.tenant, token.ScopeRequest), []string{token.ScopeRequest}, below},
		"foreign":      {w.token(w.sibling, token.Scopes()...), token.Scopes(), []string{"sibling"}},
	}

	before, sent, refused := w.state(), w.backend.requests(), 0
	for i := range routes {
		r := &routes[i]
		name := r.method + " " + r.pattern
		if _, known := samples[name]; !known && r.reach == onAccount {
			t.Errorf("%s: there is no sample of it", name)
			continue
		}
		if r.scope == public {
			continue
		}
		for who, c := range credentials {
			unseen := make(map[string]bool) // the answers to what the token does not reach
			for which, id := range accounts {
				want := judge(r, c, which)
				if want.status == 0 {
					continue
				}
				refused++
				got := w.ask(r, c.text, id, id)
				if got.status != want.status || got.at("message") != want.slug {
					t.Errorf("%s of the %s account with token %s: got %d %v, want %v: %s", name, which, who, got.status, got.at("message"), want, got.text)
				}
				if want.status == http.StatusNotFound {
					text, err := json.Marshal(got.at("data"))
					ok(t, err)
					unseen[string(text)] = true
				}
			}
			if len(unseen) > 1 {
				t.Errorf("%s with token %s: what exists can be told from what does not: %v", name, who, unseen)
			}
		}
	}
	if refused < 15*len(samples) {
		t.Errorf("only %d requests were made", refused)
	}
	if after := w.state(); after != before {
		t.Errorf("a refused request changed something:\n%s\n%s", before, after)
	}
	if w.backend.requests() != sent {
		t.Error("a refused request reached a backend")
	}
}

// A tenant's token does everything to the tenant's account and to a child, and
// nothing of another account's can be named through a URL of its own.
func TestTenancyGrants(t *testing.T) {
	t.Parallel()
	w := newTenancy(t)
	var own, child aaa.AccountID
	var text string
	spent := true
	for i := range routes {
		r := &routes[i]
		if r.reach != onAccount {
			continue
		}
		name := r.method + " " + r.pattern
		s := samples[name]
		if spent {
			own = w.account("own", w.root)
			child = w.account("child", own)
			text = w.token(own, token.Scopes()...)
			w.fill(own)
			w.fill(child)
		}
		spent = s.spends
		if r.method == http.MethodDelete && r.pattern == atAccount { // an account with records stays
			for _, id := range []aaa.AccountID{own, child} {
				w.call(w.rootToken, "DELETE", at(id, "/aaa/spool?all=true"), "").want(200)
			}
		}
		named := r.method != http.MethodPut && strings.ContainsAny(strings.TrimPrefix(r.pattern, atAccount)+s.query, "{")
		if named && !strings.Contains(r.pattern, "{n}") {
			if above := w.ask(r, text, child, own); s.inherited {
				above.want(s.status)
			} else {
				above.refused(404, web.SlugIdentifier)
			}
			w.ask(r, text, own, child).refused(404, web.SlugIdentifier)
			w.ask(r, text, own, w.sibling).refused(404, web.SlugIdentifier)
		}
		for _, id := range []aaa.AccountID{own, child} {
			want := s.status
			if s.selfRefused && id == own {
				want = http.StatusForbidden
			}
			body := s.body
			if body == "move" {
				body = data(`{"to":"` + string(own) + `"}`)
			}
			if body == "client" {
				body = aClientOf(id)
			}
			if got := w.do(ask{method: r.method, path: w.url(r, id, id), token: text, body: body, header: s.header}); got.status != want {
				t.Errorf("%s: got %d, want %d: %s", name, got.status, want, got.text)
			}
		}
	}
}

// The system configuration is there for tokens of the root account alone.
func TestSystemConfigurationIsTheRoots(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range routes {
		r := &routes[i]
		if r.reach != onSystem {
			continue
		}
		path := strings.NewReplacer("{n}", "1", "{dict}", "dictionary").Replace(r.pattern)
		w.call(w.tenantToken, r.method, path, data(aDocument)).refused(404, web.SlugIdentifier)
	}
	for _, base := range []string{atSystemV1, atSystem} {
		w.call(w.rootToken, "PUT", base, data(aDocument)).want(201)
		w.call(w.rootToken, "PATCH", base, data(`{"workers":7}`)).want(200)
		w.call(w.rootToken, "GET", base, "").want(200)
		w.call(w.rootToken, "DELETE", base, "").want(200)
	}
	w.call(w.rootToken, "GET", atSystem+"/revisions", "").want(200)
	w.call(w.rootToken, "POST", atSystem+"/revisions/1", "").want(201)
	w.call(w.rootToken, "POST", atSystem+"/revisions/1", "").want(200)
	w.call(w.rootToken, "GET", atSystem+"/revisions/1", "").want(200)
	if w.call(w.rootToken, "GET", atSystem+"/dictionary?page_size=3", "").want(200).at("data", "2", "name") == nil {
		t.Error("no system dictionaries are listed")
	}
}
