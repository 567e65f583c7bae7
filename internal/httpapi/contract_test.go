package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	contract "aaa-api"
	"aaa-api/schemas"
)

// checker holds exchanges against openapi.yaml.
type checker struct {
	doc    *openapi3.T
	router routers.Router
}

var loadContract = sync.OnceValues(func() (*checker, error) {
	for _, kind := range []string{"text/html", "text/css", "text/javascript", "application/javascript", "image/png", "text/vnd.graphviz", "text/vnd.mermaid", "application/x-ndjson"} {
		openapi3filter.RegisterBodyDecoder(kind, openapi3filter.FileBodyDecoder) // text that nothing looks into
	}
	doc, err := openapi3.NewLoader().LoadFromData(contract.OpenAPI)
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(openapi3.NewLoader().Context); err != nil {
		return nil, err
	}
	router, err := gorillamux.NewRouter(doc)
	return &checker{doc, router}, err
})

func contractChecker(t testing.TB) *checker {
	t.Helper()
	c, err := loadContract()
	ok(t, err)
	return c
}

// check validates an answer, and the request too where it was accepted. A status
// that the contract does not list for the operation fails the test.
func (k *checker) check(t testing.TB, a ask, sent *http.Request, resp *http.Response, body []byte) {
	t.Helper()
	if a.unchecked {
		return
	}
	req := sent.Clone(t.Context())
	req.URL.Host, req.URL.Scheme, req.Host = "", "", ""
	req.Body, req.GetBody = io.NopCloser(strings.NewReader(withoutSubstitutes(a.body))), nil
	if req.Method == http.MethodHead {
		req.Method = http.MethodGet
	}
	route, params, err := k.find(req, a.body)
	if err != nil {
		k.checkError(t, resp.StatusCode, body)
		return
	}
	options := &openapi3filter.Options{
		IncludeResponseStatus: true, MultiError: true, SkipSettingDefaults: true,
		ExcludeReadOnlyValidations: true, // what was read is taken back as it is
		AuthenticationFunc:         openapi3filter.NoopAuthenticationFunc,
	}
	if kind := req.Header.Get("Content-Type"); strings.HasPrefix(kind, "application/x-www-form-urlencoded") || (kind == "" && a.body != "") {
		req.Header.Set("Content-Type", "application/json") // what it is read as
	}
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: options}
	if resp.StatusCode < 300 {
		if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
			t.Errorf("%s %s was accepted and the contract does not allow it: %v", sent.Method, sent.URL.Path, err)
		}
	}
	if sent.Method == http.MethodHead {
		return
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header, Options: options,
		Body: io.NopCloser(bytes.NewReader(body)),
	})
	if err != nil {
		t.Errorf("%s %s: the answer %d is not as the contract says: %.2000v\n%.2000s", sent.Method, sent.URL.Path, resp.StatusCode, err, body)
	}
}

// withoutSubstitutes leaves auth_token and verb out of an envelope: every body may have them, and the contract says so in
// words alone, so that generated clients and prefilled bodies do without.
func withoutSubstitutes(body string) string {
	var envelope map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &envelope) != nil || (envelope["auth_token"] == nil && envelope["verb"] == nil) {
		return body
	}
	delete(envelope, "auth_token")
	delete(envelope, "verb")
	rest, err := json.Marshal(envelope)
	if err != nil {
		return body
	}
	return string(rest)
}

// find looks up the operation of a request. A POST that stands for another method is that one's, where there is such an operation.
func (k *checker) find(req *http.Request, body string) (*routers.Route, map[string]string, error) {
	if verb := tunnelled(req, body); verb != "" {
		as := req.Clone(req.Context())
		as.Method = verb
		if route, params, err := k.router.FindRoute(as); err == nil {
			return route, params, nil
		}
	}
	return k.router.FindRoute(req)
}

// tunnelled is the method that a POST asks for by verb, empty without one.
func tunnelled(req *http.Request, body string) string {
	if req.Method != http.MethodPost {
		return ""
	}
	verb := req.URL.Query().Get("verb")
	if verb == "" {
		var envelope struct{ Verb string }
		if json.Unmarshal([]byte(body), &envelope) != nil {
			return ""
		}
		verb = envelope.Verb
	}
	return strings.ToUpper(verb)
}

// checkError validates an answer to what is no operation of the contract.
func (k *checker) checkError(t testing.TB, status int, body []byte) {
	t.Helper()
	if status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
		t.Errorf("what is no operation of the contract is answered with %d: %.2000s", status, body)
	}
	var v any
	ok(t, json.Unmarshal(body, &v))
	if err := k.doc.Components.Schemas["Error"].Value.VisitJSON(v); err != nil {
		t.Errorf("no error as the contract says: %v\n%s", err, body)
	}
}

