package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"aaa-api/internal/aaa"
	"aaa-api/internal/gateway"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
	"aaa-api/internal/web"
)

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/v2", "/v2/accounts/", "/v3/whoami", at(w.tenant, "/aaa/nothing"), at(w.tenant, "/aaa/")} {
		w.call(w.tenantToken, "GET", path, "").refused(404, "not_found")
	}
	for _, c := range []struct{ method, path, allow string }{
		{"GET", "/v2/accounts", "PUT"},
		{"DELETE", "/v2/whoami", "HEAD, GET"},
		{"PUT", at(w.tenant, "/aaa/authn"), "POST"},
		{"PUT", at(w.tenant, "/aaa/dictionary/x"), "HEAD, GET, POST, DELETE"},
		{"OPTIONS", at(w.tenant, "/aaa"), "HEAD, GET, PUT, POST, PATCH, DELETE"},
		{"BREW", "/healthz", "HEAD, GET"},
		{"POST", atSystem + "/dictionary", "HEAD, GET"},
	} {
		r := w.call(w.tenantToken, c.method, c.path, "").refused(405, "invalid_method")
		if got := r.header.Get("Allow"); got != c.allow {
			t.Errorf("%s %s: Allow is %q, want %q", c.method, c.path, got, c.allow)
		}
	}
	w.call(w.tenantToken, "BREW", "/nowhere", "").refused(404, "not_found")
	if r := w.call(w.tenantToken, "HEAD", at(w.tenant, ""), "").want(200); r.text != "" || r.header.Get("Etag") != `"1"` {
		t.Errorf("HEAD: %q %v", r.text, r.header)
	}
}

// The token is taken from each of its places, and never gets into the log.
func TestTokenPlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := at(w.tenant, "")
	for name, a := range map[string]ask{
		"header": {method: "GET", path: path, header: map[string]string{"X-Auth-Token": w.tenantToken}},
		"bearer": {method: "GET", path: path, header: map[string]string{"Authorization": "bearer " + w.tenantToken}},
		"query":  {method: "GET", path: path + "?auth_token=" + w.tenantToken},
		"body":   {method: "PATCH", path: path, body: `{"data":{"name":"x"},"auth_token":"` + w.tenantToken + `"}`},
		"body of a DELETE": {
			method: "DELETE", path: at(w.account("doomed", w.tenant), ""),
			body: `{"auth_token":"` + w.tenantToken + `"}`,
		},
	} {
		if r := w.do(a); r.status != 200 || strings.Contains(r.text, w.tenantToken) {
			t.Errorf("%s: %d %s", name, r.status, r.text)
		}
	}
	for name, a := range map[string]ask{
		"none":           {method: "GET", path: path},
		"empty":          {method: "GET", path: path, header: map[string]string{"X-Auth-Token": ""}},
		"another scheme": {method: "GET", path: path, header: map[string]string{"Authorization": "Basic " + w.tenantToken}},
		"nonsense":       {method: "GET", path: path, token: "nonsense"},
		"no text":        {method: "PATCH", path: path, body: `{"data":{},"auth_token":["` + w.tenantToken + `"]}`},
		// The first place decides: a proxy that sets the header must not be overruled by a query.
		"bad header, good query": {method: "GET", path: path + "?auth_token=" + w.tenantToken, token: "nonsense"},
	} {
		if r := w.do(a); r.status != 401 || r.at("message") != web.SlugToken || r.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d %s", name, r.status, r.text)
		}
	}
	if strings.Contains(w.log.String(), w.tenantToken) {
		t.Error("the token is in the log")
	}
	if !strings.Contains(w.log.String(), `"account_id":"`+string(w.tenant)+`"`) {
		t.Error("the account is not in the log")
	}
}

