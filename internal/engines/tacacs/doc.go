// Package tacacs is the client side of TACACS+ (RFC 8907) and of TACACS+ over TLS 1.3
// (RFC 9887). Its packets are those of the codec, internal/tacacs.
//
// The connection manager talks to one server. Its parts, from the caller down:
//
//   - A Session (session.go) is one authentication, authorization or accounting exchange: a
//     request and its reply, or for an authentication several rounds. It ends with a final
//     reply, with a deadline of its own, or with a typed error when its connection goes.
//   - A Manager (manager.go, dial.go) gives each new Session a place on a connection: an idle
//     shared one, a new one while there are few, the least busy one. Sessions stay
//     independent: they interleave on a connection and end in any order.
//   - A connection (conn.go, reader.go) has one writer that sends what is queued and one
//     reader that finds the session of a reply by its id. When the socket closes, each
//     session on it is told.
//
// # Single connection mode
//
// The first session of a connection goes alone, with TAC_PLUS_SINGLE_CONNECT_FLAG; until the
// reply to its first packet has granted the mode, no second session may use the connection
// (RFC 8907 §4.3). Where it is refused, the connection is closed after that session, and
// every session has a connection of its own.
//
// # Two secrets
//
// While a server's secret is being changed, Secrets holds both. A new Manager uses the
// current one. When a first packet is answered by what is garbage under the secret in use, by an
// empty body (§4.5), or by the close of a connection that has never carried a sensible
// reply, the session starts again once, on another connection under the other secret.
// The server can't have understood both packets, so nothing is done twice. The secret
// that worked last is the one that new connections use, and those under the other one are
// drained. Without a second secret such a session fails.
package tacacs
