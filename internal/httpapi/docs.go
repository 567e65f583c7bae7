package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/swaggest/swgui/v5emb"
	"go.yaml.in/yaml/v3"

	contract "aaa-api"

	"aaa-api/internal/web"
)

// docs is the interactive page on /docs: Swagger UI from this binary, no other
// host asked for anything.
type docs struct {
	handler http.Handler
	policy  string
}

const docsBase = "/docs/"

func newDocs() *docs {
	d := &docs{handler: v5emb.New("AAA API", "/openapi.yaml", docsBase)}
	// The page is the same each time, so its inline scripts can be named by their
	// hashes, and no other inline script runs.
	page := recorder{header: http.Header{}}
	d.handler.ServeHTTP(&page, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: docsBase}})
	d.policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"connect-src 'self'; img-src 'self' data:; font-src 'self' data:; " +
		"style-src 'self' 'unsafe-inline'; script-src 'self'" + hashes(page.String())
	return d
}

// recorder keeps what a handler writes.
type recorder struct {
	bytes.Buffer
	header http.Header
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(int)     {}

var inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// hashes lists the sources of CSP for a page's inline scripts.
func hashes(page string) string {
	var b strings.Builder
	for _, m := range inlineScript.FindAllStringSubmatch(page, -1) {
		sum := sha256.Sum256([]byte(m[1]))
		b.WriteString(" 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'")
	}
	return b.String()
}

// docsAssets are the files that the page loads.
var docsAssets = []string{"", "swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "favicon-16x16.png", "favicon-32x32.png"}

func (a *API) docsPage(c *web.Call) error {
	if !slices.Contains(docsAssets, c.Param("*")) {
		return web.ErrNoRoute
	}
	h := c.Header()
	h.Set("Content-Security-Policy", a.docs.policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-cache")
	a.docs.handler.ServeHTTP(c, c.Request())
	return nil
}

// frontPage says where to read on.
func (a *API) frontPage(c *web.Call) error {
	c.Send(http.StatusOK, textType, []byte("This is aaa-api, an AAA gateway. Its API is described at /docs, and for programs at /openapi.yaml and /openapi.json\n"))
	return nil
}

// contract gives openapi.yaml.
func (a *API) contract(c *web.Call) error {
	return sendContract(c, "application/yaml", contract.OpenAPI)
}

// contractJSON gives the same as JSON, for generators of clients that read no YAML.
func (a *API) contractJSON(c *web.Call) error {
	text, err := jsonContract()
	if err != nil {
		return err
	}
	return sendContract(c, "application/json", text)
}

// jsonContract makes JSON of the contract when it is first asked for.
var jsonContract = sync.OnceValues(func() ([]byte, error) {
	var doc any
	if err := yaml.Unmarshal(contract.OpenAPI, &doc); err != nil {
		return nil, err
	}
	return json.Marshal(doc)
})

// sendContract sends one form of the contract; each has an entity tag of its own.
func sendContract(c *web.Call, kind string, text []byte) error {
	sum := sha256.Sum256(text)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	if done, err := c.NotModified(tag); done || err != nil {
		return err
	}
	h := c.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", tag)
	c.Send(http.StatusOK, kind, text)
	return nil
}
