package crossing

import "aaa-api/internal/aaa"

// Attributes of RADIUS, whatever dictionaries a document names (RFC 2865, RFC 2866, RFC 2869, RFC 2548, RFC 3162).
var (
	attrUserName         = standard(1, "User-Name", aaa.TypeString)
	attrUserPassword     = &aaa.Attribute{Name: "User-Password", Number: 2, Type: aaa.TypeString, Enc: aaa.EncUser, Hidden: true, Wire: true}
	attrCHAPPassword     = &aaa.Attribute{Name: "CHAP-Password", Number: 3, Type: aaa.TypeOctets, Hidden: true, Wire: true}
	attrNASIPAddress     = standard(4, "NAS-IP-Address", aaa.TypeIPAddr)
	attrNASPort          = standard(5, "NAS-Port", aaa.TypeInteger)
	attrServiceType      = standard(6, "Service-Type", aaa.TypeInteger)
	attrFramedIPAddress  = standard(8, "Framed-IP-Address", aaa.TypeIPAddr)
	attrFilterID         = standard(11, "Filter-Id", aaa.TypeString)
	attrReplyMessage     = standard(18, "Reply-Message", aaa.TypeString)
	attrCallbackNumber   = standard(19, "Callback-Number", aaa.TypeString)
	attrFramedRoute      = standard(22, "Framed-Route", aaa.TypeString)
	attrSessionTimeout   = standard(27, "Session-Timeout", aaa.TypeInteger)
	attrIdleTimeout      = standard(28, "Idle-Timeout", aaa.TypeInteger)
	attrCallingStationID = standard(31, "Calling-Station-Id", aaa.TypeString)

	attrAcctStatusType      = standard(40, "Acct-Status-Type", aaa.TypeInteger)
	attrAcctInputOctets     = standard(42, "Acct-Input-Octets", aaa.TypeInteger)
	attrAcctOutputOctets    = standard(43, "Acct-Output-Octets", aaa.TypeInteger)
	attrAcctSessionID       = standard(44, "Acct-Session-Id", aaa.TypeString)
	attrAcctSessionTime     = standard(46, "Acct-Session-Time", aaa.TypeInteger)
	attrAcctInputPackets    = standard(47, "Acct-Input-Packets", aaa.TypeInteger)
	attrAcctOutputPackets   = standard(48, "Acct-Output-Packets", aaa.TypeInteger)
	attrAcctInputGigawords  = standard(52, "Acct-Input-Gigawords", aaa.TypeInteger)
	attrAcctOutputGigawords = standard(53, "Acct-Output-Gigawords", aaa.TypeInteger)
	attrEventTimestamp      = standard(55, "Event-Timestamp", aaa.TypeDate)
	attrCHAPChallenge       = &aaa.Attribute{Name: "CHAP-Challenge", Number: 60, Type: aaa.TypeOctets, Hidden: true, Wire: true}
	attrPrompt              = standard(76, "Prompt", aaa.TypeInteger)
	attrNASPortID           = standard(87, "NAS-Port-Id", aaa.TypeString)
	attrFramedPool          = standard(88, "Framed-Pool", aaa.TypeString)
	attrNASIPv6Address      = standard(95, "NAS-IPv6-Address", aaa.TypeIPv6Addr)

	attrCiscoAVPair     = ofVendor(&cisco, 1, "Cisco-AVPair", aaa.TypeString, false)
	attrMSCHAPResponse  = ofVendor(&microsoft, 1, "MS-CHAP-Response", aaa.TypeOctets, true)
	attrMSCHAPChallenge = ofVendor(&microsoft, 11, "MS-CHAP-Challenge", aaa.TypeOctets, true)
	attrMSCHAP2Response = ofVendor(&microsoft, 25, "MS-CHAP2-Response", aaa.TypeOctets, true)
)

