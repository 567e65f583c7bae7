package crossing

import "aaa-api/internal/aaa"

// where is a set of the packets that a Line is for.
type where uint8

const (
	inAuthn where = 1 << iota
	inAuthz
	inAccounting
	inReply

	inRequest = inAuthn | inAuthz | inAccounting
)

// requestOf is the packet of an operation's request.
func requestOf(op aaa.Op) where {
	switch op {
	case aaa.Authn:
		return inAuthn
	case aaa.Accounting:
		return inAccounting
	default:
		return inAuthz
	}
}

// form is how a value changes on its way.
type form uint8

const (
	special  form = iota // code of its own: see Line.How
	text                 // octets as they are
	number               // 4 octets and decimal text
	minutes              // seconds as 4 octets, and minutes as decimal text
	address              // 4 octets and dotted text
	toTACACS             // a number as text, which does not come back
)

// Line is a line of the table: an attribute of RADIUS and its counterpart in TACACS+.
type Line struct {
	RADIUS string // by the names of the dictionaries; several are joined by commas
	TACACS string // a header field, or an argument with = behind its name; several are joined by commas
	How    string // how the value changes

	attr *aaa.Attribute // nil for special lines
	name string         // of the field or argument
	in   where
	form form
}

// Where says in which packets the line holds.
func (l *Line) Where() string {
	switch l.in {
	case inRequest:
		return "requests"
	case inAuthn:
		return "logins"
	case inAccounting:
		return "accounting"
	case inAuthz:
		return "authorisations"
	case inReply:
		return "answers"
	case inAuthz | inAccounting:
		return "authorisations, accounting"
	case inAccounting | inReply:
		return "accounting, answers"
	case inAuthz | inAccounting | inReply:
		return "authorisations, accounting, answers"
	}
	return "requests, answers"
}

// How values change.
const (
	asItIs     = "as it is"
	asDecimal  = "as decimal text"
	wholeMins  = "seconds; minutes, rounded up"
	addressAs  = "as text; 255.255.255.254 and .255, which are no addresses, are left out"
	withUpper  = "as decimal text, with the upper 32 bits"
	toLoginSvc = "Framed-User: authen_service ppp; Administrative-User: priv_lvl 15; others: priv_lvl 1. Back: ppp, then enable or priv_lvl 15, else NAS-Prompt-User"
	toService  = "Framed-User: service=ppp and protocol=ip; else service=shell, and Administrative-User: priv_lvl 15. Back: likewise, by service and priv_lvl"
	toPrivLvl  = "Administrative-User: 15; NAS-Prompt-User: 1, unless a Cisco-AVPair says it. Back: 15 and less than 15, beside the Cisco-AVPair"
	toTimes    = "seconds since 1970: start_time of a start, stop_time of a stop"
	toInACL    = "a name that ends in .in or none: inacl; in .out: outacl. Back: outacl gets .out"
	toMessages = "several are lines of one server_msg; a long one is cut into several Reply-Messages"
	toPairs    = "`shell:name=value`, an optional one `shell:name*value`; of service=ppp with the protocol in place of shell"
	toHash     = "the same octets in another order"
	toFlags    = "Start, Stop, Interim-Update: START, STOP, WATCHDOG; Accounting-On and -Off: START and STOP of service=system, event=sys_acct"
	ofDevice   = "to RADIUS alone: the address that the device's packet came from"
	ifNoPortID = "to TACACS+ alone, without a NAS-Port-Id: as decimal text"
	toEcho     = "of a challenge, to RADIUS alone: Echo if what the user types may be shown, else No-Echo"
)

