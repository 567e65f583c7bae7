package aaa

import "net/netip"

// Device is what a request has that a network device sent itself. It is made in the process that verified the packet, and is never taken
// from another one.
type Device struct {
	Protocol ClientProtocol
	Owner    AccountID // of the client's document; that of the request is below it where the realm chose
	Client   string    // the name of the client's document
	NASType  string
	From     netip.Addr // that the packet came from
	// AVPs are the packet's, in order, hidden values revealed, without those of one hop alone (Message-Authenticator, Proxy-State) and without
	// State. Those of TACACS+ are its header fields and arguments.
	AVPs []AVP
}

// DeviceReply is a server's answer to a Device's request as the server gave it.
type DeviceReply struct {
	Engine string // of the server
	AVPs   []AVP  // hidden ones too
}