func TestVerbTunnelling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	post := func(path, body string) reply {
		return w.do(ask{method: "POST", path: path, token: w.tenantToken, body: body})
	}
	post(at(w.tenant, "/aaa?verb=PUT"), data(aDocument)).want(201)
	post(at(w.tenant, "/aaa"), `{"verb":"patch","data":{"workers":9}}`).want(200)
	if got := post(at(w.tenant, "/aaa"), `{"verb":"GET"}`).want(200).at("data", "workers"); got != 9.0 {
		t.Errorf("workers is %v", got)
	}
	w.do(ask{
		method: "POST", path: at(w.tenant, "/aaa"), token: w.tenantToken, body: `{"verb":"GET"}`,
		header: map[string]string{"If-None-Match": "*"},
	}).want(304)
	// A path that has no POST at all, and one whose POST asks for another scope.
	post("/v2/accounts", `{"verb":"PUT","data":{"name":"made"}}`).want(201)
	post(at(w.tenant, "/aaa/authn"), `{"verb":"POST","data":{"User-Name":"bob"}}`).want(200)
	post(at(w.tenant, "/aaa?verb=delete"), "").want(200)

	post(at(w.tenant, "/aaa/authn"), `{"verb":"DELETE","data":{}}`).refused(405, "invalid_method")
	post(at(w.tenant, "/aaa?verb=BREW"), data(aDocument)).refused(400, "invalid_method")
	post(at(w.tenant, "/aaa"), `{"verb":7,"data":{}}`).refused(400, "invalid_method")
	post(at(w.tenant, "/aaa?verb=PUT"), `{"verb":"DELETE","data":{}}`).refused(400, "invalid_method")
	// Only a POST is anything else in disguise, and the real method's scope counts.
	w.do(ask{method: "PATCH", path: at(w.tenant, ""), token: w.tenantToken, body: `{"verb":"DELETE","data":{}}`}).refused(400, "invalid_method")
	w.do(ask{method: "GET", path: at(w.child, "?verb=DELETE"), token: w.tenantToken}).refused(400, web.SlugInvalid)
	reader := w.token(w.tenant, token.ScopeRead)
	w.do(ask{method: "POST", path: at(w.child, "?verb=DELETE"), token: reader}).refused(403, web.SlugForbidden)
	w.do(ask{method: "POST", path: at(w.child, ""), token: reader, body: `{"verb":"GET"}`}).want(200)
	w.do(ask{method: "POST", path: at(w.sibling, ""), token: w.tenantToken, body: `{"verb":"DELETE"}`}).refused(404, web.SlugIdentifier)
}

func TestBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.Limits.DictionaryBody = 300 << 10 })
	path := at(w.tenant, "")
	kinds := func(kind string) ask {
		return ask{method: "PATCH", path: path, token: w.tenantToken, body: data(`{"name":"x"}`), header: map[string]string{"Content-Type": kind}}
	}
	for _, kind := range []string{"", "application/json; charset=UTF-8", "application/x-www-form-urlencoded", "application/merge-patch+json"} {
		w.do(kinds(kind)).want(200)
	}
	for _, kind := range []string{"text/plain", "application/xml", "application/json; charset=latin1", ";;"} {
		w.do(kinds(kind)).refused(415, "unsupported_media_type")
	}
	packed := kinds("application/json")
	packed.header["Content-Encoding"] = "gzip"
	w.do(packed).refused(415, "unsupported_media_type")

	for name, c := range map[string]struct{ body, slug, path, rule string }{
		"none":             {"", web.SlugInvalid, "data", "required"},
		"malformed":        {`{"data":`, web.SlugParse, "json", "json"},
		"trailing":         {`{"data":{}} x`, web.SlugParse, "json", "json"},
		"an array":         {`[]`, web.SlugParse, "message", ""},
		"bad UTF-8":        {"{\"data\":{\"name\":\"\xff\"}}", web.SlugParse, "json", "utf8"},
		"duplicate":        {`{"data":{"name":"a","name":"b"}}`, web.SlugInvalid, "name", "duplicate"},
		"name of a member": {`{"data":{"x-a":{"\u0000":1}}}`, web.SlugInvalid, "x-a", "character"},
		"name in data":     {`{"data":{"x-\ud800":1}}`, web.SlugInvalid, "data", "utf8"},
		"deep":             {`{"data":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, web.SlugInvalid, "", ""},
		"no data":          {`{}`, web.SlugInvalid, "data", "required"},
		"data is an array": {`{"data":[]}`, web.SlugInvalid, "data", "type"},
		"envelope":         {`{"data":{},"extra":1}`, web.SlugInvalid, "extra", "unknown"},
		"unknown member":   {`{"data":{"colour":"red"}}`, web.SlugInvalid, "colour", "unknown"},
		"wrong type":       {`{"data":{"enabled":"yes"}}`, web.SlugInvalid, "enabled", "type"},
		"read only":        {`{"data":{"id":"other"}}`, web.SlugInvalid, "id", "readOnly"},
	} {
		r := w.call(w.tenantToken, "PATCH", path, c.body).refused(400, c.slug)
		if c.rule != "" && r.at("data", c.path, c.rule, "message") == nil {
			t.Errorf("%s: no %s of %s: %s", name, c.rule, c.path, r.text)
		}
	}
	if got := w.call(w.tenantToken, "GET", path, "").str("data", "name"); got != "x" {
		t.Errorf("a refused body changed the name to %q", got)
	}

	large := data(`{"name":"` + strings.Repeat("x", 256<<10) + `"}`)
	w.call(w.tenantToken, "PATCH", path, large).refused(413, "request_too_large")
	w.call(w.tenantToken, "PUT", path+"/aaa/dictionary", strings.Repeat(" ", 256<<10)+data(`{"name":"d","value":[{"vendor":{"A":1}}]}`)).want(201)
	w.call(w.tenantToken, "PUT", path+"/aaa/dictionary", strings.Repeat(" ", 301<<10)).refused(413, "request_too_large")
}

// A body without a token is a stranger's, whatever else is wrong with it.
func TestBodiesOfStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	large := strings.Repeat(" ", 256<<10) + `{"data":{},"auth_token":"` + w.tenantToken + `"}`
	for name, a := range map[string]ask{
		"garbage":        {body: "garbage"},
		"an array":       {body: "[]"},
		"deep":           {body: strings.Repeat("[", 40) + strings.Repeat("]", 40)},
		"another type":   {body: data(`{}`), header: map[string]string{"Content-Type": "application/xml"}},
		"packed":         {body: data(`{}`), header: map[string]string{"Content-Encoding": "gzip"}},
		"no type at all": {body: data(`{}`), header: map[string]string{"Content-Type": ";;"}},
		"large":          {body: large},
		"large text":     {body: large, header: asText},
	} {
		for method, path := range map[string]string{"POST": "/aaa/authn", "PUT": "/aaa/dictionary"} {
			a.method, a.path = method, at(w.tenant, path)
			r := w.do(a)
			if r.status != 401 || r.at("message") != web.SlugToken || r.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s for %s: %d %s", name, path, r.status, r.text)
			}
			if why := r.str("data", "message"); strings.Contains(why, "65536 octets") != (name == "large") {
				t.Errorf("%s: %s", name, why)
			}
		}
	}
	// Announced or not, the bound is the same, and the header is the way around it.
	req, err := http.NewRequestWithContext(t.Context(), "PUT", w.server.URL+at(w.tenant, "/aaa/dictionary"), io.MultiReader(strings.NewReader(large)))
	ok(t, err)
	resp, err := w.server.Client().Do(req)
	ok(t, err)
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 401 || !strings.Contains(string(text), "send X-Auth-Token") {
		t.Errorf("in chunks: %d %s", resp.StatusCode, text)
	}
	w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/dictionary"), large).refused(400, web.SlugInvalid)
}

func TestQueries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for query, field := range map[string]string{
		"?page_sise=3":             "page_sise",
		"?trace=true":              "trace",
		"?page_size=0":             "page_size",
		"?page_size=x":             "page_size",
		"?page_size=1001":          "page_size",
		"?page_size=1&page_size=2": "page_size",
		"?paginate=no":             "paginate",
		"?filter_=x":               "filter_",
		"?a=%zz":                   "query",
	} {
		r := w.call(w.tenantToken, "GET", at(w.tenant, "/children"+query), "").refused(400, web.SlugInvalid)
		if r.at("data", field) == nil {
			t.Errorf("%s: no fault of %s: %s", query, field, r.text)
		}
	}
	w.call(w.tenantToken, "GET", at(w.tenant, "?filter_name=x"), "").refused(400, web.SlugInvalid) // no list
	w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn?op=authn"), data(`{}`)).refused(400, web.SlugInvalid)
	w.call(w.tenantToken, "GET", at(w.tenant, "/aaa/effective"), "").refused(400, web.SlugInvalid)
	w.call(w.tenantToken, "GET", at(w.tenant, "/aaa/effective?op=eat"), "").refused(400, web.SlugInvalid)
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for id, taken := range map[string]bool{
		"abc-1.2:3/4+5=6@7_8": true, strings.Repeat("x", 128): true,
		strings.Repeat("x", 129): false, "with space": false, `"quoted"`: false, "é": false,
	} {
		r := w.do(ask{method: "GET", path: "/v2/whoami", token: w.tenantToken, header: map[string]string{"X-Request-ID": id}}).want(200)
		got := r.header.Get("X-Request-Id")
		if got != r.str("request_id") || got == "" || (got == id) != taken {
			t.Errorf("%q became %q", id, got)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.do(ask{
		method: "PATCH", path: at(w.tenant, ""), token: w.tenantToken, body: data(`{"enabled":1,"colour":2}`),
		header: map[string]string{"Accept": "application/json, application/problem+json"},
	}).want(400)
	if r.header.Get("Content-Type") != "application/problem+json" || r.at("status") != 400.0 || r.at("code") != web.SlugInvalid ||
		r.at("errors", "0", "path") != "colour" || r.at("errors", "1", "path") != "enabled" {
		t.Errorf("%v %s", r.header, r.text)
	}
}

// faulty is a service whose every answer is the error it is given.
type faulty struct {
	gateway.Service
	err error
}

func (f *faulty) Handle(context.Context, *aaa.Request) (*aaa.Result, error) {
	if f.err == nil {
		panic("sesame")
	}
	return nil, f.err
}

func TestErrorsHaveTheirStatus(t *testing.T) {
	t.Parallel()
	f := &faulty{}
	w := newWorld(t, func(o *worldOptions) { o.Service = f })
	for _, c := range []struct {
		err    error
		status int
		slug   string
	}{
		{aaa.Invalid(aaa.Field{Path: "User-Name", Rule: "maxLength", Message: "too long", Target: 253}), 400, web.SlugInvalid},
		{aaa.Errorf(aaa.KindForbidden, "disabled"), 403, web.SlugForbidden},
		{aaa.Errorf(aaa.KindNotFound, "gone"), 404, web.SlugIdentifier},
		{aaa.Errorf(aaa.KindConflict, "no"), 409, web.SlugConflict},
		{aaa.Errorf(aaa.KindBusy, "full"), 503, "overloaded"},
		{aaa.Errorf(aaa.KindBadReply, "nonsense"), 502, "bad_gateway"},
		{aaa.Errorf(aaa.KindNoAnswer, "silence"), 504, "gateway_timeout"},
		{aaa.Errorf(aaa.KindUnavailable, "away"), 503, web.SlugStore},
		{store.ErrUnavailable, 503, web.SlugStore},
		{context.DeadlineExceeded, 504, "gateway_timeout"},
		{errors.New("sesame"), 500, web.SlugInternal},
		{&aaa.Error{Kind: aaa.KindInternal, Message: "sesame"}, 500, web.SlugInternal},
		{nil, 500, web.SlugInternal}, // a panic
	} {
		f.err = c.err
		r := w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"open"}`)).refused(c.status, c.slug)
		if strings.Contains(r.text, "sesame") {
			t.Errorf("%v: what is inside shows: %s", c.err, r.text)
		}
		if (c.status == 503) != (r.header.Get("Retry-After") != "") {
			t.Errorf("%v: Retry-After is %q", c.err, r.header.Get("Retry-After"))
		}
	}
	if log := w.log.String(); !strings.Contains(log, `"panic":"sesame"`) || strings.Contains(log, "open") {
		t.Errorf("the log is not as it should be: %s", log)
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.Limits.Rate, o.Limits.Burst = 0.001, 3 })
	for range 3 {
		w.call(w.tenantToken, "GET", "/v2/whoami", "").want(200)
	}
	r := w.call(w.tenantToken, "GET", "/v2/whoami", "").refused(429, "too_many_requests")
	if r.header.Get("Retry-After") != "1000" || r.header.Get("RateLimit") == "" || r.header.Get("RateLimit-Policy") == "" {
		t.Errorf("%v", r.header)
	}
	w.call(w.rootToken, "GET", "/v2/whoami", "").want(200) // another token has a bucket of its own
}

func TestDisabledAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	childToken := w.token(w.child, token.Scopes()...)
	key := w.call(w.tenantToken, "PUT", at(w.tenant, "/api_key"), "").want(201).str("data", "api_key")
	w.call(w.tenantToken, "PATCH", at(w.tenant, ""), data(`{"enabled":false}`)).refused(403, web.SlugForbidden) // not one's own
	w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"enabled":false}`)).want(200)

	w.call(w.tenantToken, "GET", at(w.tenant, ""), "").refused(403, web.SlugForbidden)
	w.call(childToken, "GET", at(w.child, ""), "").refused(403, web.SlugForbidden)
	w.call("", "PUT", "/v2/api_auth", data(`{"api_key":"`+key+`"}`)).refused(403, web.SlugForbidden)
	w.call(w.rootToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`)).refused(403, web.SlugForbidden)
	w.call(w.rootToken, "POST", at(w.child, "/aaa/authn"), data(`{"User-Name":"bob"}`)).refused(403, web.SlugForbidden)
	w.call(w.rootToken, "PATCH", at(w.tenant, "/aaa"), data(`{"workers":7}`)).want(200) // those above go on managing
	w.call(w.rootToken, "PATCH", at(w.tenant, ""), data(`{"enabled":true}`)).want(200)
	w.call(childToken, "GET", at(w.child, ""), "").want(200)
}

