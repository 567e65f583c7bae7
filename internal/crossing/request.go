package crossing

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// Values of Service-Type (RFC 2865 §5.6), of authen_type, authen_service and action (RFC 8907 §5.1).
const (
	framedUser         = 2
	administrativeUser = 6
	nasPromptUser      = 7

	typeCHAP     = 3
	typeMSCHAP   = 5
	typeMSCHAPv2 = 6

	serviceLogin  = 1
	serviceEnable = 2
	servicePPP    = 3

	actionChangePassword = 2

	privUser = 1
	privRoot = 15
)

// Values of Acct-Status-Type (RFC 2866 §5.1).
const (
	statusStart = 1
	statusStop  = 2
	statusOn    = 7
	statusOff   = 8
)

// Request appends the AVPs of a device's request for a server of the other protocol to dst. What Lines does not have is left out.
// The error is of KindBadInput: the request would be another one, or prove nothing.
func Request(dst []aaa.AVP, dev *aaa.Device, op aaa.Op, to aaa.ClientProtocol) ([]aaa.AVP, error) {
	r := request{dst: dst, dev: dev, op: op, in: requestOf(op)}
	var err error
	if to == aaa.ClientTACACS {
		err = r.toTACACS()
	} else {
		err = r.toRADIUS()
	}
	if err != nil {
		return dst, err
	}
	return r.dst, nil
}

type request struct {
	dst []aaa.AVP
	dev *aaa.Device
	op  aaa.Op
	in  where
}

func (r *request) put(a *aaa.Attribute, value []byte) {
	r.dst = append(r.dst, aaa.AVP{Attr: a, Value: value})
}

