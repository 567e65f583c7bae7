package main

import (
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

// TestAdminListener starts a node with an admin listener: what is the operator's is there and nowhere else.
func TestAdminListener(t *testing.T) {
	t.Parallel()
	p := start(t, migratedDir(t), []string{"AAA_API_ADMIN_LISTEN=127.0.0.1:0"}, "--drain=5m")
	admin := "http://" + p.admin
	if a := call(t, "", "GET", admin+"/metrics", "").want(t, http.StatusOK); !strings.Contains(a.Body, "aaa_api_reload_lag_seconds") {
		t.Errorf("no reload lag in the metrics: %.300s", a.Body)
	}
	if a := call(t, "", "GET", admin+"/readyz", "").want(t, http.StatusOK); !strings.Contains(a.Body, `"writes":"ok"`) {
		t.Errorf("no details: %s", a.Body)
	}
	call(t, "", "GET", admin+"/v2/whoami", "").want(t, http.StatusNotFound)
	call(t, "", "GET", p.url+"/metrics", "").want(t, http.StatusNotFound)
	if a := call(t, "", "GET", p.url+"/readyz", "").want(t, http.StatusOK); a.Body != `{"status":"ok"}`+"\n" {
		t.Errorf("on the API's port: %s", a.Body)
	}

	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{admin, p.url} {
		eventually(t, "/readyz answers 503 at "+url, func() bool {
			return call(t, "", "GET", url+"/readyz", "").Status == http.StatusServiceUnavailable
		})
	}
	p.stop()
	for _, address := range []string{p.admin, strings.TrimPrefix(p.url, "http://")} {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			t.Errorf("%s is open after the end", address)
		}
	}
}
