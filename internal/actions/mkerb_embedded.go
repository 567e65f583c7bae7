//go:build embedded

package actions

import "aaa-api/internal/router"

// mkerb stands for MKERB in a binary built for a first try: Kerberos is a twentieth of a build from nothing.
func mkerb() router.Action {
	return Gone{"MKERB", "this binary was built without Kerberos: make build makes one that has it"}
}
