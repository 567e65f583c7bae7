package document

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/schema"
)

// This file alone knows where a document holds secrets: Places in its JSON form,
// eachSecret in aaa.Document. A test holds the two together.

// Place is where a document holds a secret.
type Place struct {
	Path    string // servers.0.secret
	Purpose string // servers/NAME/secret: what a sealed text is bound to, independent of order
	object  map[string]any
	member  string
}

// Text returns what stands there; ok is false where it is no text.
func (p Place) Text() (text string, ok bool) {
	text, ok = p.object[p.member].(string)
	return text, ok
}

// Set replaces what stands there, in the document that Places was given.
func (p Place) Set(text string) { p.object[p.member] = text }

// Places lists the secrets that a document, decoded from JSON, holds. What does not
// have a document's form is passed over.
func Places(body map[string]any) []Place {
	var list []Place
	add := func(object map[string]any, member, path, purpose string) {
		if _, ok := object[member]; ok {
			list = append(list, Place{Path: path + member, Purpose: purpose, object: object, member: member})
		}
	}
	add(body, "authz_password", "", purposeAuthz)
	providers, _ := body["authz_providers"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(providers)) {
		if provider, ok := providers[name].(map[string]any); ok {
			add(provider, "secret", "authz_providers."+name+".", purposeProvider(name))
		}
	}
	servers, _ := body["servers"].([]any)
	for i, v := range servers {
		server, ok := v.(map[string]any)
		if !ok {
			continue
		}
		name, _ := server["name"].(string)
		path := "servers." + strconv.Itoa(i) + "."
		add(server, "secret", path, purposeServer(name))
		add(server, "previous_secret", path, purposePrevious(name))
		if tls, ok := server["tls"].(map[string]any); ok {
			add(tls, "key", path+"tls.", purposeTLSKey(name))
		}
		if check, ok := server["health_check"].(map[string]any); ok {
			add(check, "password", path+"health_check.", purposeHealthCheck(name))
		}
	}
	return list
}

// The purposes. No two places of a document share one, whatever its names hold:
// each begins with the member of the document and ends with the one of the secret.
const purposeAuthz = "authz_password"

func purposeProvider(name string) string    { return "authz_providers/" + name + "/secret" }
func purposeServer(name string) string      { return "servers/" + name + "/secret" }
func purposePrevious(name string) string    { return "servers/" + name + "/previous_secret" }
func purposeTLSKey(name string) string      { return "servers/" + name + "/tls/key" }
func purposeHealthCheck(name string) string { return "servers/" + name + "/health_check/password" }

// eachSecret calls fn with every secret that the document has, until one fails.
func eachSecret(d *aaa.Document, fn func(purpose string, s *aaa.Secret) error) error {
	visit := func(purpose string, s *aaa.Secret) error {
		if s.IsZero() {
			return nil
		}
		return fn(purpose, s)
	}
	if err := visit(purposeAuthz, &d.AuthzPassword); err != nil {
		return err
	}
	for name, provider := range d.AuthzProviders {
		if err := visit(purposeProvider(name), &provider.Secret); err != nil {
			return err
		}
		d.AuthzProviders[name] = provider
	}
	for i := range d.Servers {
		s := &d.Servers[i]
		if err := visit(purposeServer(s.Name), &s.Secret); err != nil {
			return err
		}
		if err := visit(purposePrevious(s.Name), &s.PreviousSecret); err != nil {
			return err
		}
		if err := visit(purposeTLSKey(s.Name), &s.TLS.Key); err != nil {
			return err
		}
		if err := visit(purposeHealthCheck(s.Name), &s.HealthCheck.Password); err != nil {
			return err
		}
	}
	return nil
}

// Mask gives a stored document as answers show it: aaa.Mask in place of every secret.
func Mask(body json.RawMessage) (json.RawMessage, error) {
	m, err := parseStored(body)
	if err != nil {
		return nil, err
	}
	for _, p := range Places(m) {
		p.Set(aaa.Mask)
	}
	return aaa.PlainJSON(m)
}

// parseStored reads a stored document; nil gives nil. Its errors tell nothing of the body.
func parseStored(body json.RawMessage) (map[string]any, error) {
	if len(body) == 0 {
		return nil, nil
	}
	v, err := schema.Parse(body, schema.MaxDepth)
	if err != nil {
		return nil, errStored
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errStored
	}
	return m, nil
}