// Every route that chi serves is in the contract, and the other way round.
func TestRoutesAreTheContract(t *testing.T) {
	t.Parallel()
	k := contractChecker(t)
	want := make(map[string]bool)
	for path, item := range k.doc.Paths.Map() {
		for method := range item.Operations() {
			want[method+" "+path] = true
		}
	}
	have := make(map[string]bool)
	w := newWorld(t)
	for _, r := range w.api.door.Routes() {
		have[r.Method+" "+strings.ReplaceAll(r.Pattern, "/*", "/{asset}")] = true
	}
	for r := range have {
		if !want[r] {
			t.Errorf("%s is served and not in the contract", r)
		}
	}
	for r := range want {
		if !have[r] {
			t.Errorf("%s is in the contract and not served", r)
		}
	}
	if len(have) != len(routes) {
		t.Errorf("%d routes are served, the table has %d", len(have), len(routes))
	}
}

// A POST that asks for a method which its path lacks is answered with 405: the contract lists that for each such
// operation and for no other, and it is what they answer.
func TestMethodsNotAllowedAreTheContract(t *testing.T) {
	t.Parallel()
	k := contractChecker(t)
	w := newWorld(t)
	for path, item := range k.doc.Paths.Map() {
		url := strings.NewReplacer("{id}", string(w.root), "{n}", "1", "{", "", "}", "").Replace(path)
		lacks := ""
		for _, method := range []string{"GET", "PUT", "POST", "PATCH", "DELETE"} {
			if !slices.Contains(w.api.door.Methods(url), method) { // by the URL: …/fsm/check is a {name} too
				lacks = method
			}
		}
		for method, op := range item.Operations() {
			want := method == http.MethodPost && lacks != ""
			if listed := op.Responses.Value("405") != nil; listed != want {
				t.Errorf("%s %s lists 405: %v", method, path, listed)
			}
			if want {
				if !strings.HasSuffix(path, "/batch") { // whose body is not looked into
					w.call(w.rootToken, "POST", url, `{"verb":"`+lacks+`"}`).refused(http.StatusMethodNotAllowed, "invalid_method")
				}
				w.call("", "POST", url+"?verb="+lacks, "").refused(http.StatusMethodNotAllowed, "invalid_method")
			}
		}
	}
}

// contractText is the contract as it is written, with its references.
func contractText(t *testing.T) map[string]any {
	t.Helper()
	text, err := contractChecker(t).doc.MarshalJSON()
	ok(t, err)
	var doc map[string]any
	ok(t, json.Unmarshal(text, &doc))
	return doc
}

// eachObject calls fn with every object within v, and where it stands.
func eachObject(at string, v any, fn func(at string, object map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		fn(at, v)
		for name, inner := range v {
			eachObject(at+"/"+name, inner, fn)
		}
	case []any:
		for i, inner := range v {
			eachObject(fmt.Sprintf("%s/%d", at, i), inner, fn)
		}
	}
}

// What the contract defines for several operations, some operation uses.
func TestContractUsesWhatItDefines(t *testing.T) {
	t.Parallel()
	doc := contractText(t)
	components, _ := doc["components"].(map[string]any)
	used := make(map[string]bool)
	var follow func(string, map[string]any)
	follow = func(_ string, object map[string]any) {
		ref, _ := object["$ref"].(string)
		if ref == "" || used[ref] {
			return
		}
		used[ref] = true
		kind, name, _ := strings.Cut(strings.TrimPrefix(ref, "#/components/"), "/")
		defined, _ := components[kind].(map[string]any)
		eachObject(ref, defined[name], follow)
	}
	eachObject("#/paths", doc["paths"], follow)
	for kind, defined := range components {
		if kind == "securitySchemes" {
			continue // named without a reference
		}
		for name := range defined.(map[string]any) {
			if ref := "#/components/" + kind + "/" + name; !used[ref] {
				t.Errorf("no operation uses %s", ref)
			}
		}
	}
}

// Generators of clients make one type of each component, whatever its kind: two of one name do not compile.
func TestContractNamesOneThingOnce(t *testing.T) {
	t.Parallel()
	components, _ := contractText(t)["components"].(map[string]any)
	kinds := make(map[string]string)
	for kind, defined := range components {
		for name := range defined.(map[string]any) {
			if other := kinds[name]; other != "" {
				t.Errorf("%s is the name of one of %s and of one of %s", name, other, kind)
			}
			kinds[name] = kind
		}
	}
}

// The token and the method have places of their own: in a body's schema they would be filled in by every form.
func TestContractHasNoTokenInBodies(t *testing.T) {
	t.Parallel()
	for path, item := range contractChecker(t).doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody == nil {
				continue
			}
			for kind, media := range op.RequestBody.Value.Content {
				for _, name := range []string{"auth_token", "verb"} {
					if media.Schema.Value.Properties[name] != nil {
						t.Errorf("%s %s: %s has %s", method, path, kind, name)
					}
				}
			}
		}
	}
}

