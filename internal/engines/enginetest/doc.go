// Package enginetest is what engines are tested with: a conformance suite that any
// engine runs (suite.go), a RADIUS server and a TACACS+ server that run a test's script (scripted.go,
// tacacspeer.go), and a real FreeRADIUS with a private configuration (freeradius.go).
package enginetest
