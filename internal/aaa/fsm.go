package aaa

import (
	"bytes"
	"encoding/json"
)

// FSM is a document's member fsm: the name of a state machine table, for all operations or
// for each of them. The zero value is absent.
type FSM struct {
	All  string         // written as a string; Each is then empty
	Each [NumOps]string // written as an object; empty for an operation that it leaves out
}

// tableNames is the object form.
type tableNames struct {
	Authn      string `json:"authn,omitempty"`
	Authz      string `json:"authz,omitempty"`
	Accounting string `json:"accounting,omitempty"`
	Custom     string `json:"custom,omitempty"`
}

// UnmarshalJSON takes "race" and {"authn": "race"}. Which names there may be is the schema's business.
func (f *FSM) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '"' {
		var all string
		if err := json.Unmarshal(b, &all); err != nil {
			return err
		}
		*f = FSM{All: all}
		return nil
	}
	var n tableNames
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	*f = FSM{Each: [NumOps]string{Authn: n.Authn, Authz: n.Authz, Accounting: n.Accounting, Custom: n.Custom}}
	return nil
}

// MarshalJSON writes the form that was read.
func (f FSM) MarshalJSON() ([]byte, error) {
	if f.All != "" {
		return json.Marshal(f.All)
	}
	return json.Marshal(tableNames{Authn: f.Each[Authn], Authz: f.Each[Authz], Accounting: f.Each[Accounting], Custom: f.Each[Custom]})
}
