package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"aaa-api/internal/web"
)

// as sends a body of a media type with the tenant's token.
func (w *world) as(contentType, method, path, body string) reply {
	w.t.Helper()
	header := map[string]string{}
	if contentType != "" {
		header["Content-Type"] = contentType
	}
	return w.do(ask{method: method, path: path, token: w.tenantToken, body: body, header: header})
}

// TestTextsInOtherCharsets: comments of old files are not UTF-8, and editors of Windows put a byte order mark first. What
// stands outside comments is judged by the charset that is declared.
func TestTextsInOtherCharsets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dicts, tables, users := at(w.tenant, "/aaa/dictionary"), at(w.tenant, "/aaa/fsm"), at(w.tenant, "/aaa/users")
	for path, text := range map[string]string{
		dicts + "?name=dictionary_": "# M\xfcller\n" + acmeText, tables + "/": "# M\xfcller\n" + aTable, users + "/": "# M\xfcller\nbob Password = \"!\"\n",
	} {
		w.as("text/plain", "PUT", path+"plain", text).want(201)
		w.as("text/plain", "PUT", path+"mark", "\ufeff"+strings.ReplaceAll(text, "\xfc", "ü")).want(201)
		w.as("text/plain; charset=ISO-8859-1", "PUT", path+"declared", text).want(201)
		w.as("text/plain; charset=utf-16", "PUT", path+"x", text).refused(http.StatusUnsupportedMediaType, "unsupported_media_type")
		for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
			if r := w.as("text/plain", "PUT", path+"x", mark+"a\x00").refused(http.StatusUnsupportedMediaType, "unsupported_media_type"); !strings.Contains(r.text, "UTF-16") {
				t.Errorf("%s: %s", path, r.text)
			}
		}
		w.as("text/csv", "PUT", path+"x", text).refused(http.StatusUnsupportedMediaType, "unsupported_media_type")
	}
	for _, name := range []string{"plain", "mark", "declared"} {
		if got := w.call(w.tenantToken, "GET", users+"/"+name, "").want(200).str("data", "text"); !strings.HasPrefix(got, "# Müller\nbob") {
			t.Errorf("%s: %q", name, got)
		}
		if got := w.call(w.tenantToken, "GET", tables+"/"+name, "").want(200).str("data", "states", "0", "comments", "0"); got != "Müller" {
			t.Errorf("%s: %q", name, got)
		}
	}
	w.as("text/plain", "PUT", users+"/x", "m\xfcller Password = \"!\"\n").refused(400, web.SlugInvalid)
	w.as("text/plain; charset=iso-8859-1", "PUT", users+"/umlaut", "m\xfcller Password = \"!\"\n").want(201)
	if got := w.call(w.tenantToken, "GET", users+"/umlaut", "").want(200).str("data", "text"); !strings.HasPrefix(got, "müller") {
		t.Errorf("%q", got)
	}
	if r := w.as("text/plain", "PUT", dicts+"?name=x", "\nATTRIBUTE M\xfcller 200 string\n").refused(400, web.SlugInvalid); r.at("data", "line 2") == nil {
		t.Errorf("no line: %s", r.text)
	}
}

// TestTextWithoutItsType: the refusal says how a text is sent.
func TestTextWithoutItsType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := at(w.tenant, "/aaa/dictionary") + "?name=x"
	for _, contentType := range []string{"", "application/x-www-form-urlencoded", "application/json"} {
		for _, text := range []string{acmeText, "# " + acmeText} {
			if r := w.as(contentType, "PUT", path, text).refused(400, web.SlugParse); !strings.Contains(r.text, "Content-Type: text/plain") {
				t.Errorf("%q: %s", contentType, r.text)
			}
		}
		if r := w.as(contentType, "PUT", path, `{"data":`).refused(400, web.SlugParse); strings.Contains(r.text, "text/plain") {
			t.Errorf("JSON that is cut off: %s", r.text)
		}
	}
	if r := w.as("text/csv", "PUT", path, acmeText).refused(415, "unsupported_media_type"); !strings.Contains(r.text, "application/json or text/plain") {
		t.Errorf("%s", r.text)
	}
	if r := w.as("text/plain; charset=utf-16", "PUT", path, acmeText).refused(415, "unsupported_media_type"); !strings.Contains(r.text, "utf-8 or iso-8859-1") {
		t.Errorf("%s", r.text)
	}
}

