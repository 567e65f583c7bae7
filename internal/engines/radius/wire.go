package radius

import (
	"aaa-api/internal/aaa"
)

// Packet codes (RFC 2865 §3, RFC 2866 §3, RFC 5997).
const (
	codeAccessRequest      = 1
	codeAccessAccept       = 2
	codeAccessReject       = 3
	codeAccountingRequest  = 4
	codeAccountingResponse = 5
	codeAccessChallenge    = 11
	codeStatusServer       = 12
)

const (
	headerLen = 20   // code, identifier, length, authenticator
	authLen   = 16   // an authenticator
	maxPacket = 4096 // RFC 2865 §3
	maxAttr   = 255  // an attribute with its type and length octets
	maxDepth  = 9    // attributes from the top to a leaf, either way: dict.MaxDepth containers and the leaf
)

// Attributes of the standard space that the engine itself reads or writes.
const (
	attrUserName      = 1
	attrUserPassword  = 2
	attrCHAPPassword  = 3
	attrNASIPAddress  = 4
	attrNASPort       = 5
	attrReplyMessage  = 18
	attrState         = 24
	attrVendor        = 26
	attrNASIdentifier = 32
	attrStatusType    = 40
	attrDelayTime     = 41
	attrSessionID     = 44
	attrSessionTime   = 46
	attrTerminate     = 49
	attrTimestamp     = 55
	attrCHAPChallenge = 60
	attrPrompt        = 76
	attrEAPMessage    = 79
	attrMessageAuth   = 80
	attrNASIPv6       = 95
)

// Microsoft's attributes for MS-CHAP (RFC 2548 §2).
const (
	vendorMicrosoft     = 311
	attrMSCHAPResponse  = 1
	attrMSCHAPChallenge = 11
	attrMSCHAP2Response = 25
)

// Acct-Status-Type values (RFC 2866 §5.1).
const (
	statusStart = 1
	statusStop  = 2
)

// promptEcho is the value of Prompt that has the user's answer shown (RFC 2869 §5.10).
const promptEcho = 1

// standard returns the number of an attribute at the top of the standard space, else 0.
func standard(a *aaa.Attribute) uint32 {
	if a.Vendor == nil && !nested(a) {
		return a.Number
	}
	return 0
}

// microsoft returns the number of an attribute at the top of Microsoft's space, else 0.
func microsoft(a *aaa.Attribute) uint32 {
	if a.Vendor != nil && a.Vendor.Number == vendorMicrosoft && !nested(a) {
		return a.Number
	}
	return 0
}

// nested reports whether an attribute sits inside a container of its own space;
// Vendor-Specific itself is not one, its framing follows from Attribute.Vendor.
func nested(a *aaa.Attribute) bool {
	return a.Parent != nil && a.Parent.Type != aaa.TypeVSA
}

// vendorOf finds a vendor by number. One that the dictionaries do not know has the usual format.
func vendorOf(d aaa.Dictionary, number uint32) *aaa.Vendor {
	if v := d.Vendor(number); v != nil {
		return v
	}
	return &aaa.Vendor{Number: number, TypeOctets: 1, LengthOctets: 1}
}

// fixedSize is the one length of values of a type in octets, 0 where it varies.
func fixedSize(t aaa.Type) int {
	switch t {
	case aaa.TypeByte, aaa.TypeBool:
		return 1
	case aaa.TypeShort:
		return 2
	case aaa.TypeInteger, aaa.TypeSigned, aaa.TypeDate, aaa.TypeIPAddr:
		return 4
	case aaa.TypeEther, aaa.TypeIPv4Prefix:
		return 6
	case aaa.TypeInteger64, aaa.TypeIfID:
		return 8
	case aaa.TypeIPv6Addr:
		return 16
	default:
		return 0
	}
}

// rightSize reports whether n octets can be a value of the attribute, or several of an array.
func rightSize(a *aaa.Attribute, n int) bool {
	switch {
	case a.Length > 0:
		return n == a.Length
	case a.Type == aaa.TypeComboIP:
		return n == 4 || n == 16
	case a.Type == aaa.TypeIPv6Prefix:
		return n >= 2 && n <= 18
	case a.Type == aaa.TypeIPv4Prefix && !a.Array:
		return n >= 2 && n <= 6
	}
	size := fixedSize(a.Type)
	return size == 0 || n == size || a.Array && n > 0 && n%size == 0
}

// wide reports the types whose tag lies in the first of four octets (RFC 2868 §3.1).
func wide(t aaa.Type) bool {
	return t == aaa.TypeInteger || t == aaa.TypeSigned || t == aaa.TypeDate
}