func (r *request) put32(a *aaa.Attribute, n uint32) {
	r.put(a, []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// field is the first value of a header field or of an attribute.
func (r *request) value(a *aaa.Attribute) ([]byte, bool) { return first(r.dev.AVPs, a) }

// octet is a header field of one octet.
func (r *request) octet(name string, absent byte) byte {
	if v, ok := r.value(fields[name]); ok && len(v) == 1 {
		return v[0]
	}
	return absent
}

// argument is the value of the first argument of a name.
func (r *request) argument(name string) (string, bool) {
	for i := range r.dev.AVPs {
		if v := &r.dev.AVPs[i]; v.Attr.IsArgument() && v.Attr.Name == name {
			return string(v.Value), true
		}
	}
	return "", false
}

// Refused is the rule of a fault for which a request can't be crossed.
const Refused = "crossing"

// commands reports whether any argument names a command. That of the shell is empty.
func (r *request) commands() bool {
	return slices.ContainsFunc(r.dev.AVPs, func(v aaa.AVP) bool {
		return v.Attr.IsArgument() && (v.Attr.Name == "cmd" || v.Attr.Name == "cmd-arg") && len(v.Value) > 0
	})
}

func refused(path, message string) error {
	return aaa.Invalid(aaa.Field{Path: path, Rule: Refused, Message: message})
}

// toTACACS is a RADIUS device's request for a TACACS+ server.
func (r *request) toTACACS() error {
	_, hasPortID := r.value(attrNASPortID)
	for i := range r.dev.AVPs {
		v := &r.dev.AVPs[i]
		l := lineOf(v.Attr, r.in)
		if v.Invalid || l == nil || l.name == "port" && hasPortID && l.form == toTACACS {
			continue
		}
		if value, ok := l.asText(v.Value); ok {
			r.put(named(l.name), value)
		}
	}
	switch r.op {
	case aaa.Authn:
		return r.loginToTACACS()
	case aaa.Accounting:
		r.recordToTACACS()
	}
	return r.serviceToTACACS()
}

// named is the definition of a field or an argument.
func named(name string) *aaa.Attribute {
	if a := fields[name]; a != nil {
		return a
	}
	return aaa.NewArgument(name)
}

// loginToTACACS adds what a login is about and what proves the user.
func (r *request) loginToTACACS() error {
	for i := range r.dev.AVPs {
		a := r.dev.AVPs[i].Attr
		if a.Proves() && !is(a, attrUserPassword) && !is(a, attrCHAPPassword) && !is(a, attrMSCHAPResponse) && !is(a, attrMSCHAP2Response) {
			return refused(a.Name, "TACACS+ has no place for it: the login can't be crossed to a TACACS+ server")
		}
	}
	for _, hash := range [...]struct {
		answer, challenge *aaa.Attribute
		kind              byte
		octets            int
	}{
		{attrCHAPPassword, attrCHAPChallenge, typeCHAP, 17},
		{attrMSCHAP2Response, attrMSCHAPChallenge, typeMSCHAPv2, 50},
		{attrMSCHAPResponse, attrMSCHAPChallenge, typeMSCHAP, 50},
	} {
		answer, ok := r.value(hash.answer)
		if !ok {
			continue
		}
		challenge, ok := r.value(hash.challenge)
		if !ok || len(answer) != hash.octets {
			return refused(hash.answer.Name, "has no "+hash.challenge.Name+" beside it, or is not "+strconv.Itoa(hash.octets)+" octets long")
		}
		response := answer[1:]
		if hash.kind != typeCHAP { // Ident, Flags, …: TACACS+ has the flags last (RFC 2548 §2.1.3, RFC 8907 §5.4.2.4)
			response = append(slices.Clone(answer[2:]), answer[1])
		}
		r.put(fields["authen_type"], []byte{hash.kind})
		r.put(fields["chap_id"], answer[:1])
		r.put(fields["chap_challenge"], challenge)
		r.put(fields["chap_response"], response)
		break
	}
	if kind, ok := r.value(attrServiceType); ok {
		switch integer(kind) {
		case framedUser:
			r.put(fields["authen_service"], []byte{servicePPP})
		case administrativeUser:
			r.put(fields["priv_lvl"], []byte{privRoot})
		}
	}
	return nil
}

// recordToTACACS adds what a record has beside the plain lines.
func (r *request) recordToTACACS() {
	status, hasStatus := r.value(attrAcctStatusType)
	if hasStatus {
		r.put(attrAcctStatusType, status) // of which the engine makes the flags
	}
	for _, c := range counters {
		if low, ok := r.value(c.low); ok {
			high, _ := r.value(c.high)
			r.put(aaa.NewArgument(c.name), strconv.AppendUint(nil, uint64(integer(high))<<32|uint64(integer(low)), 10))
		}
	}
	if at, ok := r.value(attrEventTimestamp); ok && hasStatus {
		at = strconv.AppendUint(nil, uint64(integer(at)), 10)
		switch integer(status) {
		case statusStart, statusOn:
			r.put(aaa.NewArgument("start_time"), at)
		case statusStop, statusOff:
			r.put(aaa.NewArgument("stop_time"), at)
		}
	}
}

// counters are those of 64 bits, in two attributes.
var counters = [...]struct {
	low, high *aaa.Attribute
	name      string
}{
	{attrAcctInputOctets, attrAcctInputGigawords, "bytes_in"},
	{attrAcctOutputOctets, attrAcctOutputGigawords, "bytes_out"},
}

// serviceToTACACS adds the service, and the arguments that come as Cisco-AVPairs, of an authorisation or a record.
func (r *request) serviceToTACACS() error {
	if status, ok := r.value(attrAcctStatusType); ok && (integer(status) == statusOn || integer(status) == statusOff) {
		return nil // the engine says service=system
	}
	kind, _ := r.value(attrServiceType)
	switch integer(kind) {
	case framedUser:
		r.put(aaa.NewArgument("service"), []byte("ppp"))
		r.put(aaa.NewArgument("protocol"), []byte("ip"))
	case administrativeUser:
		r.put(fields["priv_lvl"], []byte{privRoot})
		fallthrough
	default:
		r.put(aaa.NewArgument("service"), []byte("shell"))
	}
	for i := range r.dev.AVPs {
		if v := &r.dev.AVPs[i]; is(v.Attr, attrCiscoAVPair) && !v.Invalid {
			if name, value, optional, ok := cutPair(string(v.Value)); ok && name != "service" && name != "protocol" {
				r.dst = append(r.dst, aaa.AVP{Attr: aaa.NewArgument(name), Value: []byte(value), Optional: optional})
			}
		}
	}
	return nil
}

// toRADIUS is a TACACS+ device's request for a RADIUS server.
func (r *request) toRADIUS() error {
	for i := range r.dev.AVPs {
		v := &r.dev.AVPs[i]
		l := lineNamed(v.Attr.Name, r.in)
		if !v.Attr.OfTACACS() || v.Invalid || l == nil || len(v.Value) == 0 && l.name != "password" {
			continue
		}
		if value, ok := l.asAttribute(v.Value); ok {
			r.put(l.attr, value)
		}
	}
	switch from := r.dev.From.Unmap(); {
	case from.Is4():
		r.put(attrNASIPAddress, from.AsSlice())
	case from.Is6():
		r.put(attrNASIPv6Address, from.AsSlice())
	}
	switch r.op {
	case aaa.Authn:
		return r.loginToRADIUS()
	case aaa.Accounting:
		r.recordToRADIUS()
	default:
		if r.commands() {
			return refused("cmd", "RADIUS has no authorisation of commands: the server would look at the user's name alone")
		}
	}
	r.serviceToRADIUS()
	return nil
}

// loginToRADIUS adds what a login is about and what proves the user.
func (r *request) loginToRADIUS() error {
	if _, changes := r.value(fields["new_password"]); changes || r.octet("action", 0) == actionChangePassword {
		return refused("action", "RADIUS has no change of password: it can't be crossed to a RADIUS server")
	}
	kind, service, level := r.octet("authen_type", 0), r.octet("authen_service", serviceLogin), r.octet("priv_lvl", privUser)
	switch kind {
	case typeCHAP, typeMSCHAP, typeMSCHAPv2:
		if err := r.hashToRADIUS(kind); err != nil {
			return err
		}
	default:
		r.passwordToRADIUS()
	}
	switch {
	case service == servicePPP:
		r.put32(attrServiceType, framedUser)
	case service == serviceEnable || level == privRoot:
		r.put32(attrServiceType, administrativeUser)
	default:
		r.put32(attrServiceType, nasPromptUser)
	}
	if user, _ := r.value(fields["user"]); len(user) == 0 && service == serviceEnable {
		r.put(attrUserName, []byte("$enab"+strconv.Itoa(int(level))+"$")) // the user whom switches ask RADIUS for
	}
	return nil
}

// passwordToRADIUS adds a password that is in another field than password.
func (r *request) passwordToRADIUS() {
	if _, ok := r.value(fields["password"]); ok {
		return
	}
	for _, name := range [...]string{"user_msg", "data"} {
		if answer, ok := r.value(fields[name]); ok {
			r.put(attrUserPassword, answer)
			return
		}
	}
}

// hashToRADIUS adds the hash of a password with its challenge. A device's may be apart, or as in the packet.
func (r *request) hashToRADIUS(kind byte) error {
	octets := 49
	if kind == typeCHAP {
		octets = 16
	}
	id, _ := r.value(fields["chap_id"])
	challenge, _ := r.value(fields["chap_challenge"])
	response, ok := r.value(fields["chap_response"])
	if data, whole := r.value(fields["data"]); !ok && whole && len(data) > 1+octets {
		id, challenge, response = data[:1], data[1:len(data)-octets], data[len(data)-octets:]
	}
	if len(id) != 1 || len(challenge) == 0 || len(response) != octets {
		return refused("data", "is no response of its authen_type with its identifier and challenge")
	}
	if kind == typeCHAP {
		r.put(attrCHAPPassword, append(slices.Clone(id), response...))
		r.put(attrCHAPChallenge, challenge)
		return nil
	}
	last := octets - 1 // the flags
	answer := append(append(slices.Clone(id), response[last]), response[:last]...)
	r.put(attrMSCHAPChallenge, challenge)
	if kind == typeMSCHAPv2 {
		r.put(attrMSCHAP2Response, answer)
	} else {
		r.put(attrMSCHAPResponse, answer)
	}
	return nil
}

// recordToRADIUS adds what a record has beside the plain lines.
func (r *request) recordToRADIUS() {
	service, _ := r.argument("service")
	event, _ := r.argument("event")
	system := service == "system" && event == "sys_acct"
	var most uint32 // RADIUS has one status: of a start with an update the update, as by package gateway
	for i := range r.dev.AVPs {
		if v := &r.dev.AVPs[i]; is(v.Attr, attrAcctStatusType) {
			most = max(most, integer(v.Value))
		}
	}
	switch {
	case system && most == statusStart:
		most = statusOn
	case system && most == statusStop:
		most = statusOff
	}
	if most > 0 {
		r.put32(attrAcctStatusType, most)
	}
	for _, c := range counters {
		if text, ok := r.argument(c.name); ok {
			if n, err := strconv.ParseUint(text, 10, 64); err == nil {
				r.put32(c.low, uint32(n)) //nolint:gosec // the lower half
				if n>>32 > 0 {
					r.put32(c.high, uint32(n>>32))
				}
			}
		}
	}
	var at string
	switch most {
	case statusStart, statusOn:
		at, _ = r.argument("start_time")
	case statusStop, statusOff:
		at, _ = r.argument("stop_time")
	}
	if n, err := strconv.ParseUint(at, 10, 32); err == nil && n > 0 {
		r.put32(attrEventTimestamp, uint32(n))
	}
}

// notPairs are the arguments that no Cisco-AVPair is made of.
var notPairs = map[string]bool{
	"service": true, "protocol": true, "start_time": true, "stop_time": true, "bytes_in": true, "bytes_out": true, "event": true,
}

// serviceToRADIUS adds the service of an authorisation or a record, and the arguments that have no attribute.
func (r *request) serviceToRADIUS() {
	service, _ := r.argument("service")
	protocol, _ := r.argument("protocol")
	switch level := r.octet("priv_lvl", privUser); {
	case service == "system":
		return
	case service == "ppp":
		r.put32(attrServiceType, framedUser)
	case level == privRoot:
		r.put32(attrServiceType, administrativeUser)
	default:
		r.put32(attrServiceType, nasPromptUser)
	}
	prefix := pairPrefix(service, protocol)
	for i := range r.dev.AVPs {
		v := &r.dev.AVPs[i]
		if !v.Attr.IsArgument() || notPairs[v.Attr.Name] || lineNamed(v.Attr.Name, r.in) != nil || len(v.Value) == 0 {
			continue
		}
		if pair := pairOf(prefix, v); len(pair) <= maxPair {
			r.put(attrCiscoAVPair, []byte(pair))
		}
	}
}

// maxPair is the longest text of a Cisco-AVPair: 255 octets less the headers of the attribute and of the vendor's.
const maxPair = 247

// pairPrefix is what stands before the colon of a Cisco-AVPair.
func pairPrefix(service, protocol string) string {
	if service == "ppp" {
		return cmp.Or(protocol, "ppp")
	}
	return cmp.Or(service, "shell")
}

// pairOf writes an argument as a Cisco-AVPair.
func pairOf(prefix string, v *aaa.AVP) string {
	separator := "="
	if v.Optional {
		separator = "*"
	}
	return prefix + ":" + v.Attr.Name + separator + string(v.Value)
}

// cutPair reads a Cisco-AVPair: protocol:name=value, or with * if it is optional. ok is false for a text of another form, and for a name
// that no argument can have.
func cutPair(pair string) (name, value string, optional, ok bool) {
	i := strings.IndexAny(pair, "=*")
	if i < 0 {
		return "", "", false, false
	}
	name = pair[:i]
	if j := strings.IndexByte(name, ':'); j >= 0 {
		name = name[j+1:]
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' {
			return "", "", false, false
		}
	}
	return name, pair[i+1:], pair[i] == '*', name != ""
}
