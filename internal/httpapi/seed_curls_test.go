package httpapi

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"aaa-api/internal/web"
)

// testdata/seed_curls.txt holds the commands of Crossbar AAA's documentation,
// verbatim. They must work here with nothing but host, token and ids replaced.

// shellWords splits a command as a shell does: spaces, single and double quotes, backslashes.
func shellWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote := false, byte(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'' && c != '\'', quote == '"' && c != '"' && c != '\\':
			word.WriteByte(c)
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\':
			if i++; i == len(line) {
				return nil, fmt.Errorf("a backslash ends the line")
			}
			word.WriteByte(line[i])
			inWord = true
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == ' ' || c == '\t':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// curl is a request as curl would send it.
type curl struct {
	ask
	url string
}

func parseCurl(line string) (curl, error) {
	words, err := shellWords(line)
	if err != nil {
		return curl{}, err
	}
	if len(words) == 0 || words[0] != "curl" {
		return curl{}, fmt.Errorf("no curl command: %q", line)
	}
	c := curl{ask: ask{header: make(map[string]string)}}
	for i := 1; i < len(words); i++ {
		argument := func() string {
			i++
			if i < len(words) {
				return words[i]
			}
			return ""
		}
		switch w := words[i]; w {
		case "-v":
		case "-X":
			c.method = argument()
		case "-H":
			name, value, _ := strings.Cut(argument(), ":")
			c.header[http.CanonicalHeaderKey(name)] = strings.TrimSpace(value)
		case "-d":
			c.body = argument()
		default:
			if strings.HasPrefix(w, "-") || c.url != "" {
				return c, fmt.Errorf("%q is not understood", w)
			}
			c.url = w
		}
	}
	if _, ok := c.header["Content-Type"]; !ok && c.body != "" {
		c.header["Content-Type"] = "application/x-www-form-urlencoded" // as curl -d does
	}
	return c, nil
}

func TestShellWords(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		`a  b`:            {"a", "b"},
		`'a b'"c 'd"e\ f`: {"a bc 'de f"},
		`-d '{"x":"y"}'`:  {"-d", `{"x":"y"}`},
		`"a\"b" ''`:       {`a"b`, ""},
	} {
		got, err := shellWords(line)
		ok(t, err)
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	for _, line := range []string{`'a`, `a\`} {
		if _, err := shellWords(line); err == nil {
			t.Errorf("%s: no error", line)
		}
	}
}

func TestSeedCurls(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/seed_curls.txt")
	ok(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	// In the document's order, which reads before it writes: a document and a
	// dictionary are there for the first of each kind.
	want := []struct {
		method string
		status int
		check  func(t *testing.T, r reply)
	}{
		{"GET", 200, nil},
		{"PUT", 201, masked},
		{"POST", 200, masked},
		{"PATCH", 200, patched},
		{"GET", 200, nil},
		{"PUT", 201, masked},
		{"POST", 200, masked},
		{"PATCH", 200, patched},
		{"GET", 200, func(t *testing.T, r reply) {
			if r.at("data", "0", "name") != "dictionary_before" {
				t.Errorf("not the dictionary that is there: %s", r.text)
			}
		}},
		{"GET", 200, func(t *testing.T, r reply) {
			if r.at("data", "name") != "dictionary_before" || r.at("data", "value", "0") == nil {
				t.Errorf("not the dictionary asked for: %s", r.text)
			}
		}},
		{"PUT", 201, juniper("no", 2636)},
		{"POST", 200, juniper("yes", 1111)},
		{"DELETE", 200, nil},
	}
	if len(lines) != len(want) {
		t.Fatalf("%d commands, %d expected", len(lines), len(want))
	}
	w := newWorld(t)
	w.document(w.tenant)
	w.call(w.rootToken, "PUT", "/v2/system_configs/circlemaker", data(aDocument)).want(201)
	id := w.call(w.tenantToken, "PUT", at(w.tenant, "/aaa/dictionary"),
		data(`{"name":"dictionary_before","value":[{"vendor":{"Before":4242}}]}`)).want(201).str("data", "id")

	for i, line := range lines {
		c, err := parseCurl(line)
		ok(t, err)
		token := w.tenantToken
		if strings.Contains(c.url, "system_configs") {
			token = w.rootToken
		}
		c.path = strings.NewReplacer("http://server:8000", "", "{ACCOUNT_ID}", string(w.tenant), "{ID}", id).Replace(c.url)
		if c.header["X-Auth-Token"] != "{AUTH_TOKEN}" {
			t.Fatalf("command %d brings no token: %s", i, line)
		}
		c.header["X-Auth-Token"] = token
		if c.method != want[i].method {
			t.Fatalf("command %d is a %s, want %s", i, c.method, want[i].method)
		}
		if want[i].status == 201 && !strings.Contains(c.path, "dictionary") { // the document must not be there yet
			w.call(token, "DELETE", c.path, "").want(200)
		}
		r := w.do(c.ask)
		if r.status != want[i].status {
			t.Errorf("command %d: got %d, want %d\n%s\n%s", i, r.status, want[i].status, line, r.text)
			continue
		}
		if want[i].check != nil {
			want[i].check(t, r)
		}
		if c.method == "PUT" && strings.Contains(c.path, "dictionary") {
			id = r.str("data", "id") // what is read back, replaced and deleted next
		}
	}
	w.call(w.tenantToken, "GET", at(w.tenant, "/aaa/dictionary/"+id), "").refused(404, web.SlugIdentifier)
}

// masked checks an answer with the whole document of the examples.
func masked(t *testing.T, r reply) {
	if r.at("data", "servers", "0", "secret") != "********" || strings.Contains(r.text, "secret1") {
		t.Errorf("the secret is shown: %s", r.text)
	}
	if r.at("data", "aaa_mode") != "on" || r.at("data", "nas_port") != "2000" || r.at("data", "authz_apps", "1") != "jonny5" {
		t.Errorf("the document is not as it was written: %s", r.text)
	}
}

// patched checks that the patch changed its members and left the others.
func patched(t *testing.T, r reply) {
	if r.at("data", "aaa_mode") != "off" || r.at("data", "workers") != 10.0 || r.at("data", "servers", "0", "name") != "server1" {
		t.Errorf("the patch was not merged: %s", r.text)
	}
}

func juniper(enc string, vendor float64) func(*testing.T, reply) {
	return func(t *testing.T, r reply) {
		if r.at("data", "value", "0", "attr", "enc") != enc || r.at("data", "value", "1", "vendor", "Juniper") != vendor {
			t.Errorf("the dictionary is not as it was written: %s", r.text)
		}
		if r.at("data", "owner") == "5157b7a3b843668a6baf83f6fa5e0bf4" {
			t.Errorf("the owner is taken from the client: %s", r.text)
		}
	}
}
