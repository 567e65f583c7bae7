// Package session is the life of AAA sessions: a login of as many rounds as its server
// asks for, the accounting that follows it, and its end.
//
// All of it is in the store, so that any node may take the next step and a restart
// loses nothing; state.go says what may be done when. A verb that needs a server first
// writes that it is under way, then asks, and then writes the answer: of two callers
// at once the record's revision lets one begin. What a session does by itself (interim
// updates, timeouts, a Stop that must be tried again) is driven from the store too: every node
// claims sessions that are due, each for a time.
package session
