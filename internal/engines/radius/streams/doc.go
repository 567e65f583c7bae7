// Package streams holds the connections to a RADIUS server that is reached over TLS (RFC 6613, 6614, 9765), and matches replies to
// requests on them. It knows packets by their header alone: what they mean, and whether a reply verifies, is for the engine.
//
//   - A Manager is one server. Manager.Place reserves an identifier (RADIUS/1.0) or a token (RADIUS/1.1) on a connection, and dials
//     where there is none with room (manager.go, dial.go). Place.Exchange sends the packet and waits for its reply (place.go).
//   - A connection has one writer and one reader (conn.go, read.go). A reply to no request is late, and is dropped: the connection
//     stays. Octets that are no packet end it, since the next packet may begin anywhere.
//   - Nothing is sent twice on a connection: the stream is reliable (RFC 6613 §2.6). A request whose connection ends before its reply fails
//     with a Lost. The server may have it already, so that only one that was never written may go to the same server again.
//   - A connection on which nothing arrives is asked by Status-Server (watch.go).
//
// One mutex, the Manager's, guards all of it. Replies are checked outside of it.
package streams
