package main

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// ownTACACSArguments has a server send an argument that devices of one vendor need. A strict server's document refuses it,
// says so in the trace, and takes it once a dictionary of the account's own has it.
func ownTACACSArguments(t *testing.T, p *process, token string) {
	t.Helper()
	dir := t.TempDir()
	addr := startTacquito(t, dir, filepath.Join(dir, "log"), "-secret", "example secret", "-user", "bob:correct horse",
		"-permit", "show .*", "-set", "shell:roles=network-admin")
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	made := call(t, token, "PUT", p.url+"/v2/accounts", `{"data":{"name":"own arguments"}}`).want(t, http.StatusCreated)
	aaa := fmt.Sprintf("%s/v2/accounts/%s/aaa", p.url, made.Data["id"])
	rule := func(key, attribute string) string {
		return fmt.Sprintf(`{"request_key":%q,"attribute":%q,"request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}`, key, attribute)
	}
	document := func(dicts string) string {
		return `{"data":{"aaa_mode":"on","workers":1,"nas_address":"192.0.2.1","nas_port":"1","servers":[{"enabled":true,"name":"tac",
			"address":"127.0.0.1","port":` + port + `,"secret":"example secret","aaa_engine":"tacacs","avp":"strict","dicts":[` + dicts + `]}],
			"authentication":["tac"],"authorization":["tac"],"accounting":[],"authz_avp_translation":[` +
			strings.Join([]string{rule("User-Name", "user"), rule("service", "service"), rule("command", "cmd"), rule("roles", "shell:roles")}, ",") + `]}}`
	}
	const request = `{"data":{"User-Name":"bob","service":"exec","command":""}}`

	call(t, token, "PUT", aaa, document(`"dictionary_tacacs"`)).want(t, http.StatusCreated)
	refused := call(t, token, "POST", aaa+"/authz?trace=true", request).want(t, http.StatusOK).has(t, "AAA-Result", "reject")
	if !strings.Contains(refused.Body, `mandatory argument \"shell:roles\"`) {
		t.Errorf("the trace does not name the argument: %s", refused.Body)
	}
	call(t, token, "PUT", aaa+"/dictionary",
		`{"data":{"name":"dictionary_roles","value":[{"attr":{"vid":16777215,"id":1000,"name":"shell:roles","type":"string"}}]}}`).want(t, http.StatusCreated)
	call(t, token, "POST", aaa, document(`"dictionary_roles","dictionary_tacacs"`)).want(t, http.StatusOK)
	call(t, token, "POST", aaa+"/authz", request).want(t, http.StatusOK).has(t, "AAA-Result", "accept").has(t, "roles", "network-admin")
}
