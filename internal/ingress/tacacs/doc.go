// Package tacacs is the TACACS+ server (RFC 8907, RFC 9887) in the process that holds the secrets. It takes packets as a listener read them,
// finds the client and the secret, asks the AAA service, and makes the reply. It does no I/O of its own.
//
// FAIL says that the answer is no. ERROR says that there is no answer, so that the device asks its next server. A packet is answered within
// the client's reply_within, whatever the service does.
//
// An authorization or an accounting record is one packet. A login of type ascii is a dialogue (login.go), which waits for its user in
// sessions (sessions.go). Faults of devices that a client's quirks forgive are in quirks.go.
package tacacs
