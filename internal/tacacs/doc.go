// Package tacacs is the codec of TACACS+ (RFC 8907): octets to values and back, without I/O.
//
// A packet is a Header (header.go) and one of seven bodies (authen.go, author.go, acct.go). Each body encodes and
// decodes, so that clients and servers share one codec. Obfuscate hides a body under the shared secret (obfuscate.go).
//
// Decoding is strict about lengths: those that a body states must add up to the body's own length, to the octet. It
// accepts any content, since devices and servers send much that the RFC forbids; Validate checks the content.
//
// Errors of decoding are a Fault, errors of encoding and of Validate are a *FieldError.
package tacacs
