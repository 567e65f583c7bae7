// Package conns holds the connections to a TACACS+ server and runs sessions on them.
//
// A caller sees two types. A Manager is one server: it opens sessions and is retired. A Session is one authentication,
// authorization or accounting exchange (session.go): Exchange sends a request and returns its reply, Abort and Close
// end the session. It ends with a final reply, with a deadline of its own, or with a typed error when its connection goes.
//
// Below them:
//
//   - A Manager gives each new session a place on a connection (place.go, choose.go): an idle shared one, a new one
//     while there are few, the least busy one. Sessions interleave on a connection and end in any order.
//   - A connection (conn.go, reader.go) has one writer, which sends what is queued, and one reader, which finds the
//     session of a reply by its id. When the socket closes, each session on it gets the error.
//   - What a server has shown of how it works decides how many sessions a connection carries (pace.go, traffic.go).
//
// One mutex, the Manager's, guards all of this. Each type writes its own fields only, and changes those of another
// type through its methods; a test keeps it so.
//
// # Single connection mode
//
// The first session of a connection goes alone, with TAC_PLUS_SINGLE_CONNECT_FLAG. No second session may use the
// connection until the reply to its first packet has granted the mode (RFC 8907 §4.3). If the server refuses it, the
// connection is closed after that session, and every session has a connection of its own.
//
// # Two secrets
//
// While a server's secret is being changed, Secrets holds both. A new Manager uses the current one. A session starts
// again once, on another connection under the other secret, if its first packet is answered by garbage under the
// secret in use, by an empty body (§4.5), or by the close of a connection that has never carried a sensible reply.
// The server can't have understood both packets, so nothing is done twice. New connections use the secret that worked
// last, and those under the other one are drained. Without a second secret such a session fails.
package conns
