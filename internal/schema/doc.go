// Package schema reads JSON from strangers and checks it against the schemas of
// the folder schemas.
//
// Reading is stricter than encoding/json: see Parse. Faults are *aaa.Error of
// KindBadInput whose Fields name the place. What a member of the schemas marks
// as writeOnly, or a name that sounds like a secret, is never repeated in a fault.
package schema
