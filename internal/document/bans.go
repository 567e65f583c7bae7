package document

import (
	"fmt"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
)

// bans refuses to score by keys that hold secrets: the values of scored keys are stored and shown.
func (c *check) bans() {
	var secret []string
	if len(c.doc.Bans.By) > 0 && len(c.faults) == 0 { // else programs and dictionaries may be missing
		secret = c.secretKeys()
	}
	for i, key := range c.doc.Bans.By {
		if aaa.SensitiveName(key) || key == stateKey || slices.Contains(secret, key) {
			c.fault(fmt.Sprintf("bans.by.%d", i), "secret", "holds a password or another secret, and the values of scored keys are stored and shown: name another key", key)
		}
	}
}

// secretKeys lists the request keys that a rule takes to a secret of any server.
func (c *check) secretKeys() []string {
	var list []string
	sets := make(map[string]*dict.Set)
	for _, program := range c.programs {
		for i := range c.doc.Servers {
			list = append(list, program.Bind(c.set(&c.doc.Servers[i], sets), aaa.CustomAVP).SecretKeys()...)
		}
	}
	return list
}

// stateKey is the request key of a challenge's State, which may stand for a login.
const stateKey = "State"
