package httpapi

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/web"
)

// Short names for the columns of the table.
const (
	onToken, onAccount, onSystem                    = web.OnToken, web.OnAccount, web.OnSystem
	public, anyToken, mayRead, mayWrite, mayRequest = web.Public, web.AnyToken, web.MayRead, web.MayWrite, web.MayRequest
)

// bodyKind is what a route takes as its body.
type bodyKind uint8

const (
	noBody     bodyKind = iota // nothing is expected; an envelope may bring auth_token
	jsonBody                   // the envelope {"data": …}
	maybeJSON                  // the same, and may be left out
	upload                     // the same, or the text of a dictionary; up to Limits.DictionaryBody
	textUpload                 // the same, or the text of a table or a users file; up to Limits.TextBody
	stream                     // NDJSON, read while the answer is written
)

// route is one operation of the API: a line of the table.
type route struct {
	method, pattern string
	scope           web.Scope
	reach           web.Reach
	body            bodyKind
	query           string // the query parameters taken, separated by spaces
	ifMatch         bool   // If-Match is honoured; elsewhere it is refused rather than ignored
	handle          func(*API, *web.Call) error
}

// jsonOfText is how many times as long as a text its JSON form may be.
const jsonOfText = 8

// on is the route as it is served by a.
func (r *route) on(a *API) web.Route {
	w := web.Route{
		Method: r.method, Pattern: r.pattern, Scope: r.scope, Reach: r.reach, Query: r.query, IfMatch: r.ifMatch,
		DryRun: r.pattern == atTranslate,
		Handle: func(c *web.Call) error { return r.handle(a, c) },
	}
	switch r.body {
	case jsonBody:
		w.Body = web.JSONBody
	case maybeJSON:
		w.Body = web.MaybeJSON
	case stream:
		w.Body = web.Stream
	case upload:
		w.Body, w.MaxBody, w.MaxText = web.Upload, a.Limits.DictionaryBody, a.Limits.DictionaryBody
	case textUpload:
		w.Body, w.MaxBody, w.MaxText = web.Upload, jsonOfText*a.Limits.TextBody, a.Limits.TextBody
	}
	if r.pattern == atSession {
		w.ScopeOf = sessionScope
	}
	return w
}

// paged are the query parameters of a list; filter_KEY goes with them.
const paged = "page_size start_key paginate filter_"

const (
	atAccount        = "/v2/accounts/{id}"
	atDocument       = atAccount + "/aaa"
	atTranslate      = atDocument + "/translate"
	atBatch          = atDocument + "/batch"
	atToken          = atAccount + "/tokens/{token}"
	atKey            = atAccount + "/api_key"
	atRevision       = atDocument + "/revisions/{n}"
	atDictionaries   = atDocument + "/dictionary"
	atTables         = atDocument + "/fsm"
	atTable          = atTables + "/{name}"
	atUsers          = atDocument + "/users"
	atUsersFile      = atUsers + "/{name}"
	atClients        = atDocument + "/clients"
	atClient         = atClients + "/{name}"
	atSessions       = atDocument + "/sessions"
	atSession        = atSessions + "/{sid}" // by the derived id it takes mayWrite
	atSpool          = atDocument + "/spool"
	atRecord         = atSpool + "/{record}"
	atBans           = atDocument + "/bans"
	atBan            = atBans + "/{ban}"
	atSystemV1       = "/v1/system_configs/circlemaker"
	atSystem         = "/v2/system_configs/circlemaker"
	atSystemRevision = atSystem + "/revisions/{n}"
)

// The paths of the service itself.
const (
	atHealth  = "/healthz"
	atReady   = "/readyz"
	atMetrics = "/metrics"
)

