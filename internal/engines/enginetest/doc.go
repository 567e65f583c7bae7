// Package enginetest is what engines are tested with: a conformance suite that any
// engine runs (suite.go), a RADIUS server that misbehaves as a script says (scripted.go),
// and a real FreeRADIUS with a private configuration (freeradius.go).
package enginetest
