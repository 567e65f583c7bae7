package httpapi

import (
	"encoding/json"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
)

// answerLine is one line of the answer to a batch.
type answerLine struct {
	ID, Status, Error, Message string
	Line                       int
	Data                       map[string]any
	RetryAfter                 int `json:"retry_after"`
	Done                       bool
	Lines, Errors              int
}

// answerLines reads the answer to a batch: each line must be JSON, the last one says that it is whole.
func answerLines(t testing.TB, text string) (byID map[string]answerLine, others []answerLine, done answerLine) {
	t.Helper()
	byID = make(map[string]answerLine)
	if !strings.HasSuffix(text, "\n") {
		t.Fatalf("the answer ends within a line: %.2000q", text)
	}
	for line := range strings.Lines(text) {
		var a answerLine
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		switch {
		case done.Done:
			t.Errorf("a line after the last one: %s", line)
		case a.Done:
			done = a
		case a.ID == "" || a.Line > 0:
			others = append(others, a)
		case byID[a.ID].Status != "":
			t.Errorf("%s is answered twice: %s", a.ID, line)
		default:
			byID[a.ID] = a
		}
	}
	return byID, others, done
}

func (w *world) batch(token string, account aaa.AccountID, query, body string) reply {
	w.t.Helper()
	return w.do(ask{method: "POST", path: at(account, "/aaa/batch"+query), token: token, body: body, header: asLines})
}

// TestBatch: each line is answered under its id as its endpoint would, and the last line says that all are.
func TestBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.document(w.tenant)
	r := w.batch(w.tenantToken, w.tenant, "", strings.Join([]string{
		`{"id":"1","op":"authn","data":{"User-Name":"bob"}}`,
		``, "  \t\r",
		`{"id":"2","op":"authn","data":{"User-Name":"reject"}}` + "\r",
		`{"op":"authz","data":{"User-Name":"bob"},"id":"three"}`,
		`{"id":"4","op":"accounting","data":{"User-Name":"bob"}}`,
		`{"id":"5","op":"custom","data":{"User-Name":"bob"}}`,
		`{"id":"6","op":"translate","of":"authn","data":{"User-Name":"bob"}}`,
		`{"id":"7","op":"authn","data":{"User-Name":"silent"}}`,
		`{"id":"8","op":"authn","data":{"User-Name":"challenge"}}`,
	}, "\n")).want(200)
	if got := r.header.Get("Content-Type"); got != "application/x-ndjson" {
		t.Errorf("Content-Type is %q", got)
	}
	byID, others, done := answerLines(t, r.text)
	for id, result := range map[string]string{"1": "accept", "2": "reject", "three": "accept", "4": "accept", "5": "accept", "8": "challenge"} {
		if a := byID[id]; a.Status != "success" || a.Data["AAA-Result"] != result {
			t.Errorf("%s: %+v", id, a)
		}
	}
	if packets, _ := byID["6"].Data["packets"].([]any); len(packets) != 1 {
		t.Errorf("translate: %+v", byID["6"])
	}
	if a := byID["7"]; a.Status != "error" || a.Error != "504" || a.Message != "gateway_timeout" {
		t.Errorf("a silent server: %+v", a)
	}
	if len(others) > 0 || !done.Done || done.Lines != 8 || done.Errors != 1 {
		t.Errorf("%v %+v", others, done)
	}
	single := w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"bob"}`)).want(200)
	whole, _ := json.Marshal(single.at("data"))
	if part, _ := json.Marshal(byID["1"].Data); string(part) != string(whole) {
		t.Errorf("a line is answered with %s, the request with %s", part, whole)
	}
	failed := w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"silent"}`)).want(504)
	whole, _ = json.Marshal(failed.at("data"))
	if part, _ := json.Marshal(byID["7"].Data); string(part) != string(whole) {
		t.Errorf("a line fails with %s, the request with %s", part, whole)
	}
}