// TestTextWithoutLineBreaks: curl -d takes the line breaks out of a file. What began with a comment is then nothing else,
// and must not replace what works.
func TestTextWithoutLineBreaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, text := range map[string]string{
		at(w.tenant, "/aaa/dictionary?name=x"): acmeText, at(w.tenant, "/aaa/fsm/x"): aTable, at(w.tenant, "/aaa/users/x"): "bob:!\n",
	} {
		w.as("text/plain", "PUT", path, "# ours\n"+text).want(201)
		joined := strings.NewReplacer("\r", "", "\n", "").Replace("# ours\n" + text)
		for _, contentType := range []string{"text/plain", "text/plain; charset=iso-8859-1"} {
			if r := w.as(contentType, "POST", path, joined).refused(400, web.SlugInvalid); !strings.Contains(r.text, "--data-binary") {
				t.Errorf("%s: %s", path, r.text)
			}
		}
	}
	w.as("text/plain", "POST", at(w.tenant, "/aaa/users/x"), "# nobody yet\n").want(200)
}

// TestDictionaryOfASystemName: one whose name a system dictionary has takes its place in documents, of which a warning tells.
func TestDictionaryOfASystemName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/dictionary")
	for name, warned := range map[string]bool{"dictionary": true, "dictionary_juniper": true, "dictionary_mine": false} {
		for _, r := range []reply{
			w.upload("PUT", base+"?name="+name, acmeText).want(201),
			w.call(w.tenantToken, "PUT", at(w.child, "/aaa/dictionary"), data(fmt.Sprintf(aDictionary, name))).want(201),
		} {
			if rule, _ := r.at("warnings", "0", "rule").(string); (rule == "shadows") != warned {
				t.Errorf("%s: %s", name, r.text)
			}
		}
		if r := w.upload("POST", base+"?name="+name, acmeText).want(200); r.at("warnings") != nil {
			t.Errorf("%s, replaced: %s", name, r.text)
		}
	}
}

// TestDictionaryWarnings: a text that FreeRADIUS takes is taken, and the answer names the lines that contradict others.
func TestDictionaryWarnings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := at(w.tenant, "/aaa/dictionary")
	const text = "VENDOR Acme 99999\nBEGIN-VENDOR Acme\nATTRIBUTE Acme-Level 1 string\nATTRIBUTE Acme-Level 1 integer\n"
	made := w.upload("PUT", base+"?name=dictionary_ours", text).want(201)
	if made.at("warnings", "0", "path") != "line 4" || made.at("warnings", "0", "rule") != "redefined" || made.at("warnings", "1", "path") != "line 2" || made.at("warnings", "2") != nil {
		t.Errorf("%s", made.text)
	}
	if made.at("data", "value", "1", "attr", "type") != "integer" {
		t.Errorf("the later line does not hold: %s", made.text)
	}
	if r := w.upload("POST", base+"/dictionary_ours", text).want(200); r.at("warnings", "1", "rule") != "nesting" {
		t.Errorf("%s", r.text)
	}
	if r := w.upload("POST", base+"/dictionary_ours", acmeText).want(200); r.at("warnings") != nil {
		t.Errorf("%s", r.text)
	}
	if r := w.upload("PUT", base+"?name=x", "BEGIN-PROTOCOL RADIUS 1\n").refused(400, web.SlugInvalid); !strings.Contains(r.text, "FreeRADIUS 4 syntax") {
		t.Errorf("%s", r.text)
	}
}
