package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// underAKey sends a request with an Idempotency-Key.
func underAKey(t *testing.T, token, method, url, body string) (status int, data string, replayed bool) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, "", false
	}
	req.Header.Set("X-Auth-Token", token)
	req.Header.Set("Idempotency-Key", "key")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return 0, "", false
	}
	defer res.Body.Close()
	var envelope struct{ Data json.RawMessage }
	if err := json.NewDecoder(res.Body).Decode(&envelope); err != nil {
		t.Error(err)
	}
	return res.StatusCode, string(envelope.Data), res.Header.Get("Idempotency-Replayed") == "true"
}

// oneKey has twenty callers at both nodes ask for the same under one key: it is done once, and all hear the same.
func (c *pair) oneKey(t *testing.T) {
	var records atomic.Int32
	account := c.account(t, "one key")
	rule := func(name string) string {
		return `{"request_key":"` + name + `","attribute":"` + name + `","request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}`
	}
	document := strings.Replace(documentFor(slowRADIUS(t, func() { records.Add(1) })), `"accounting":[]`,
		`"accounting":["one"],"accounting_avp_translation":[`+rule("Acct-Status-Type")+`,`+rule("Acct-Session-Id")+`]`, 1)
	call(t, c.token, "PUT", c.one.url+account+"/aaa", document).want(t, http.StatusCreated)
	eventually(t, "the document is in use on the other node", func() bool {
		return strings.Contains(call(t, c.token, "GET", c.two.url+account+"/aaa/effective?op=accounting", "").Body, `"one"`)
	})
	for _, r := range []struct{ method, path, body string }{
		{"POST", "/aaa/accounting", `{"data":{"Acct-Status-Type":"Stop","Acct-Session-Id":"1"}}`},
		{"PUT", "", `{"data":{"name":"child"}}`},
		{"PUT", "/tokens", `{"data":{}}`},
	} {
		var all sync.WaitGroup
		var mu sync.Mutex
		answers := map[string]int{}
		var first atomic.Int32
		for n := range 20 {
			all.Go(func() {
				status, data, replayed := underAKey(t, c.token, r.method, []string{c.one.url, c.two.url}[n%2]+account+r.path, r.body)
				if status/100 != 2 {
					t.Errorf("%s %s: %d %s", r.method, r.path, status, data)
				}
				if !replayed {
					first.Add(1)
				}
				mu.Lock()
				defer mu.Unlock()
				answers[data]++
			})
		}
		all.Wait()
		if len(answers) != 1 || first.Load() != 1 {
			t.Errorf("%s %s: %d answers that are no repetition, %v", r.method, r.path, first.Load(), answers)
		}
	}
	if records.Load() != 1 {
		t.Errorf("the server had %d records", records.Load())
	}
}
