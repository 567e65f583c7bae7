// Package tacacs is the engine of TACACS+ (RFC 8907) and of TACACS+ over TLS 1.3 (RFC 9887) towards servers.
//
// A client (client.go) is one server of a document. It turns a request's attributes into fields and arguments
// (mapping.go), asks the server (login.go, authorize.go, record.go), and turns the reply into attributes. A login that
// waits for its user is a dialogue (dialogue.go): the node keeps its session, and the caller has a handle to it.
//
// Packets are those of the codec, internal/tacacs. They travel on the connections of conns.
package tacacs
