// Package radius is the RADIUS client engine over UDP (RFC 2865, 2866, 2868,
// 2869, 5080, 5997, 6929). The codec is package aaa-api/internal/radius.
//
// A Client belongs to one server. An exchange goes as follows:
//
//   - Exchange builds the packet (request.go, password.go), chooses among the addresses of the server's name (resolve.go,
//     address.go), takes an identifier at that address on one of the node's sockets (remote.go, slots.go), sends, and waits
//     for the socket's reader, a timer or the context (exchange.go).
//   - Each socket has one reader. It finds the request by address, port and identifier, and verifies the reply (receive.go).
//     A reply that does not verify is dropped: it neither ends the exchange nor moves its timer (unfit.go).
//     Errors from the network are sorted by whether the server can be reached (trouble.go).
//   - From replies that verify the client learns which ones must be signed (demands.go), and which of two secrets
//     the server has while it is being changed (keys.go).
//   - The exchange decodes the verified reply and reports the server's health. While that is not alive, a prober
//     asks for it (probe.go).
//
// All servers share the sockets (sockets.go), so a Client that is not in use has neither socket nor goroutine.
package radius
