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

// Attributes of RADIUS that have a meaning here, so that one set of rules serves servers of
// both protocols. If a request brings both, TACACS+'s own field wins.
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

// fields holds the values of a request's AVPs, without copies. Octets are nil if absent and empty if given
// as empty.
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
	request *engines.Request // learns which fields are filled in
}

// read sorts the AVPs into fields. Errors are *aaa.Error of KindBadInput.
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

// errTwice refuses a second value of a field that a packet holds once.
func errTwice(a *aaa.Attribute) error {
	return aaa.Invalid(aaa.Field{Path: a.Name, Rule: "maxItems", Message: "has two values, and a packet of TACACS+ has room for one"})
}

// given returns octets that are not nil.
func given(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// field returns the place of a header field, nil for one that only replies have.
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

// fill sets missing fields from RADIUS's attributes and from the document.
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

// valueText returns a value as arguments carry it. dictionary_tacacs has text only; an
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

// number decodes an unsigned integer of up to 8 octets.
func number(b []byte) (n uint64) {
	for _, o := range b {
		n = n<<8 | uint64(o)
	}
	return n
}

// has reports whether the request has an argument of that name.
func (f *fields) has(name string) bool {
	return slices.ContainsFunc(f.args, func(s string) bool {
		a, ok := tacacs.ParseArgument(s)
		return ok && a.Name == name
	})
}

// octet returns a field of one octet, or its default if absent.
func octet(field []byte, absent byte) byte {
	if len(field) == 0 {
		return absent
	}
	return byte(number(field))
}

// identity returns the beginning of authorization and accounting requests. A user who logged in
// through this service did so by TACACS+, unless the request says otherwise.
func (f *fields) identity() tacacs.Identity {
	return tacacs.Identity{
		AuthenMethod:  tacacs.AuthenMethod(octet(f.method, byte(tacacs.MethodTACACSPlus))),
		PrivLvl:       octet(f.privLvl, tacacs.PrivUser),
		AuthenType:    tacacs.AuthenType(octet(f.authenType, byte(tacacs.AuthenASCII))),
		AuthenService: tacacs.Service(octet(f.service, byte(tacacs.ServiceLogin))),
		User:          string(f.user), Port: string(f.port), RemAddr: string(f.remAddr),
	}
}

// withService returns the arguments with those that are mandatory: the service, and for shell
// cmd, which is empty for the shell itself (§8.2).
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

// isShell reports whether the service is shell, which is the default.
func (f *fields) isShell() bool {
	return !f.has("service") || slices.Contains(f.args, "service=shell") || slices.Contains(f.args, "service*shell")
}

// told reports a field or an argument that is filled in.
func (f *fields) told(name, value string) {
	if f.request != nil {
		f.request.Add(name, value)
	}
}

// tellDefaults reports the header fields that have their defaults.
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

// messages returns the AVPs of the texts for the user and the administrator.
func messages(msg string, data tacacs.Sensitive) (avps []aaa.AVP) {
	if msg != "" {
		avps = append(avps, aaa.AVP{Attr: serverMsg, Value: []byte(msg)})
	}
	if len(data) > 0 {
		avps = append(avps, aaa.AVP{Attr: replyData, Value: data})
	}
	return avps
}

// definition finds an argument in the dictionaries. known is false if they lack it.
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

// short quotes and cuts a text of a server for the log.
func short(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Sprintf("%q", s)
}
