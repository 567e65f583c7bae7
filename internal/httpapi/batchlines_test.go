package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"aaa-api/internal/web"
)

const goodLine = `{"id":"%d","op":"authn","data":{"User-Name":"bob"}}` + "\n"

// A bad line is answered as such, by its number where its id is of no use, is not run, and spoils no other.
func TestBadLinesOfABatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	long := strings.Repeat("x", 300<<10)
	for _, c := range []struct {
		line, id, code, slug string
		path, rule           string
	}{
		{`{"id":"x","op":"authn",`, "", "400", web.SlugParse, "json", "json"},
		{`nonsense`, "", "400", web.SlugParse, "json", "json"},
		{`[1]`, "", "400", web.SlugParse, "message", ""},
		{`null`, "", "400", web.SlugParse, "message", ""},
		{`"x" "y"`, "", "400", web.SlugParse, "json", "json"},
		{"{\"id\":\"x\",\"op\":\"authn\",\"data\":{\"User-Name\":\"b\x00b\"}}", "", "400", web.SlugParse, "json", "json"},
		{`{"id":"x","op":"authn","data":{"User-Name":"b\u0000b"}}`, "", "400", web.SlugInvalid, "User-Name", "character"},
		{"{\"id\":\"x\",\"op\":\"authn\",\"data\":{\"User-Name\":\"b\xffb\"}}", "", "400", web.SlugParse, "json", "utf8"},
		{`{"id":"x","id":"y","op":"authn","data":{}}`, "", "400", web.SlugInvalid, "id", "duplicate"},
		{`{"id":"x","op":"authn","data":{"a":"1","a":"2"}}`, "", "400", web.SlugInvalid, "a", "duplicate"},
		{`{"id":"x","op":"authn","data":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "", "400", web.SlugInvalid, "", "depth"},
		{`{"op":"authn","data":{}}`, "", "400", web.SlugInvalid, "id", "required"},
		{`{"id":7,"op":"authn","data":{}}`, "", "400", web.SlugInvalid, "id", "type"},
		{`{"id":"","op":"authn","data":{}}`, "", "400", web.SlugInvalid, "id", "maxLength"},
		{`{"id":"` + long[:65] + `","op":"authn","data":{}}`, "", "400", web.SlugInvalid, "id", "maxLength"},
		{`{"id":"0","op":"authn","data":{"User-Name":"bob"}}`, "0", "400", web.SlugInvalid, "id", "unique"},
		{`{"id":"x","data":{}}`, "x", "400", web.SlugInvalid, "op", "required"},
		{`{"id":"x","op":"greet","data":{}}`, "x", "400", web.SlugInvalid, "op", "enum"},
		{`{"id":"x","op":["authn"],"data":{}}`, "x", "400", web.SlugInvalid, "op", "enum"},
		{`{"id":"x","op":"translate","data":{}}`, "x", "400", web.SlugInvalid, "of", "required"},
		{`{"id":"x","op":"translate","of":"translate","data":{}}`, "x", "400", web.SlugInvalid, "of", "enum"},
		{`{"id":"x","op":"authn","of":"authn","data":{}}`, "x", "400", web.SlugInvalid, "of", "unknown"},
		{`{"id":"x","op":"authn","trace":true,"data":{}}`, "x", "400", web.SlugInvalid, "trace", "unknown"},
		{`{"id":"x","op":"authn"}`, "x", "400", web.SlugInvalid, "data", "required"},
		{`{"id":"x","op":"authn","data":[]}`, "x", "400", web.SlugInvalid, "", "type"},
		{`{"id":"x","op":"authn","data":{"a":{"b":1}}}`, "x", "400", web.SlugInvalid, "a", "type"},
		{`{"id":"x","op":"authn","data":{"User-Name":"` + long + `"}}`, "", "413", web.SlugTooLarge, "message", ""},
		{long, "", "413", web.SlugTooLarge, "message", ""},
	} {
		name := fmt.Sprintf("%.80s", c.line)
		before := w.backend.requests()
		byID, others, done := answerLines(t, w.batch(w.tenantToken, w.tenant, "", fmt.Sprintf(goodLine, 0)+c.line+"\n"+fmt.Sprintf(goodLine, 1)).want(200).text)
		if byID["0"].Status != "success" || byID["1"].Status != "success" || w.backend.requests() != before+2 {
			t.Errorf("%s: the lines around it: %+v", name, byID)
		}
		bad := byID["x"]
		if c.id != "x" {
			if len(others) != 1 {
				t.Errorf("%s: %+v", name, others)
				continue
			}
			if bad = others[0]; bad.ID != c.id || bad.Line != 2 {
				t.Errorf("%s: the answer is of %q, line %d", name, bad.ID, bad.Line)
			}
		}
		if bad.Status != "error" || bad.Error != c.code || bad.Message != c.slug || done.Lines != 3 || done.Errors != 1 {
			t.Errorf("%s: %+v %+v", name, bad, done)
		}
		told := bad.Data[c.path]
		if rules, isMap := told.(map[string]any); c.path != "" && (told == nil || c.rule != "" && (!isMap || rules[c.rule] == nil)) {
			t.Errorf("%s: data is %v", name, bad.Data)
		}
		if strings.Contains(fmt.Sprint(bad.Data), "line 1,") {
			t.Errorf("%s: a place within a line has the number of another: %v", name, bad.Data)
		}
	}
	if n := w.api.Budget.Held(); n != 0 {
		t.Errorf("%d octets are held", n)
	}
}

// Lines are bounded in number, and what they are not taken for is told; a blank line is none.
func TestNumberOfLinesOfABatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *worldOptions) { o.Service = instant{o.Service} })
	var b strings.Builder
	for i := range batchLines {
		fmt.Fprintf(&b, goodLine, i)
	}
	for body, want := range map[string]struct{ lines, errors int }{
		b.String():                              {batchLines, 0},
		strings.TrimSuffix(b.String(), "\n"):    {batchLines, 0},
		b.String() + "\n\n \n":                  {batchLines, 0},
		b.String() + fmt.Sprintf(goodLine, -1):  {batchLines, 1},
		b.String() + strings.Repeat("x", 1<<20): {batchLines, 1},
	} {
		byID, others, done := answerLines(t, w.batch(w.tenantToken, w.tenant, "", body).want(200).text)
		if len(byID) != batchLines || done.Lines != want.lines || len(others) != want.errors {
			t.Fatalf("%d answers, %v, %+v", len(byID), others, done)
		}
		if want.errors > 0 && (others[0].Line != batchLines+1 || others[0].Error != "413" || !strings.Contains(fmt.Sprint(others[0].Data), "10000 were taken")) {
			t.Errorf("too many lines: %+v", others[0])
		}
	}
	for _, body := range []string{"", "\n", strings.Repeat(" \r\n", 1000)} {
		w.batch(w.tenantToken, w.tenant, "", body).refused(400, web.SlugParse)
	}
	w.batch(w.tenantToken, w.tenant, "", strings.Repeat("\n", batchAll+1)).refused(413, web.SlugTooLarge)
	if n := w.api.Budget.Held(); n != 0 {
		t.Errorf("%d octets are held", n)
	}
}

// What is refused before its first line is refused before any of it is read.
func TestABatchIsRefusedUnread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	inBody := fmt.Sprintf(`{"auth_token":%q,"verb":"DELETE"}`, w.tenantToken)
	for name, c := range map[string]struct {
		token, path string
		header      map[string]string
		status      int
	}{
		"no token":        {"", at(w.tenant, "/aaa/batch"), nil, 401},
		"no scope":        {w.token(w.tenant, "read"), at(w.tenant, "/aaa/batch"), nil, 403},
		"out of reach":    {w.tenantToken, at(w.sibling, "/aaa/batch"), nil, 404},
		"JSON":            {w.tenantToken, at(w.tenant, "/aaa/batch"), map[string]string{"Content-Type": "application/json"}, 415},
		"curl's -d":       {w.tenantToken, at(w.tenant, "/aaa/batch"), map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415},
		"no type":         {w.tenantToken, at(w.tenant, "/aaa/batch"), map[string]string{"Content-Type": "x/y/z"}, 415},
		"latin1":          {w.tenantToken, at(w.tenant, "/aaa/batch"), map[string]string{"Content-Type": "application/jsonl; charset=iso-8859-1"}, 415},
		"gzip":            {w.tenantToken, at(w.tenant, "/aaa/batch"), map[string]string{"Content-Encoding": "gzip"}, 415},
		"Idempotency-Key": {w.tenantToken, at(w.tenant, "/aaa/batch"), map[string]string{"Idempotency-Key": "x"}, 400},
		"If-Match":        {w.tenantToken, at(w.tenant, "/aaa/batch"), map[string]string{"If-Match": "x"}, 400},
		"accept":          {w.tenantToken, at(w.tenant, "/aaa/batch?accept=all"), nil, 400},
		"trace":           {w.tenantToken, at(w.tenant, "/aaa/batch?trace=true"), nil, 400},
	} {
		body := &counting{Reader: strings.NewReader(inBody)}
		req, err := http.NewRequestWithContext(t.Context(), "POST", c.path, body)
		ok(t, err)
		req.ContentLength = -1
		req.Header.Set("Content-Type", web.NDJSON)
		req.Header.Set("X-Auth-Token", c.token)
		for name, v := range c.header {
			req.Header.Set(name, v)
		}
		rec := &statusOnly{header: http.Header{}}
		w.api.ServeHTTP(rec, req)
		if rec.status != c.status || body.read > 0 {
			t.Errorf("%s: status %d, %d octets read", name, rec.status, body.read)
		}
	}
	for _, kind := range []string{"application/ndjson", "application/jsonl", "application/x-ndjson; charset=UTF-8"} {
		w.do(ask{
			method: "POST", path: at(w.tenant, "/aaa/batch"), token: w.tenantToken, body: fmt.Sprintf(goodLine, 1),
			header: map[string]string{"Content-Type": kind}, unchecked: true,
		}).want(200)
	}
}

// linesOf reads all lines of a stream, each as a text; one that is too long is "long".
func linesOf(from io.Reader) (list []string, err error) {
	r := newLineReader(from)
	defer r.close()
	for {
		line, err := r.next()
		switch {
		case err == nil:
			list = append(list, string(line))
		case errors.Is(err, errLongLine):
			list = append(list, "long")
		default:
			return list, err
		}
	}
}

// A line is the same however its octets arrive.
func TestLineReader(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("x", maxLine)
	for text, want := range map[string]string{
		"":                                  "",
		"a":                                 "a",
		"a\nb":                              "a|b",
		"\n a \r\n\n\tb c\n":                "|a||b c",
		longest + "\n" + longest:            longest + "|" + longest,
		longest + "x\n" + longest + "x":     "long|long",
		strings.Repeat(longest, 3) + "\nab": "long|ab",
	} {
		for name, from := range map[string]io.Reader{
			"whole": strings.NewReader(text), "halves": iotest.HalfReader(strings.NewReader(text)), "with EOF": iotest.DataErrReader(strings.NewReader(text)),
		} {
			list, err := linesOf(from)
			if got := strings.Join(list, "|"); got != want || err != io.EOF { //nolint:errorlint // itself
				t.Errorf("%s %.20q…: %d lines, %v", name, text, len(list), err)
			}
		}
	}
	if list, err := linesOf(iotest.OneByteReader(strings.NewReader("a\n\nbc\nd"))); strings.Join(list, "|") != "a||bc|d" {
		t.Errorf("%q %v", list, err)
	}
	if list, err := linesOf(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(io.ErrUnexpectedEOF))); len(list) != 1 || err != io.ErrUnexpectedEOF { //nolint:errorlint // itself
		t.Errorf("a body that ends early: %q %v", list, err)
	}
	if list, err := linesOf(strings.NewReader("a\n" + strings.Repeat(longest, maxSkipped/maxLine+2))); len(list) != 1 || err != errSkipped { //nolint:errorlint // itself
		t.Errorf("a line without end: %d %v", len(list), err)
	}
}