func TestService(t *testing.T) {
	t.Parallel()
	down := errors.New("secret place")
	w := newWorld(t, func(o *worldOptions) {
		o.Ready = []Check{{Name: "other", Ask: func(context.Context) error { return down }}}
	})
	w.do(ask{method: "GET", path: "/healthz"}).want(200)
	for range 2 {
		w.do(ask{method: "GET", path: "/readyz"}).want(503)
	}
	if r := w.do(ask{method: "GET", path: "/metrics?x=y"}).want(200); !strings.Contains(r.text, `aaa_api_http_requests_total{method="GET",route="/readyz",status="503"} 2`) {
		t.Errorf("no count of requests: %s", r.text)
	}
	r := w.do(ask{method: "GET", path: "/openapi.yaml"}).want(200)
	if !strings.HasPrefix(r.text, "#") {
		t.Errorf("%.80s", r.text)
	}
	w.do(ask{method: "GET", path: "/openapi.yaml", header: map[string]string{"If-None-Match": r.header.Get("Etag")}}).want(http.StatusNotModified)
	same := w.do(ask{method: "GET", path: "/openapi.json"}).want(200)
	if same.header.Get("Etag") == r.header.Get("Etag") {
		t.Error("both forms of the contract have one entity tag")
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(same.text))
	ok(t, err)
	if a, b := doc.Paths.Len(), w.contract.doc.Paths.Len(); a != b {
		t.Errorf("as JSON the contract has %d paths, as YAML %d", a, b)
	}
}

func TestDocsPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	front := w.call("", "GET", "/", "").want(200)
	if front.header.Get("Content-Type") != textType {
		t.Errorf("the front page: %v", front.header)
	}
	for _, path := range []string{"/docs", "/openapi.yaml", "/openapi.json"} {
		if !slices.Contains(strings.FieldsFunc(front.text, func(c rune) bool { return c == ' ' || c == ',' || c == '\n' }), path) {
			t.Errorf("the front page does not name %s: %s", path, front.text)
		}
		w.do(ask{method: "GET", path: path}).want(200)
	}
	for _, path := range []string{"/docs", "/docs/"} {
		r := w.do(ask{method: "GET", path: path, unchecked: path == "/docs/"}).want(200) // an asset has a name
		policy := r.header.Get("Content-Security-Policy")
		scripts := strings.Count(r.text, "<script>")
		if scripts == 0 || strings.Count(policy, "'sha256-") != scripts || strings.Contains(policy, "script-src 'self' 'unsafe-inline'") {
			t.Errorf("%d inline scripts and the policy %s", scripts, policy)
		}
		if strings.Contains(r.text, `src="http`) || strings.Contains(r.text, `href="http`) {
			t.Error("the page loads from elsewhere")
		}
	}
	for _, asset := range []string{"swagger-ui-bundle.js", "swagger-ui.css", "swagger-ui-standalone-preset.js"} {
		if r := w.do(ask{method: "GET", path: "/docs/" + asset}).want(200); len(r.text) < 10_000 {
			t.Errorf("%s has %d octets", asset, len(r.text))
		}
	}
	w.do(ask{method: "GET", path: "/docs/nothing"}).refused(404, "not_found")
}