var (
	cisco     = aaa.Vendor{Name: "Cisco", Number: 9, TypeOctets: 1, LengthOctets: 1}
	microsoft = aaa.Vendor{Name: "Microsoft", Number: 311, TypeOctets: 1, LengthOctets: 1}
	tacacs    = aaa.Vendor{Name: "TACACS-Plus", Number: aaa.VendorTACACS, TypeOctets: 2, LengthOctets: 1}
)

// The header fields of TACACS+, numbered as dictionary_tacacs has them.
var fields = map[string]*aaa.Attribute{
	"user":           ofVendor(&tacacs, 1, "user", aaa.TypeString, false),
	"password":       ofVendor(&tacacs, 2, "password", aaa.TypeString, true),
	"new_password":   ofVendor(&tacacs, 3, "new_password", aaa.TypeString, true),
	"port":           ofVendor(&tacacs, 4, "port", aaa.TypeString, false),
	"rem_addr":       ofVendor(&tacacs, 5, "rem_addr", aaa.TypeString, false),
	"authen_type":    ofVendor(&tacacs, 6, "authen_type", aaa.TypeByte, false),
	"authen_method":  ofVendor(&tacacs, 7, "authen_method", aaa.TypeByte, false),
	"priv_lvl":       ofVendor(&tacacs, 8, "priv_lvl", aaa.TypeByte, false),
	"authen_service": ofVendor(&tacacs, 9, "authen_service", aaa.TypeByte, false),
	"action":         ofVendor(&tacacs, 10, "action", aaa.TypeByte, false),
	"user_msg":       ofVendor(&tacacs, 11, "user_msg", aaa.TypeString, true),
	"server_msg":     ofVendor(&tacacs, 12, "server_msg", aaa.TypeString, false),
	"data":           ofVendor(&tacacs, 13, "data", aaa.TypeOctets, true),
	"chap_id":        ofVendor(&tacacs, 14, "chap_id", aaa.TypeByte, false),
	"chap_challenge": ofVendor(&tacacs, 15, "chap_challenge", aaa.TypeOctets, true),
	"chap_response":  ofVendor(&tacacs, 16, "chap_response", aaa.TypeOctets, true),
}

// Field is the definition of a header field of TACACS+ by its name in dictionary_tacacs, nil for any other name.
func Field(name string) *aaa.Attribute { return fields[name] }

// Argument is the definition of an argument of TACACS+.
func Argument(name string) *aaa.Attribute { return aaa.NewArgument(name) }

func standard(n uint32, name string, t aaa.Type) *aaa.Attribute {
	return &aaa.Attribute{Name: name, Number: n, Type: t, Wire: true}
}

func ofVendor(v *aaa.Vendor, n uint32, name string, t aaa.Type, hidden bool) *aaa.Attribute {
	return &aaa.Attribute{Name: name, Vendor: v, Number: n, Type: t, Hidden: hidden, Wire: true}
}

// is reports whether two definitions are of one place in a packet, neither in a container. Arguments go by name.
func is(a, b *aaa.Attribute) bool {
	if a == nil || inside(a) || a.Number != b.Number || (a.Vendor == nil) != (b.Vendor == nil) {
		return false
	}
	return a.Vendor == nil || a.Vendor.Number == b.Vendor.Number
}

// inside reports whether an attribute is in a container other than Vendor-Specific.
func inside(a *aaa.Attribute) bool { return a.Parent != nil && a.Parent.Type != aaa.TypeVSA }

// first is the first valid value of an attribute.
func first(avps []aaa.AVP, a *aaa.Attribute) ([]byte, bool) {
	for i := range avps {
		if !avps[i].Invalid && is(avps[i].Attr, a) {
			return avps[i].Value, true
		}
	}
	return nil, false
}

// integer reads a value of up to 4 octets.
func integer(b []byte) (n uint32) {
	for _, o := range b[:min(len(b), 4)] {
		n = n<<8 | uint32(o)
	}
	return n
}
