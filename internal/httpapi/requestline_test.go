package httpapi

import (
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"testing"

	"aaa-api/internal/logging"
)

// TestRequestLine: the line of an AAA request says what was asked and what came of it, and names neither the password nor, unless
// it is asked for, the user. Probes are logged at debug alone.
func TestRequestLine(t *testing.T) {
	t.Parallel()
	for _, user := range []bool{false, true} {
		var log syncBuffer
		w := newWorld(t, func(o *worldOptions) {
			o.Requests, o.LogUser = logging.NewRequests(&log, slog.LevelInfo, "node1"), user
		})
		w.document(w.tenant)
		for name, want := range map[string]map[string]any{
			"bob":    {"level": "INFO", "status": 200.0, "result": "accept", "server": "server1", "attempts": 1.0},
			"reject": {"level": "INFO", "status": 200.0, "result": "reject", "server": "server1", "attempts": 1.0},
			"silent": {"level": "WARN", "status": 504.0, "result": "error", "reason": "gateway_timeout"},
		} {
			before := len(log.String())
			w.call("", "GET", "/readyz", "")
			w.call("", "GET", "/metrics", "")
			w.call(w.tenantToken, "POST", at(w.tenant, "/aaa/authn"), data(`{"User-Name":"`+name+`","User-Password":"sesame"}`))
			text := log.String()[before:]
			if strings.Contains(text, "sesame") || strings.Count(text, "\n") != 1 {
				t.Fatalf("%s: %s", name, text)
			}
			var line map[string]any
			ok(t, json.Unmarshal([]byte(text), &line))
			want["msg"], want["node"], want["operation"], want["account_id"] = "request", "node1", "authn", string(w.tenant)
			if user {
				want["user"] = name
			}
			for member, value := range want {
				if line[member] != value {
					t.Errorf("%s: %s is %v, want %v", name, member, line[member], value)
				}
			}
			if _, ok := line["user"]; ok != user {
				t.Errorf("the user is named: %v, want %v", ok, user)
			}
			if ms, _ := line["ms"].(float64); ms <= 0 {
				t.Errorf("ms is %v", line["ms"])
			}
			for _, member := range []string{"time", "request_id", "token_id"} {
				if s, _ := line[member].(string); s == "" {
					t.Errorf("%s is %v", member, line[member])
				}
			}
			if _, _, err := net.SplitHostPort(line["caller"].(string)); err != nil {
				t.Error(err)
			}
		}
	}
}
