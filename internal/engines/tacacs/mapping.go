package tacacs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// The header fields of requests and replies as dictionary_tacacs numbers them. The arguments
// begin at aaa.FirstArgument and go by name.
const (
	fieldUser          = 1
	fieldPassword      = 2
	fieldNewPassword   = 3
	fieldPort          = 4
	fieldRemAddr       = 5
	fieldAuthenType    = 6
	fieldAuthenMethod  = 7
	fieldPrivLvl       = 8
	fieldAuthenService = 9
	fieldAction        = 10
	fieldUserMsg       = 11
	fieldServerMsg     = 12
	fieldData          = 13
	fieldCHAPID        = 14
	fieldCHAPChallenge = 15
	fieldCHAPResponse  = 16
)

// Attributes of RADIUS that mean something here too, so that one set of rules serves servers of
// both protocols. What TACACS+ has a name of its own for wins where a request brings both.
const (
	radiusUserName        = 1
	radiusUserPassword    = 2
	radiusState           = 24
	radiusCallingStation  = 31
	radiusStatusType      = 40
	radiusInputOctets     = 42
	radiusOutputOctets    = 43
	radiusSessionID       = 44
	radiusSessionTime     = 46
	radiusInputPackets    = 47
	radiusOutputPackets   = 48
	radiusInputGigawords  = 52
	radiusOutputGigawords = 53
	radiusTimestamp       = 55
	radiusNASPortID       = 87
)

// fields is what a request's AVPs bring. Octets are nil where absent and empty where given
// so; what they are is copied nowhere.
type fields struct {
	user, port, remAddr                     []byte
	password, newPassword, userMsg          []byte
	data, chapID, chapChallenge, chapAnswer []byte
	authenType, method, service             []byte
	privLvl, action                         []byte
	state                                   []byte

	args    []string
	status  []uint32 // Acct-Status-Type
	repeats int      // of the new password
	radius  map[uint32][]byte
	request *engines.Request // is told what is filled in
}

// read sorts the AVPs. Errors are *aaa.Error of KindBadInput.
func read(req *engines.Request) (*fields, error) {
	f := &fields{request: req}
	for i := range req.AVPs {
		v := &req.AVPs[i]
		switch a := v.Attr; {
		case a == nil:
			return nil, aaa.Errorf(aaa.KindBadInput, "an AVP without a definition")
		case a.IsArgument():
			if err := f.argument(v); err != nil {
				return nil, err
			}
		case a.OfTACACS():
			if field := f.field(a.Number); field != nil {
				if *field != nil && !bytes.Equal(*field, v.Value) {
					return nil, errTwice(a)
				}
				*field = given(v.Value)
			}
		case a.Vendor == nil && a.Parent == nil:
			if before, ok := f.radius[a.Number]; ok && !bytes.Equal(before, v.Value) {
				return nil, errTwice(a)
			}
			f.standard(a.Number, given(v.Value))
		}
	}
	if (req.Op == aaa.Authz || req.Op == aaa.Custom) && f.isShell() && !f.has("cmd") && f.has("cmd-arg") {
		return nil, aaa.Invalid(aaa.Field{Path: "cmd-arg", Rule: "required", Message: "is an argument of a command, and cmd is missing"})
	}
	f.fill(req)
	f.tellDefaults(req)
	return f, f.proven(req)
}

// proven refuses an authentication that brought a credential and would be sent without one.
func (f *fields) proven(req *engines.Request) error {
	if req.Op != aaa.Authn || f.password != nil || f.newPassword != nil || f.userMsg != nil || f.data != nil || f.chapAnswer != nil {
		return nil
	}
	for i := range req.AVPs {
		if a := req.AVPs[i].Attr; a.Credential() {
			return aaa.Invalid(aaa.Field{
				Path: a.Name, Rule: "credential",
				Message: "TACACS+ has no place for it, and no login is begun without a credential",
			})
		}
	}
	return nil
}

// errTwice refuses a second value of what a packet holds once.
func errTwice(a *aaa.Attribute) error {
	return aaa.Invalid(aaa.Field{Path: a.Name, Rule: "maxItems", Message: "has two values, and a packet of TACACS+ has room for one"})
}

