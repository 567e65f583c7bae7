package main

import "testing"

// TestTenants runs tenants with servers of different kinds on one node, each with accounts of its own.
func TestTenants(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	p := start(t, dir, nil)
	token := readToken(t, dir, "admin.token")
	t.Run("FreeRADIUS", func(t *testing.T) { freeRADIUS(t, p, token) })
	t.Run("shipped tables", func(t *testing.T) { shippedTables(t, p, token) })
	t.Run("TACACS+", func(t *testing.T) { tacacsAndRADIUS(t, p, token) })
	t.Run("TACACS+ errors", func(t *testing.T) { tacacsErrors(t, p, token) })
	t.Run("TACACS+ closes", func(t *testing.T) { tacacsCloses(t, p, token) })
	t.Run("disabled account", func(t *testing.T) { disabledSessions(t, p, token) })
	t.Run("TACACS+ arguments of its own", func(t *testing.T) { ownTACACSArguments(t, p, token) })
	t.Run("server names", func(t *testing.T) { serverNames(t, p, token) })
	t.Run("records that cannot be sent", func(t *testing.T) { recordsThatCannotBeSent(t, p, token) })
	p.stop()
}