// Lines is the table. Of several lines for one attribute the first that fits counts.
var Lines = []Line{
	{RADIUS: "User-Name", TACACS: "user", How: asItIs, attr: attrUserName, name: "user", in: inRequest, form: text},
	{RADIUS: "User-Password", TACACS: "password", How: asItIs, attr: attrUserPassword, name: "password", in: inAuthn, form: text},
	{RADIUS: "CHAP-Password, CHAP-Challenge", TACACS: "chap_id, chap_challenge, chap_response", How: toHash, in: inAuthn},
	{RADIUS: "MS-CHAP-Response, MS-CHAP-Challenge", TACACS: "chap_id, chap_challenge, chap_response", How: toHash, in: inAuthn},
	{RADIUS: "MS-CHAP2-Response, MS-CHAP-Challenge", TACACS: "chap_id, chap_challenge, chap_response", How: toHash, in: inAuthn},
	{RADIUS: "NAS-Port-Id", TACACS: "port", How: asItIs, attr: attrNASPortID, name: "port", in: inRequest, form: text},
	{RADIUS: "NAS-Port", TACACS: "port", How: ifNoPortID, attr: attrNASPort, name: "port", in: inRequest, form: toTACACS},
	{RADIUS: "Calling-Station-Id", TACACS: "rem_addr", How: asItIs, attr: attrCallingStationID, name: "rem_addr", in: inRequest, form: text},
	{RADIUS: "NAS-IP-Address, NAS-IPv6-Address", TACACS: "–", How: ofDevice, in: inRequest},
	{RADIUS: "Service-Type", TACACS: "authen_service, priv_lvl", How: toLoginSvc, in: inAuthn},
	{RADIUS: "Service-Type", TACACS: "service=, protocol=, priv_lvl", How: toService, in: inAuthz | inAccounting},
	{RADIUS: "Acct-Status-Type", TACACS: "the record's flags", How: toFlags, in: inAccounting},
	{RADIUS: "Acct-Session-Id", TACACS: "task_id=", How: asItIs, attr: attrAcctSessionID, name: "task_id", in: inAccounting, form: text},
	{RADIUS: "Acct-Session-Time", TACACS: "elapsed_time=", How: asDecimal, attr: attrAcctSessionTime, name: "elapsed_time", in: inAccounting, form: number},
	{RADIUS: "Acct-Input-Octets, Acct-Input-Gigawords", TACACS: "bytes_in=", How: withUpper, in: inAccounting},
	{RADIUS: "Acct-Output-Octets, Acct-Output-Gigawords", TACACS: "bytes_out=", How: withUpper, in: inAccounting},
	{RADIUS: "Acct-Input-Packets", TACACS: "paks_in=", How: asDecimal, attr: attrAcctInputPackets, name: "paks_in", in: inAccounting, form: number},
	{RADIUS: "Acct-Output-Packets", TACACS: "paks_out=", How: asDecimal, attr: attrAcctOutputPackets, name: "paks_out", in: inAccounting, form: number},
	{RADIUS: "Event-Timestamp", TACACS: "start_time=, stop_time=", How: toTimes, in: inAccounting},
	{RADIUS: "Framed-IP-Address", TACACS: "addr=", How: addressAs, attr: attrFramedIPAddress, name: "addr", in: inAccounting | inReply, form: address},
	{RADIUS: "Service-Type", TACACS: "priv-lvl=", How: toPrivLvl, in: inReply},
	{RADIUS: "Session-Timeout", TACACS: "timeout=", How: wholeMins, attr: attrSessionTimeout, name: "timeout", in: inReply, form: minutes},
	{RADIUS: "Idle-Timeout", TACACS: "idletime=", How: wholeMins, attr: attrIdleTimeout, name: "idletime", in: inReply, form: minutes},
	{RADIUS: "Filter-Id", TACACS: "inacl=, outacl=", How: toInACL, in: inReply},
	{RADIUS: "Framed-Pool", TACACS: "addr-pool=", How: asItIs, attr: attrFramedPool, name: "addr-pool", in: inReply, form: text},
	{RADIUS: "Framed-Route", TACACS: "route=", How: asItIs, attr: attrFramedRoute, name: "route", in: inReply, form: text},
	{RADIUS: "Callback-Number", TACACS: "callback-dialstring=", How: asItIs, attr: attrCallbackNumber, name: "callback-dialstring", in: inReply, form: text},
	{RADIUS: "Reply-Message", TACACS: "server_msg", How: toMessages, in: inReply},
	{RADIUS: "Prompt", TACACS: "–", How: toEcho, in: inReply},
	{RADIUS: "Cisco-AVPair", TACACS: "every other argument", How: toPairs, in: inAuthz | inAccounting | inReply},
}

// lineOf finds the line of an attribute of RADIUS; nil where it is special or there is none.
func lineOf(a *aaa.Attribute, in where) *Line {
	for i := range Lines {
		if l := &Lines[i]; l.in&in != 0 && l.attr != nil && is(a, l.attr) {
			return l
		}
	}
	return nil
}

// lineNamed finds the line of a field or an argument of TACACS+, alike.
func lineNamed(name string, in where) *Line {
	for i := range Lines {
		if l := &Lines[i]; l.in&in != 0 && l.attr != nil && l.form != toTACACS && l.name == name {
			return l
		}
	}
	return nil
}