// given makes of octets that are there some that are not nil.
func given(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// field is where a header field goes; nil for what only replies have.
func (f *fields) field(number uint32) *[]byte {
	switch number {
	case fieldUser:
		return &f.user
	case fieldPassword:
		return &f.password
	case fieldNewPassword:
		return &f.newPassword
	case fieldPort:
		return &f.port
	case fieldRemAddr:
		return &f.remAddr
	case fieldAuthenType:
		return &f.authenType
	case fieldAuthenMethod:
		return &f.method
	case fieldPrivLvl:
		return &f.privLvl
	case fieldAuthenService:
		return &f.service
	case fieldAction:
		return &f.action
	case fieldUserMsg:
		return &f.userMsg
	case fieldData:
		return &f.data
	case fieldCHAPID:
		return &f.chapID
	case fieldCHAPChallenge:
		return &f.chapChallenge
	case fieldCHAPResponse:
		return &f.chapAnswer
	default:
		return nil
	}
}

// standard takes an attribute of RADIUS.
func (f *fields) standard(number uint32, value []byte) {
	switch number {
	case radiusState:
		f.state = value
	case radiusStatusType:
		if len(value) == 4 {
			f.status = append(f.status, binary.BigEndian.Uint32(value))
		}
	case radiusUserName, radiusUserPassword, radiusCallingStation, radiusNASPortID, radiusSessionID,
		radiusInputOctets, radiusOutputOctets, radiusSessionTime, radiusInputPackets, radiusOutputPackets,
		radiusInputGigawords, radiusOutputGigawords, radiusTimestamp:
		if f.radius == nil {
			f.radius = make(map[uint32][]byte)
		}
		f.radius[number] = value
	}
}

// fill takes from RADIUS's attributes and from the document what the fields lack.
func (f *fields) fill(req *engines.Request) {
	for _, from := range []struct {
		to     *[]byte
		number uint32
	}{
		{&f.user, radiusUserName},
		{&f.password, radiusUserPassword},
		{&f.remAddr, radiusCallingStation},
		{&f.port, radiusNASPortID},
	} {
		if value, ok := f.radius[from.number]; ok && *from.to == nil {
			*from.to = value
		}
	}
	if f.port == nil && req.HasNASPort {
		f.port = strconv.AppendUint(nil, uint64(req.NASPort), 10)
		if req.Added != nil {
			req.Added("port", string(f.port))
		}
	}
}

// argument adds an argument (RFC 8907 §6.1).
func (f *fields) argument(v *aaa.AVP) error {
	value, ok := valueText(v.Attr.Type, v.Value)
	bad := func(rule, message string) error {
		return aaa.Invalid(aaa.Field{Path: v.Attr.Name, Rule: rule, Message: message})
	}
	if !ok {
		return bad("type", "an argument of TACACS+ is text, a number or an address")
	}
	text := tacacs.Argument{Name: v.Attr.Name, Value: value, Mandatory: !v.Optional}.String()
	if len(text) > 255 {
		return bad("maxLength", "an argument of TACACS+ has at most 255 octets, its name included")
	}
	if tacacs.CheckText("", text) != nil {
		return bad("characters", "an argument of TACACS+ holds printable US-ASCII only")
	}
	f.args = append(f.args, text)
	return nil
}

// valueText is a value as arguments carry it. What dictionary_tacacs holds is all text; an
// account's own dictionary may have other types.
func valueText(t aaa.Type, value []byte) (string, bool) {
	switch t {
	case aaa.TypeString, aaa.TypeOctets:
		return string(value), true
	case aaa.TypeInteger, aaa.TypeInteger64, aaa.TypeShort, aaa.TypeByte, aaa.TypeDate:
		return strconv.FormatUint(number(value), 10), len(value) <= 8
	case aaa.TypeBool:
		return strconv.FormatBool(number(value) != 0), true
	case aaa.TypeIPAddr, aaa.TypeIPv6Addr, aaa.TypeComboIP:
		addr, ok := netip.AddrFromSlice(value)
		return addr.String(), ok
	default:
		return "", false
	}
}

// number is an unsigned integer of up to 8 octets.
func number(b []byte) (n uint64) {
	for _, o := range b {
		n = n<<8 | uint64(o)
	}
	return n
}

// has reports whether an argument is among those given.
func (f *fields) has(name string) bool {
	return slices.ContainsFunc(f.args, func(s string) bool {
		a, ok := tacacs.ParseArgument(s)
		return ok && a.Name == name
	})
}

// octet is a field of one octet, or what it is where absent.
func octet(field []byte, absent byte) byte {
	if len(field) == 0 {
		return absent
	}
	return byte(number(field))
}

// identity is what authorization and accounting requests begin with. A user who was logged in
// through this service was so by TACACS+, unless the request says otherwise.
func (f *fields) identity() tacacs.Identity {
	return tacacs.Identity{
		AuthenMethod:  tacacs.AuthenMethod(octet(f.method, byte(tacacs.MethodTACACSPlus))),
		PrivLvl:       octet(f.privLvl, tacacs.PrivUser),
		AuthenType:    tacacs.AuthenType(octet(f.authenType, byte(tacacs.AuthenASCII))),
		AuthenService: tacacs.Service(octet(f.service, byte(tacacs.ServiceLogin))),
		User:          string(f.user), Port: string(f.port), RemAddr: string(f.remAddr),
	}
}

// withService gives the arguments what they must always have: the service, and cmd where that is
// shell, empty for the shell itself (§8.2).
func (f *fields) withService() []string {
	var front []string
	if !f.has("service") {
		front = append(front, "service=shell")
	}
	if f.isShell() && !f.has("cmd") {
		front = append(front, "cmd=")
	}
	if len(front) == 0 {
		return f.args
	}
	for _, text := range front {
		name, value, _ := strings.Cut(text, "=")
		f.told(name, value)
	}
	if len(front) == 1 && front[0] == "cmd=" { // behind the service, which servers expect first
		return append(slices.Clone(f.args), front...)
	}
	return append(front, f.args...)
}

// isShell reports whether the service is shell, which it is if absent.
func (f *fields) isShell() bool {
	return !f.has("service") || slices.Contains(f.args, "service=shell") || slices.Contains(f.args, "service*shell")
}

// told tells of a field or an argument that is filled in.
func (f *fields) told(name, value string) {
	if f.request != nil {
		f.request.Add(name, value)
	}
}

// tellDefaults tells of the header fields that are what they are if absent.
func (f *fields) tellDefaults(req *engines.Request) {
	if req.Added == nil {
		return
	}
	if f.privLvl == nil {
		req.Added("priv_lvl", "1")
	}
	if f.service == nil {
		req.Added("authen_service", "login")
	}
	if req.Op == aaa.Authn {
		return
	}
	if f.authenType == nil {
		req.Added("authen_type", "ascii")
	}
	if f.method == nil {
		req.Added("authen_method", "tacacsplus")
	}
}

// Attributes of replies, whatever the server's dictionaries hold.
var (
	vendor    = aaa.Vendor{Name: "TACACS-Plus", Number: aaa.VendorTACACS, TypeOctets: 2, LengthOctets: 1}
	serverMsg = &aaa.Attribute{Name: "server_msg", Vendor: &vendor, Number: fieldServerMsg, Type: aaa.TypeString, Wire: true}
	replyData = &aaa.Attribute{Name: "data", Vendor: &vendor, Number: fieldData, Type: aaa.TypeOctets, Wire: true, Hidden: true}
)

// messages are the AVPs of what a reply tells the user and the administrator.
func messages(msg string, data tacacs.Sensitive) (avps []aaa.AVP) {
	if msg != "" {
		avps = append(avps, aaa.AVP{Attr: serverMsg, Value: []byte(msg)})
	}
	if len(data) > 0 {
		avps = append(avps, aaa.AVP{Attr: replyData, Value: data})
	}
	return avps
}

// definition finds an argument in the dictionaries; known is false where they lack it.
func definition(d aaa.Dictionary, name string) (a *aaa.Attribute, known bool) {
	if a = d.ByName(name); a == nil || !a.IsArgument() || a.Name != name {
		return aaa.NewArgument(name), false
	}
	if a.Type != aaa.TypeString { // replies hold text, whatever a request is made of
		text := *a
		text.Type = aaa.TypeString
		return &text, true
	}
	return a, true
}

// short cuts what a server sent for the log.
func short(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Sprintf("%q", s)
}