// X-Request-ID is taken by every operation and given back by each of its answers.
func TestContractHasTheRequestID(t *testing.T) {
	t.Parallel()
	for path, item := range contractChecker(t).doc.Paths.Map() {
		if item.Parameters.GetByInAndName("header", "X-Request-ID") == nil {
			t.Errorf("%s takes none", path)
		}
		for method, op := range item.Operations() {
			for status, answer := range op.Responses.Map() {
				if answer.Value.Headers["X-Request-ID"] == nil {
					t.Errorf("%s %s: %s gives none back", method, path, status)
				}
			}
		}
	}
}

// In OpenAPI 3.0.3 nullable adds null to the type beside it: without one it says nothing, and what stands in allOf
// beside it still refuses null.
func TestContractMeansNullable(t *testing.T) {
	t.Parallel()
	eachObject("#", contractText(t), func(at string, object map[string]any) {
		if object["nullable"] == true && (object["type"] == nil || object["allOf"] != nil) {
			t.Errorf("%s does not take null", at)
		}
	})
}

// Each answer in JSON to a request that succeeded is shown by an example. Loading the contract holds it to the schema; what
// a node answers, to the same members.
func TestContractShowsItsAnswers(t *testing.T) {
	t.Parallel()
	for path, item := range contractChecker(t).doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status, answer := range op.Responses.Map() {
				media := answer.Value.Content["application/json"]
				if !strings.HasPrefix(status, "2") || media == nil || path == "/openapi.json" { // which shows itself
					continue
				}
				if len(media.Examples) != 1 {
					t.Errorf("%s %s: %s has %d examples, want one", method, path, status, len(media.Examples))
				}
			}
		}
	}
}

// The parameters of the contract are those of the route table, and what they lead to is listed where they are taken.
func TestParametersAreTheContract(t *testing.T) {
	t.Parallel()
	k := contractChecker(t)
	for _, r := range routes {
		if r.query == "*" {
			continue
		}
		op := k.doc.Paths.Find(r.pattern).GetOperation(r.method)
		var query, header []string
		for _, p := range op.Parameters {
			switch p.Value.In {
			case "query":
				query = append(query, p.Value.Name)
			case "header":
				header = append(header, p.Value.Name)
			}
		}
		want := strings.Fields(r.query)
		want = slices.DeleteFunc(want, func(s string) bool { return s == "filter_" })
		slices.Sort(want)
		slices.Sort(query)
		if !slices.Equal(query, want) {
			t.Errorf("%s %s: the contract has the query parameters %q, the route %q", r.method, r.pattern, query, want)
		}
		if slices.Contains(header, "If-Match") != r.ifMatch {
			t.Errorf("%s %s: contract and route differ in If-Match", r.method, r.pattern)
		}
		if listed := op.Responses.Value("412") != nil; listed != r.ifMatch {
			t.Errorf("%s %s: the contract lists 412: %v", r.method, r.pattern, listed)
		}
		if hasBody := op.RequestBody != nil; hasBody != (r.body != noBody) {
			t.Errorf("%s %s: contract and route differ in having a body", r.method, r.pattern)
		}
		if open := op.Security != nil && len(*op.Security) == 0; open != (r.scope == public) {
			t.Errorf("%s %s: contract and route differ in needing a token", r.method, r.pattern)
		}
	}
}

// The members of documents in the contract are those of the schemas that documents are checked by.
func TestContractHasTheSchemasOfDocuments(t *testing.T) {
	t.Parallel()
	k := contractChecker(t)
	for file, component := range map[string]string{"aaa.json": "Document", "system_aaa.json": "SystemDocument", "token.json": "TokenWrite", "ban.json": "BanWrite", "client.json": "ClientWrite"} {
		text, err := schemas.Files.ReadFile(file)
		ok(t, err)
		var schema struct {
			Required   []string
			Properties map[string]json.RawMessage
			Defs       map[string]struct {
				Required   []string
				Properties map[string]json.RawMessage
			} `json:"$defs"`
		}
		ok(t, json.Unmarshal(text, &schema))
		compare := func(component string, required []string, properties map[string]json.RawMessage) {
			have := k.doc.Components.Schemas[component].Value
			written := maps.Clone(have.Properties)
			maps.DeleteFunc(written, func(_ string, p *openapi3.SchemaRef) bool { return p.Value != nil && p.Value.ReadOnly })
			if a, b := slices.Sorted(maps.Keys(written)), slices.Sorted(maps.Keys(properties)); !slices.Equal(a, b) {
				t.Errorf("%s has the members %q, %s %q", component, a, file, b)
			}
			if a, b := slices.Sorted(slices.Values(have.Required)), slices.Sorted(slices.Values(required)); !slices.Equal(a, b) {
				t.Errorf("%s requires %q, %s %q", component, a, file, b)
			}
		}
		compare(component, schema.Required, schema.Properties)
		for name, def := range map[string]string{"server": "Server", "rule": "Rule"} {
			if d, found := schema.Defs[name]; found {
				compare(def, d.Required, d.Properties)
			}
		}
	}
}
