// Package avp turns AVPs into RADIUS attributes and back, by the definitions of a dictionary (RFC 2865 §5, 2868, 4849, 6929
// and the formats of vendors). It sits on package radius, which knows attributes as numbers and octets alone.
//
// The dictionary comes in as an aaa.Dictionary: what the codec needs of a definition is in aaa.Attribute and aaa.Vendor, so it
// takes nothing of package dict. Values are octets on both sides; package dict makes them of texts and JSON.
//
// An Encoder and a Decoder serve requests and replies alike, so a client and a server for devices share them. What differs
// is policy, and stays with them: which attributes a packet must have, which are filled in, which may not go on.
package avp
