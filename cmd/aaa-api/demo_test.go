package main

import (
	"encoding/json"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemo starts a node with --demo and then another on the same data, while somebody else has the demo's RADIUS port.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	p := start(t, dir, nil, "--demo")
	t.Run("lines work when pasted", func(t *testing.T) { demoLinesWork(t, dir, p) })
	t.Run("token reaches the provider only", func(t *testing.T) { demoTokenReaches(t, dir, p) })
	t.Run("token commands", func(t *testing.T) { tokenCommands(t, dir, p) })
	p.stop()

	cert, key := certificateFiles(t, dir, "")
	secure := start(t, dir, nil, "--demo", "--tls-cert="+cert, "--tls-key="+key)
	checkDemo(t, paste(t, dir, secure))
	secure.stop()

	if taken, err := net.ListenPacket("udp", radiusOf(p)); err == nil { // else somebody has taken it already
		defer taken.Close()
	}
	again := start(t, dir, nil, "--demo")
	checkDemo(t, paste(t, dir, again))
	if radiusOf(again) == radiusOf(p) {
		t.Errorf("the demo is on %s still", radiusOf(again))
	}

	// What a user made of the demo stays, and does not keep it from starting.
	admin := readToken(t, dir, "admin.token")
	provider := again.url + "/v2/accounts/" + string(demoProvider) + "/aaa"
	call(t, admin, "PATCH", provider, `{"data":{"servers":[],"authentication":[],"authorization":[],"accounting":[],"custom":[]}}`).want(t, http.StatusOK)
	call(t, admin, "POST", provider+"/dictionary/"+demoDictionary, `{"data":{"name":"mine","value":[{"vendor":{"Demo":32473}}]}}`).want(t, http.StatusOK)
	again.stop()
	third := start(t, dir, nil, "--demo")
	provider = third.url + "/v2/accounts/" + string(demoProvider) + "/aaa"
	if got := call(t, admin, "GET", provider, "").want(t, http.StatusOK); !strings.Contains(got.Body, `"servers":[]`) {
		t.Errorf("the user's document: %s", got.Body)
	}
	third.stop()
}

// radiusOf is the address of a demo's RADIUS server, as its first line has it.
func radiusOf(p *process) string {
	_, text, _ := strings.Cut(p.out(), "a RADIUS server on ")
	address, _, _ := strings.Cut(text, ",")
	return address
}

// demoLinesWork runs what --demo prints, as printed, in a shell: at the first start, and again.
func demoLinesWork(t *testing.T, dir string, p *process) {
	first := paste(t, dir, p)
	checkDemo(t, first)
	if avps, _ := first[0]["avps"].(map[string]any); avps["Demo-Greeting"] != nil || avps["Demo-Ticket"] != float64(7) {
		t.Errorf("before the upload the greeting has a name already, or the ticket none: %v", avps)
	}
	checkDemo(t, paste(t, dir, p))
}

// checkDemo looks at the data of the printed lines' answers.
func checkDemo(t *testing.T, got []map[string]any) {
	t.Helper()
	if len(got) != 5 {
		t.Fatalf("%d answers, want 5: %v", len(got), got)
	}
	accept, reject, patch, last := got[0], got[1], got[2], got[4]
	if accept["AAA-Result"] != "accept" || accept["message"] != "Welcome, alice" || accept["timeout"] != "3600" || accept["account_id"] != string(demoProvider) {
		t.Errorf("accept: %v", accept)
	}
	if reject["AAA-Result"] != "reject" || reject["Is-Authorized"] != false {
		t.Errorf("reject: %v", reject)
	}
	if patch["workers"] != float64(8) || patch["aaa_mode"] != "inherit" {
		t.Errorf("PATCH: %v", patch)
	}
	if avps, _ := last["avps"].(map[string]any); last["AAA-Result"] != "accept" || avps["Demo-Greeting"] != "Down the rabbit hole, alice" {
		t.Errorf("after the upload: %v", last)
	}
}

// paste runs the indented lines of the demo in bash and returns the data of each answer of the API. What the devices' programs print must be that
// alice is let in.
func paste(t *testing.T, dir string, p *process) []map[string]any {
	t.Helper()
	var text string
	eventually(t, "the lines are there to the last", func() bool {
		_, text, _ = strings.Cut(p.out(), "Paste these lines")
		return strings.Contains(text, "TacacsPlus->new") && strings.HasSuffix(text, "\n\n")
	})
	var lines []string
	for line := range strings.Lines(text) {
		if l, ok := strings.CutPrefix(line, "    "); ok {
			lines = append(lines, l)
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-e", "-u", "-o", "pipefail")
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(strings.Join(lines, ""))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, said := range []string{"Received Access-Accept", `Reply-Message = "Welcome, alice"`, "\naccepted\n"} {
		if !strings.Contains(string(out), said) {
			t.Errorf("no device is told %q:\n%s", said, out)
		}
	}
	var list []map[string]any
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "{") { // of a device
			continue
		}
		var a struct {
			Status string
			Data   map[string]any
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil || a.Status != "success" {
			t.Fatalf("answer %s (%v)", line, err)
		}
		list = append(list, a.Data)
	}
	return list
}

func demoTokenReaches(t *testing.T, dir string, p *process) {
	token := readToken(t, dir, "demo.token")
	call(t, token, "GET", p.url+"/v2/whoami", "").want(t, 200).has(t, "account_id", demoProvider)
	call(t, token, "GET", p.url+"/v1/system_configs/circlemaker", "").want(t, 404)
	if matches, _ := filepath.Glob(filepath.Join(dir, "data", ".*")); len(matches) != 0 {
		t.Errorf("left behind: %v", matches)
	}
	// A challenge of the demo's server and its answer.
	authn := p.url + "/v2/accounts/" + string(demoTenant) + "/aaa/authn"
	asked := call(t, token, "POST", authn, `{"data":{"User-Name":"carol","User-Password":"looking-glass"}}`).want(t, 200).has(t, "AAA-Result", "challenge")
	state, _ := asked.Data["State"].(string)
	call(t, token, "POST", authn, `{"data":{"User-Name":"carol","User-Password":"424242","State":"`+state+`"}}`).want(t, 200).has(t, "AAA-Result", "accept")
}

func TestShellQuote(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"data/admin.token", "/srv/my data/it's", "", "$(id)", "a;b"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+shellQuote(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q came out as %q (%v)", word, out, err)
		}
	}
}
