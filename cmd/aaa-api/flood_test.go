package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestFlood plays a tenant whose table asks as many silent servers as it can, as often as it can: one request sends no more than
// its packets, and none once its caller has left.
func TestFlood(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	p := start(t, dir, nil)
	root := readToken(t, dir, "admin.token")
	account := fmt.Sprint(p.url, "/v2/accounts/", call(t, root, "PUT", p.url+"/v2/accounts", `{"data":{"name":"tenant"}}`).want(t, http.StatusCreated).Data["id"])

	// Whatever has failed is asked again.
	table := "Start:\n\t*.+AUTHEN.ACK RAD2RAD Flood Xstring=authentication\nFlood:\n" +
		"\t*.RAD2RAD.ERROR RAD2RAD Flood Xstring=authentication\n\t*.*.TIMEOUT NULL End\nEnd:\n"
	req, err := http.NewRequestWithContext(t.Context(), "PUT", account+"/aaa/fsm/flood", strings.NewReader(table))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"X-Auth-Token": {root}, "Content-Type": {"text/plain"}}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatalf("the table: %s", res.Status)
	}
	w := watchUDP(t)
	var servers, names []any
	for i := range 16 {
		name := fmt.Sprint("s", i)
		names = append(names, name)
		servers = append(servers, map[string]any{
			"enabled": true, "name": name, "address": fmt.Sprintf("127.0.0.%d", 1), "port": w.port, "secret": fmt.Sprint("s", i),
			"aaa_engine": "radius", "dicts": []string{"dictionary"}, "retries": 10, "timeout": 100,
		})
	}
	document, err := json.Marshal(map[string]any{"data": map[string]any{
		"aaa_mode": "on", "workers": 5, "nas_address": "192.0.2.77", "nas_port": 2000, "servers": servers, "fsm": map[string]any{"authn": "flood"},
		"authentication": names, "authorization": []any{}, "accounting": []any{},
		"authn_avp_translation": []any{rule("User-Name", "User-Name"), rule("User-Password", "User-Password")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	call(t, root, "PUT", account+"/aaa", string(document)).want(t, http.StatusCreated)
	// Another tenant's one server is silent, too, and asked three times.
	patient := fmt.Sprint(p.url, "/v2/accounts/", call(t, root, "PUT", p.url+"/v2/accounts", `{"data":{"name":"patient"}}`).want(t, http.StatusCreated).Data["id"])
	document, err = json.Marshal(map[string]any{"data": map[string]any{
		"aaa_mode": "on", "workers": 5, "nas_address": "192.0.2.77", "nas_port": 2000, "servers": []any{map[string]any{
			"enabled": true, "name": "silent", "address": "127.0.0.1", "port": watchUDP(t).port, "secret": "s",
			"aaa_engine": "radius", "dicts": []string{"dictionary"}, "retries": 2, "timeout": 100,
		}},
		"authentication": []any{"silent"}, "authorization": []any{}, "accounting": []any{},
		"authn_avp_translation": []any{rule("User-Name", "User-Name"), rule("User-Password", "User-Password")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	call(t, root, "PUT", patient+"/aaa", string(document)).want(t, http.StatusCreated)
	const login = `{"data":{"User-Name":"bob","User-Password":"looking-glass"}}`
	a := call(t, root, "POST", account+"/aaa/authn", login)
	if a.Status != http.StatusGatewayTimeout || !strings.Contains(a.Body, "packets_per_request") {
		t.Errorf("%d: %s", a.Status, a.Body)
	}
	if n := w.requests(); n > 64 || n < 32 {
		t.Errorf("%d packets", n)
	}

	before := w.requests()
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = tryCall(ctx, root, "POST", account+"/aaa/authn", login)
	}()
	eventually(t, "a packet", func() bool { return w.requests() > before })
	cancel()
	<-gone
	eventually(t, "no request is left", func() bool {
		return strings.Contains(call(t, root, "GET", p.url+"/metrics", "").Body, "aaa_api_backend_exchanges_total") &&
			!strings.Contains(call(t, root, "GET", p.url+"/metrics", "").Body, "aaa_api_pool_depth{")
	})
	w.seen(t)
	after := w.requests()
	call(t, root, "POST", patient+"/aaa/authn", login).want(t, http.StatusGatewayTimeout) // three timeouts, in which nothing may come
	w.seen(t)
	if n := w.requests(); n != after {
		t.Errorf("%d packets after the caller had left", n-after)
	}
}
