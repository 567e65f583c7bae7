package document

import (
	"encoding/json"
	"strings"

	"aaa-api/internal/aaa"
)

// ForHeirs gives a masked document as accounts see it that inherit it and may not read it: all that their requests
// run by, and nothing that its owner keeps for itself. Those are the external authorisers, of whom requests need the
// names alone and whose URLs may hold a credential; the user names that go with masked passwords; and every
// member that begins with x-, of which only the owner knows what it holds.
func ForHeirs(masked json.RawMessage) (json.RawMessage, error) {
	m, err := parseStored(masked)
	if err != nil {
		return nil, err
	}
	delete(m, "authz_providers")
	delete(m, "authz_username")
	servers, _ := m["servers"].([]any)
	for _, v := range servers {
		server, _ := v.(map[string]any)
		check, _ := server["health_check"].(map[string]any)
		delete(check, "username")
	}
	dropExtras(m)
	return aaa.PlainJSON(m)
}

// dropExtras takes out the members that begin with x-, at every depth. The keys of realms are no members but names
// of rules and of realms, of which x-ray.example may be one.
func dropExtras(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			switch {
			case strings.HasPrefix(name, "x-"):
				delete(v, name)
			case name != "realms":
				dropExtras(inner)
			}
		}
	case []any:
		for _, inner := range v {
			dropExtras(inner)
		}
	}
}