// routes is the whole API. A request to a handler in once runs once under its Idempotency-Key; elsewhere the header means nothing. The contract (openapi.yaml) and the tenancy test are held against it.
var routes = []route{
	{"GET", "/v2/whoami", anyToken, onToken, noBody, "", false, (*API).whoami},
	{"PUT", "/v2/api_auth", public, onToken, jsonBody, "", false, (*API).apiAuth},

	{"PUT", "/v2/accounts", mayWrite, onToken, jsonBody, "", false, once((*API).createAccount)},
	{"GET", atAccount, mayRead, onAccount, noBody, "", false, (*API).getAccount},
	{"PUT", atAccount, mayWrite, onAccount, jsonBody, "", false, once((*API).createAccount)},
	{"POST", atAccount, mayWrite, onAccount, jsonBody, "", true, (*API).replaceAccount},
	{"PATCH", atAccount, mayWrite, onAccount, jsonBody, "", true, (*API).patchAccount},
	{"DELETE", atAccount, mayWrite, onAccount, noBody, "", true, (*API).deleteAccount},
	{"GET", atAccount + "/children", mayRead, onAccount, noBody, paged, false, (*API).children},
	{"GET", atAccount + "/descendants", mayRead, onAccount, noBody, paged, false, (*API).descendants},
	{"GET", atAccount + "/ancestors", mayRead, onAccount, noBody, paged, false, (*API).ancestors},
	{"GET", atAccount + "/tree", mayRead, onAccount, noBody, "", false, (*API).subtree},
	{"GET", atAccount + "/limits", mayRead, onAccount, noBody, "", false, (*API).getLimits},
	{"POST", atAccount + "/move", mayWrite, onAccount, jsonBody, "confirm", false, (*API).moveAccount},

	{"GET", atAccount + "/tokens", mayRead, onAccount, noBody, paged, false, (*API).listTokens},
	{"PUT", atAccount + "/tokens", mayWrite, onAccount, maybeJSON, "", false, once((*API).createToken)},
	{"DELETE", atToken, mayWrite, onAccount, noBody, "orphan", false, (*API).revokeToken},
	{"PUT", atKey, mayWrite, onAccount, maybeJSON, "", false, (*API).rotateKey},
	{"DELETE", atKey, mayWrite, onAccount, noBody, "", false, (*API).deleteKey},

	{"GET", atDocument, mayRead, onAccount, noBody, "", false, (*API).getDocument},
	{"PUT", atDocument, mayWrite, onAccount, jsonBody, "", false, once((*API).createDocument)},
	{"POST", atDocument, mayWrite, onAccount, jsonBody, "", true, (*API).replaceDocument},
	{"PATCH", atDocument, mayWrite, onAccount, jsonBody, "", true, (*API).patchDocument},
	{"DELETE", atDocument, mayWrite, onAccount, noBody, "", true, (*API).deleteDocument},
	{"GET", atDocument + "/revisions", mayRead, onAccount, noBody, paged, false, (*API).listRevisions},
	{"GET", atRevision, mayRead, onAccount, noBody, "", false, (*API).getRevision},
	{"POST", atRevision, mayWrite, onAccount, noBody, "", true, (*API).rollBack},
	{"GET", atDocument + "/effective", mayRead, onAccount, noBody, "op", false, (*API).effective},
	{"POST", atTranslate, mayRequest, onAccount, jsonBody, "op", false, (*API).dryRun},

	{"POST", atDocument + "/authn", mayRequest, onAccount, jsonBody, "trace", false, aaaRequest(aaa.Authn)},
	{"POST", atDocument + "/authz", mayRequest, onAccount, jsonBody, "trace", false, aaaRequest(aaa.Authz)},
	{"POST", atDocument + "/accounting", mayRequest, onAccount, jsonBody, "trace accept", false, once(aaaRequest(aaa.Accounting))},
	{"POST", atDocument + "/custom", mayRequest, onAccount, jsonBody, "trace", false, aaaRequest(aaa.Custom)},
	{"POST", atBatch, mayRequest, onAccount, stream, "accept", false, (*API).batch},

	{"GET", atSessions, mayRead, onAccount, noBody, paged + " descendants", false, (*API).listSessions},
	{"POST", atSessions, mayRequest, onAccount, jsonBody, "", false, (*API).startSession},
	{"GET", atSession, mayRead, onAccount, noBody, "", false, (*API).getSession},
	{"POST", atSession + "/continue", mayRequest, onAccount, jsonBody, "", false, (*API).continueSession},
	{"POST", atSession + "/open", mayRequest, onAccount, maybeJSON, "", false, (*API).openSession},
	{"POST", atSession + "/interim", mayRequest, onAccount, maybeJSON, "", false, (*API).reportSession},
	{"POST", atSession + "/suspend", mayRequest, onAccount, maybeJSON, "", false, (*API).suspendSession},
	{"DELETE", atSession, mayRequest, onAccount, maybeJSON, "cause", false, (*API).closeSession},

	{"GET", atSpool, mayRead, onAccount, noBody, paged, false, (*API).listRecords},
	{"DELETE", atSpool, mayWrite, onAccount, noBody, "all filter_", false, (*API).dropRecords},
	{"POST", atSpool + "/resend", mayWrite, onAccount, noBody, "all filter_", false, (*API).resendRecords},
	{"GET", atRecord, mayRead, onAccount, noBody, "", false, (*API).getRecord},
	{"DELETE", atRecord, mayWrite, onAccount, noBody, "", false, (*API).dropRecord},
	{"POST", atRecord + "/resend", mayWrite, onAccount, noBody, "", false, (*API).resendRecord},

	{"GET", atBans, mayRead, onAccount, noBody, paged + " descendants", false, (*API).listBans},
	{"POST", atBans, mayWrite, onAccount, jsonBody, "", false, (*API).addBan},
	{"DELETE", atBans, mayWrite, onAccount, noBody, "key value", false, (*API).liftValue},
	{"DELETE", atBan, mayWrite, onAccount, noBody, "", false, (*API).liftBan},

	{"GET", atDictionaries, mayRead, onAccount, noBody, paged + " system", false, (*API).listDictionaries},
	{"PUT", atDictionaries, mayWrite, onAccount, upload, "name", false, once((*API).createDictionary)},
	{"POST", atDictionaries, mayWrite, onAccount, upload, "name", true, (*API).replaceDictionary},
	{"GET", atDictionaries + "/{dict}", mayRead, onAccount, noBody, "", false, (*API).getDictionary},
	{"POST", atDictionaries + "/{dict}", mayWrite, onAccount, upload, "name", true, (*API).replaceDictionary},
	{"DELETE", atDictionaries + "/{dict}", mayWrite, onAccount, noBody, "", true, (*API).deleteDictionary},

	{"GET", atTables, mayRead, onAccount, noBody, paged + " system", false, (*API).listTables},
	{"PUT", atTables, mayWrite, onAccount, textUpload, "name", false, once((*API).createTable)},
	{"POST", atTables, mayWrite, onAccount, textUpload, "name", true, (*API).replaceTable},
	{"POST", atTables + "/check", mayRead, onAccount, textUpload, "", false, (*API).checkTable},
	{"GET", atTable, mayRead, onAccount, noBody, "", false, (*API).getTable},
	{"PUT", atTable, mayWrite, onAccount, textUpload, "", false, once((*API).createTable)},
	{"POST", atTable, mayWrite, onAccount, textUpload, "", true, (*API).replaceTable},
	{"DELETE", atTable, mayWrite, onAccount, noBody, "", true, (*API).deleteTable},
	{"POST", atTable + "/simulate", mayRead, onAccount, jsonBody, "", false, (*API).simulateTable},

	{"GET", atUsers, mayRead, onAccount, noBody, paged, false, (*API).listUsers},
	{"GET", atUsersFile, mayRead, onAccount, noBody, "", false, (*API).getUsers},
	{"PUT", atUsersFile, mayWrite, onAccount, textUpload, "share", false, once((*API).createUsers)},
	{"POST", atUsersFile, mayWrite, onAccount, textUpload, "share", true, (*API).replaceUsers},
	{"DELETE", atUsersFile, mayWrite, onAccount, noBody, "", true, (*API).deleteUsers},

	{"GET", atClients, mayRead, onAccount, noBody, paged, false, (*API).listClients},
	{"GET", atClient, mayRead, onAccount, noBody, "", false, (*API).getClient},
	{"PUT", atClient, mayWrite, onAccount, jsonBody, "", false, once((*API).createClient)},
	{"POST", atClient, mayWrite, onAccount, jsonBody, "", true, (*API).replaceClient},
	{"PATCH", atClient, mayWrite, onAccount, jsonBody, "", true, (*API).patchClient},
	{"DELETE", atClient, mayWrite, onAccount, noBody, "", true, (*API).deleteClient},

	{"GET", atSystemV1, mayRead, onSystem, noBody, "", false, (*API).getDocument},
	{"PUT", atSystemV1, mayWrite, onSystem, jsonBody, "", false, once((*API).createDocument)},
	{"POST", atSystemV1, mayWrite, onSystem, jsonBody, "", true, (*API).replaceDocument},
	{"PATCH", atSystemV1, mayWrite, onSystem, jsonBody, "", true, (*API).patchDocument},
	{"DELETE", atSystemV1, mayWrite, onSystem, noBody, "", true, (*API).deleteDocument},
	{"GET", atSystem, mayRead, onSystem, noBody, "", false, (*API).getDocument},
	{"PUT", atSystem, mayWrite, onSystem, jsonBody, "", false, once((*API).createDocument)},
	{"POST", atSystem, mayWrite, onSystem, jsonBody, "", true, (*API).replaceDocument},
	{"PATCH", atSystem, mayWrite, onSystem, jsonBody, "", true, (*API).patchDocument},
	{"DELETE", atSystem, mayWrite, onSystem, noBody, "", true, (*API).deleteDocument},
	{"GET", atSystem + "/revisions", mayRead, onSystem, noBody, paged, false, (*API).listRevisions},
	{"GET", atSystemRevision, mayRead, onSystem, noBody, "", false, (*API).getRevision},
	{"POST", atSystemRevision, mayWrite, onSystem, noBody, "", true, (*API).rollBack},
	{"GET", atSystem + "/dictionary", mayRead, onSystem, noBody, paged, false, (*API).listSystemDictionaries},
	{"GET", atSystem + "/dictionary/{dict}", mayRead, onSystem, noBody, "", false, (*API).getSystemDictionary},

	{"GET", "/", public, onToken, noBody, "", false, (*API).frontPage},
	{"GET", atHealth, public, onToken, noBody, "", false, (*API).healthz},
	{"GET", atReady, public, onToken, noBody, "verbose", false, (*API).readyz},
	{"GET", atMetrics, public, onToken, noBody, "*", false, (*API).metrics},
	{"GET", "/openapi.yaml", public, onToken, noBody, "", false, (*API).contract},
	{"GET", "/openapi.json", public, onToken, noBody, "", false, (*API).contractJSON},
	{"GET", "/docs", public, onToken, noBody, "", false, (*API).docsPage},
	{"GET", "/docs/*", public, onToken, noBody, "*", false, (*API).docsPage},
}
