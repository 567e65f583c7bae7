package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// wrkScript sends complete requests in turn and reports the tally as JSON on standard error.
const wrkScript = `
local list = {%s}
local i = 0
request = function()
  i = i %% #list + 1
  return list[i]
end
done = function(summary)
  local e = summary.errors
  io.stderr:write(string.format('{"requests":%%d,"bad":%%d,"seconds":%%f,"first_bad":"a status or an error of wrk"}',
    summary.requests, e.connect + e.read + e.write + e.timeout + e.status, summary.duration / 1e6))
end
`

// runWrk is the load by wrk, which looks at the status of answers and not at their text.
func runWrk(ctx context.Context, l load, dir string) (t tally, err error) {
	quoted := make([]string, len(l.Requests))
	for i, r := range l.Requests {
		quoted[i] = fmt.Sprintf("%q", r) // ASCII, which Lua escapes alike
	}
	script := filepath.Join(dir, "wrk.lua")
	if err := os.WriteFile(script, fmt.Appendf(nil, wrkScript, strings.Join(quoted, ",\n")), 0o600); err != nil {
		return t, err
	}
	seconds := fmt.Sprintf("%.0fs", max(l.Seconds, 1))
	cmd := exec.CommandContext(ctx, "wrk", "-t1", fmt.Sprint("-c", l.Clients), "-d", seconds, "-s", script, "http://"+l.Address)
	said := &strings.Builder{}
	cmd.Stderr = said
	if out, err := cmd.Output(); err != nil {
		return t, fmt.Errorf("wrk: %w: %s%s", err, out, said)
	}
	if err := json.Unmarshal([]byte(said.String()), &t); err != nil {
		return t, fmt.Errorf("wrk reports %q: %w", said, err)
	}
	return t, nil
}
