// Package radius is the RADIUS codec, octets only: packets, the ciphers of hidden attributes, and the authenticators
// that both ends make and check (RFC 2865, 2866, 2868, 2869, 3579, 5176, 5997, 9765). It does no I/O, keeps no state of an
// exchange and imports nothing of the project.
//
// The codec has two layers, because its users need different ones:
//
//   - This package knows a packet as a header and attributes of a number and up to 253 octets. A client signs a request
//     (Key.SignRequest) and checks the reply (Key.VerifyReply); a server checks the request (Key.VerifyRequest) and signs
//     the reply (Key.SignReply). What sits on the wire without dictionaries, such as a test server, needs no more.
//   - Package avp, above it, turns AVPs into attributes and back, by the definitions of a dictionary: vendor formats,
//     TLVs, fragments, tags, and which of the ciphers hides a value. An engine and a server for devices need both.
//
// Neither layer knows in which direction a packet goes: what differs is who makes the authenticator and who checks it.
// Errors are values of this package. Their texts say "packet", and each caller says in its own words what they mean for a
// request or a reply.
package radius
