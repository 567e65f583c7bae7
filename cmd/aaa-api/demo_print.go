package main

import (
	"fmt"
	"io"
	"strings"
	"text/template"
)

// demoLines is what --demo prints: shell lines that work when pasted, again and again.
var demoLines = template.Must(template.New("demo").Parse(`The demo: a RADIUS server on 127.0.0.1:{{.Port}}, a provider with a document, and a tenant below it that inherits.
Paste these lines into another terminal, in this folder (the API in full: {{.URL}}/docs):

    TOKEN=$(cat {{.TokenFile}})
    TENANT={{.URL}}/v2/accounts/{{.Tenant}}/aaa
    PROVIDER={{.URL}}/v2/accounts/{{.Provider}}/aaa

    # accepted: the tenant has no server of its own, so its provider's is asked
    {{.Curl}} -H "X-Auth-Token: $TOKEN" $TENANT/authn -d '{"data":{"User-Name":"alice","User-Password":"wonderland"}}'; echo

    # rejected
    {{.Curl}} -H "X-Auth-Token: $TOKEN" $TENANT/authn -d '{"data":{"User-Name":"alice","User-Password":"wrong"}}'; echo

    # changed: eight requests of the tenant may be at the servers at once
    {{.Curl}} -X PATCH -H "X-Auth-Token: $TOKEN" $TENANT -d '{"data":{"workers":8}}'; echo

    # a dictionary, in force at once: the reply now has Demo-Greeting by name
    printf 'VENDOR Demo 32473\nBEGIN-VENDOR Demo\nATTRIBUTE Demo-Greeting 1 string\nATTRIBUTE Demo-Ticket 2 integer\nEND-VENDOR Demo\n' | {{.Curl}} -H "X-Auth-Token: $TOKEN" -H 'Content-Type: text/plain' "$PROVIDER/dictionary?name=dictionary_demo" --data-binary @-; echo
    {{.Curl}} -H "X-Auth-Token: $TOKEN" $TENANT/authn -d '{"data":{"User-Name":"alice@example.org","User-Password":"wonderland"}}'; echo

    # a device that speaks RADIUS (freeradius-utils has radtest): its client document {{.Client}} says that it is the provider's
    radtest alice wonderland 127.0.0.1:{{.RADIUS}} 0 {{.Secret}}

    # a device that speaks TACACS+ (libauthen-tacacsplus-perl), answered by the RADIUS server
    perl -MAuthen::TacacsPlus -e 'print Authen::TacacsPlus->new(Host => "127.0.0.1", Port => {{.TACACS}}, Key => "{{.Secret}}")->authen("alice", "wonderland") ? "accepted\n" : "refused\n"'

`))

// explain prints the lines for a node at url. Over TLS they trust the certificate in the file cert.
func (d *demo) explain(out io.Writer, url, cert string) error {
	curl := "curl -sS"
	if cert != "" {
		curl += " --cacert " + shellQuote(cert)
	}
	err := demoLines.Execute(out, map[string]any{
		"Port": d.server.Port(), "URL": url, "Curl": curl, "TokenFile": shellQuote(d.tokenFile),
		"Tenant": demoTenant, "Provider": demoProvider,
		"Client": demoClient, "Secret": demoDeviceSecret, "RADIUS": d.radius, "TACACS": d.tacacs,
	})
	if err != nil {
		return fmt.Errorf("printing the demo: %w", err)
	}
	return nil
}

// shellQuote makes a word of s for a POSIX shell.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("./_-", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
