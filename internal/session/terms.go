package session

import (
	"slices"

	"aaa-api/internal/aaa"
)

// Terms is what the documents in force for an account's authn say that bears on its sessions. It is of one moment: what a
// server answered is not lost to a look-up that follows.
type Terms struct {
	Live, Stored aaa.Excess // the limits of the account's sessions
	Hidden       []string   // request keys of hidden attributes: never stored
	NAS          []string   // request keys that name the NAS in accounting, in the order of NASAttributes
	Documents    []Document // the account's own first; none where it authenticates nowhere
}

// Document is what one document says.
type Document struct {
	Account         aaa.AccountID
	Keys            map[string]string // the request key of the first authn rule for each of Attributes
	SessionTimeout  int               // seconds; 0: none
	InterimInterval int               // seconds; 0: none
	CookieTimeout   int               // seconds; 0: aaa.DefaultCookieTimeout
	Dialogues       []string          // servers whose engine keeps a challenge's dialogue in memory
}

// Attributes are those that sessions find by a document's rules.
var Attributes = []string{
	"User-Name", "user", "User-Password", "password", "Class", "Chargeable-User-Identity",
	"Session-Timeout", "Acct-Interim-Interval", "Idle-Timeout",
}

// document is that of an account, else the first.
func (t *Terms) document(account aaa.AccountID) *Document {
	i := slices.IndexFunc(t.Documents, func(d Document) bool { return d.Account == account })
	switch {
	case i >= 0:
		return &t.Documents[i]
	case len(t.Documents) > 0:
		return &t.Documents[0]
	}
	return &Document{}
}

// dialogue reports whether a server keeps a challenge's dialogue in memory. Its document must be in force still.
func (t *Terms) dialogue(document aaa.AccountID, server string) bool {
	d := t.document(document)
	return d.Account == document && slices.Contains(d.Dialogues, server)
}

// attribute finds an attribute of a reply: as it came, or under the key that a rule took it to.
func (d *Document) attribute(res *aaa.Result, name string) aaa.Value {
	if v := res.AVPs.Value(name); v != nil {
		return v
	}
	if key := d.Keys[name]; key != "" {
		return res.Keys[key]
	}
	return nil
}

// user finds the user's name in a request.
func (d *Document) user(values aaa.Values) string {
	for _, attribute := range []string{"User-Name", "user"} {
		if key := d.Keys[attribute]; key != "" {
			name, _ := values[key].(string)
			return name
		}
	}
	return ""
}

// password is the request key of the password.
func (d *Document) password() string {
	if key := d.Keys["User-Password"]; key != "" {
		return key
	}
	return d.Keys["password"]
}
