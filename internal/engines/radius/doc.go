// Package radius is the RADIUS client engine over UDP (RFC 2865, 2866, 2868,
// 2869, 5080, 5997, 6929).
//
// A Client belongs to one server. Its life is short to tell:
//
//   - Exchange builds the packet (request.go, frame.go, hide.go), chooses among the addresses of the server's
//     name (resolve.go, address.go), takes an identifier on one of the Client's connected sockets
//     (socket.go), sends, and waits for the socket's reader, a timer or the context (exchange.go).
//   - One reader a socket finds the request by identifier and verifies the reply
//     (verify.go). What does not verify is dropped: it neither ends the exchange nor moves its timer.
//     What the network complains of is sorted by whether the server can be reached (trouble.go).
//   - From replies that verify the client learns which ones must be signed (demands.go), and which of two secrets
//     the server has while it is being changed (keys.go).
//   - The exchange decodes the verified reply (decode.go) and tells the server's
//     health; while that is not alive, a prober asks for it (probe.go).
//
// Sockets open when identifiers run out or the others are silent, hold 256 requests each, and close when
// idle. A Client that was opened and never used has neither socket nor goroutine.
package radius
