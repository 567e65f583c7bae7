// Package fsm is the language of state machine tables, after the Merit AAA
// server: reading, checking, compiling, drawing and simulating them.
//
// A table is a list of states, each a list of lines. A line names an event (the state in
// which an action was started, the action, what it answered), the action to take, and the
// next state. Next is the pure heart: (state, event) → line. What actions do is
// not known here: package router runs them, and gives this package their Specs alone.
//
// A Source is a table as written, with its comments; it turns into text and JSON and
// back. A Table is a Source compiled: small, immutable, shared by all requests.
package fsm
