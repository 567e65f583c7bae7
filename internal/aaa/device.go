package aaa

import (
	"fmt"
	"net/netip"
)

// Device is what a request has that a network device sent itself. It is made in the process that verified the packet, and is never taken
// from another one.
type Device struct {
	Protocol ClientProtocol
	Owner    AccountID // of the client's document; that of the request is below it where the realm chose
	Client   string    // the name of the client's document
	NASType  string
	From     netip.Addr // that the packet came from
	// AVPs are the packet's, in order, hidden values revealed, without those of one hop alone (Message-Authenticator, Proxy-State) and without
	// State. Those of TACACS+ are its header fields and arguments, by the definitions of dictionary_tacacs (crossing.Field,
	// crossing.Argument); a record's flags are one or two Acct-Status-Type (RFC 2866 §5.1).
	AVPs []AVP
}

// User is the user's name that the device sent.
func (d *Device) User() (name string, ok bool) { return d.text((*Attribute).NamesUser) }

// Password is the password in clear text that the device sent.
func (d *Device) Password() (password string, ok bool) { return d.text((*Attribute).clearPassword) }

// text is the first value of an attribute.
func (d *Device) text(which func(*Attribute) bool) (string, bool) {
	for i := range d.AVPs {
		if v := &d.AVPs[i]; v.Attr != nil && !v.Invalid && which(v.Attr) {
			return string(v.Value), true
		}
	}
	return "", false
}

// Format implements fmt.Formatter: the AVPs, passwords among them, are not printed.
func (d Device) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%s device %s at %s, %d attributes", d.Protocol, d.Client, d.From, len(d.AVPs))
}

// DeviceReply is a server's answer to a Device's request as the server gave it.
type DeviceReply struct {
	Engine string // of the server
	AVPs   []AVP  // hidden ones too
}

// Format implements fmt.Formatter: the AVPs, keys among them, are not printed.
func (r DeviceReply) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "a reply of %s, %d attributes", r.Engine, len(r.AVPs))
}
