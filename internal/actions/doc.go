// Package actions is what the lines of state machine tables do: the AATVs of the Merit
// server, one a file. All lists them; a new one is a new file and a line there. Docs/fsm has
// a page for each.
package actions
