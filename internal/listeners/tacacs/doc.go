// Package tacacs is the listener for TACACS+ devices (RFC 8907, RFC 9887) in the process that strangers reach. It cuts streams into packets
// and holds no secret: each packet goes to the process that has them, and what comes back is written as it is.
//
// Everything is bounded: connections in all and of an address, the length of a packet, the time for a part of it, and packets of a connection
// that are being answered. A connection of a stranger ends in silence.
package tacacs
