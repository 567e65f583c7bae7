package crossing

import (
	"strconv"
	"strings"

	"aaa-api/internal/aaa"
)

// Dict finds attributes by name and encodes values. dict.Set has it.
type Dict interface {
	Parse(name string) (attr *aaa.Attribute, tag uint8, err error)
	Encode(a *aaa.Attribute, text string) ([]byte, error)
}

// maxLeft bounds the names that Reply lists as left out.
const maxLeft = 16

// Reply makes the AVPs for a device of a result. What a server of the device's protocol sent goes back as it is, but for what is of one hop
// alone. What another server sent, or a users file has, is translated as Lines says. left names what the device's protocol has no
// place for or what can't be encoded, at most 16 names.
//
// A device of RADIUS is not given State: that is the caller's to add. For one of TACACS+ the AVPs are at most one server_msg, one data, and arguments.
func Reply(p aaa.ClientProtocol, op aaa.Op, res *aaa.Result, d Dict) (avps []aaa.AVP, left []string) {
	r := reply{op: op}
	if res.Reply != nil {
		r.from(p, res.Reply)
	} else {
		r.texts(p, res.AVPs, d)
	}
	r.finish(p, res)
	return r.avps, r.left
}

type reply struct {
	op       aaa.Op
	avps     []aaa.AVP
	left     []string
	messages []string // to TACACS+: lines of the server_msg
	level    string   // to TACACS+: of Service-Type
	leveled  bool     // to TACACS+: a Cisco-AVPair or an argument says priv-lvl
}

func (r *reply) leave(name string) {
	if len(r.left) < maxLeft {
		r.left = append(r.left, name)
	}
}

// from takes a server's answer.
func (r *reply) from(p aaa.ClientProtocol, answer *aaa.DeviceReply) {
	same := answer.Engine == p.String()
	prefix := ""
	if !same {
		prefix = prefixOf(answer.AVPs)
	}
	for i := range answer.AVPs {
		v := &answer.AVPs[i]
		switch {
		case v.Attr == nil || v.Invalid && (v.Attr.Hidden || v.Value == nil):
			continue
		case same && HopByHop(v.Attr):
		case same:
			r.own(p, v)
		default:
			r.across(p, v, prefix)
		}
	}
}

// texts takes what a users file or a table says: texts by attribute name.
func (r *reply) texts(p aaa.ClientProtocol, list aaa.AVPs, d Dict) {
	prefix := pairPrefix(textOf(list, "service"), textOf(list, "protocol"))
	for i := range list {
		v, ok := encode(&list[i], d)
		switch {
		case !ok:
			r.leave(list[i].As)
		case v.Attr.OfTACACS() == (p == aaa.ClientTACACS):
			r.own(p, &v)
		default:
			r.across(p, &v, prefix)
		}
	}
}

func textOf(list aaa.AVPs, name string) string {
	for i := range list {
		if list[i].As == name {
			return string(list[i].Value)
		}
	}
	return ""
}

// encode makes an AVP of a text. A name of no dictionary is a field or an argument of TACACS+.
func encode(v *aaa.NamedAVP, d Dict) (aaa.AVP, bool) {
	if v.Attr == nil {
		return aaa.AVP{}, false
	}
	value := v.Attr.Text(v.Value)
	if a, tag, err := d.Parse(v.As); err == nil && a.Wire {
		octets, err := d.Encode(a, value)
		return aaa.AVP{Attr: a, Tag: tag, Value: octets}, err == nil
	}
	name, optional := strings.CutSuffix(v.As, "*")
	if !isArgumentName(name) {
		return aaa.AVP{}, false
	}
	return aaa.AVP{Attr: named(name), Value: []byte(value), Optional: optional}, true
}

// isArgumentName tells an argument's name, which is written in lower case, from an attribute of RADIUS that no dictionary has.
func isArgumentName(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == '=' || c == ':' || c >= 'A' && c <= 'Z' {
			return false
		}
	}
	return s != "" && len(s) < 64
}

// HopByHop reports whether an attribute of RADIUS is made anew on each hop, or kept by who speaks to the next one: Proxy-State (RFC 2865 §5.33), State
// (§5.24) and Message-Authenticator (RFC 3579 §3.2).
func HopByHop(a *aaa.Attribute) bool {
	if a.Vendor != nil || a.Parent != nil {
		return false
	}
	return a.Number == 24 || a.Number == 33 || a.Number == 80
}

// own takes an AVP of the device's own protocol.
func (r *reply) own(p aaa.ClientProtocol, v *aaa.AVP) {
	if p == aaa.ClientTACACS {
		switch {
		case is(v.Attr, fields["server_msg"]):
			r.messages = append(r.messages, string(v.Value))
			return
		case v.Attr.IsArgument() && (r.op == aaa.Authn || r.op == aaa.Accounting):
			r.leave(v.Name()) // such a reply has no arguments
			return
		case v.Attr.IsArgument():
			r.leveled = r.leveled || v.Attr.Name == "priv-lvl"
		case !is(v.Attr, fields["data"]):
			r.leave(v.Name())
			return
		}
	}
	r.avps = append(r.avps, *v)
}

// across takes an AVP of the other protocol.
func (r *reply) across(p aaa.ClientProtocol, v *aaa.AVP, prefix string) {
	if v.Invalid || HopByHop(v.Attr) {
		return
	}
	if p == aaa.ClientTACACS {
		r.toTACACS(v)
	} else {
		r.toRADIUS(v, prefix)
	}
}

// toTACACS takes an attribute of RADIUS.
func (r *reply) toTACACS(v *aaa.AVP) {
	if is(v.Attr, attrReplyMessage) {
		r.messages = append(r.messages, string(v.Value))
		return
	}
	if r.op == aaa.Authn || r.op == aaa.Accounting { // such a reply has no arguments
		r.leave(v.Name())
		return
	}
	put := func(name string, value []byte, optional bool) {
		r.avps = append(r.avps, aaa.AVP{Attr: aaa.NewArgument(name), Value: value, Optional: optional})
	}
	switch {
	case is(v.Attr, attrCiscoAVPair):
		name, value, optional, ok := cutPair(string(v.Value))
		if !ok {
			r.leave(v.Name())
			return
		}
		r.leveled = r.leveled || name == "priv-lvl"
		put(name, []byte(value), optional)
	case is(v.Attr, attrServiceType):
		switch integer(v.Value) {
		case administrativeUser:
			r.level = "15"
		case nasPromptUser:
			r.level = "1"
		}
	case is(v.Attr, attrFilterID):
		name := string(v.Value)
		if out, is := strings.CutSuffix(name, ".out"); is {
			put("outacl", []byte(out), false)
			return
		}
		put("inacl", []byte(strings.TrimSuffix(name, ".in")), false)
	default:
		if l := lineOf(v.Attr, inReply); l != nil {
			if value, ok := l.asText(v.Value); ok {
				put(l.name, value, false)
				return
			}
		}
		r.leave(v.Name())
	}
}

// Level is the privilege level that a RADIUS server's answer gives. ok is false where it says none, and for other servers' answers.
func Level(answer *aaa.DeviceReply) (level uint64, ok bool) {
	if answer == nil || answer.Engine != aaa.ClientRADIUS.String() {
		return 0, false
	}
	for i := range answer.AVPs {
		switch v := &answer.AVPs[i]; {
		case v.Attr == nil || v.Invalid:
		case is(v.Attr, attrCiscoAVPair):
			if name, value, _, pair := cutPair(string(v.Value)); pair && name == "priv-lvl" {
				n, err := strconv.ParseUint(value, 10, 8)
				if err == nil {
					return n, true
				}
			}
		case is(v.Attr, attrServiceType) && integer(v.Value) == administrativeUser:
			level, ok = privRoot, true
		case is(v.Attr, attrServiceType) && integer(v.Value) == nasPromptUser:
			level, ok = privUser, true
		}
	}
	return level, ok
}

// prefixOf is what stands before the colon of the Cisco-AVPairs made of an answer's arguments.
func prefixOf(avps []aaa.AVP) string {
	argument := func(name string) string {
		for i := range avps {
			if a := avps[i].Attr; a != nil && a.IsArgument() && a.Name == name {
				return string(avps[i].Value)
			}
		}
		return ""
	}
	return pairPrefix(argument("service"), argument("protocol"))
}

// toRADIUS takes a field or an argument of TACACS+.
func (r *reply) toRADIUS(v *aaa.AVP, prefix string) {
	put := func(a *aaa.Attribute, value []byte) { r.avps = append(r.avps, aaa.AVP{Attr: a, Value: value}) }
	switch name := v.Attr.Name; {
	case is(v.Attr, fields["server_msg"]):
		for rest := v.Value; len(rest) > 0; {
			n := min(len(rest), maxMessage)
			put(attrReplyMessage, rest[:n])
			rest = rest[n:]
		}
	case !v.Attr.IsArgument():
		r.leave(v.Name())
	case name == "service" || name == "protocol" || name == "cmd" || name == "cmd-arg": // what was asked for
	case name == "inacl":
		put(attrFilterID, v.Value)
	case name == "outacl":
		put(attrFilterID, append(append([]byte{}, v.Value...), ".out"...))
	case name == "priv-lvl":
		level, err := strconv.ParseUint(string(v.Value), 10, 8)
		if err != nil || level > privRoot {
			r.leave(v.Name())
			return
		}
		put(attrCiscoAVPair, []byte(pairOf("shell", v)))
		kind := byte(nasPromptUser)
		if level == privRoot {
			kind = administrativeUser
		}
		put(attrServiceType, []byte{0, 0, 0, kind})
	default:
		if l := lineNamed(name, inReply); l != nil {
			if value, ok := l.asAttribute(v.Value); ok {
				put(l.attr, value)
				return
			}
			r.leave(v.Name())
			return
		}
		if pair := pairOf(prefix, v); len(pair) <= maxPair {
			put(attrCiscoAVPair, []byte(pair))
			return
		}
		r.leave(v.Name())
	}
}

// maxMessage is the longest value of an attribute.
const maxMessage = 253

// finish adds what comes of the whole answer.
func (r *reply) finish(p aaa.ClientProtocol, res *aaa.Result) {
	challenge := res.Outcome == aaa.Challenge
	if p == aaa.ClientTACACS {
		if r.level != "" && !r.leveled {
			r.avps = append(r.avps, aaa.AVP{Attr: aaa.NewArgument("priv-lvl"), Value: []byte(r.level)})
		}
		if challenge && len(r.messages) == 0 && res.Prompt != "" {
			r.messages = append(r.messages, res.Prompt)
		}
		if len(r.messages) > 0 {
			r.avps = append(r.avps, aaa.AVP{Attr: fields["server_msg"], Value: []byte(strings.Join(r.messages, "\n"))})
		}
		return
	}
	if !challenge || res.Reply != nil && res.Reply.Engine == p.String() {
		return
	}
	if _, told := first(r.avps, attrReplyMessage); !told && res.Prompt != "" {
		r.avps = append(r.avps, aaa.AVP{Attr: attrReplyMessage, Value: []byte(res.Prompt[:min(len(res.Prompt), maxMessage)])})
	}
	echo := byte(0)
	if res.Echo {
		echo = 1
	}
	r.avps = append(r.avps, aaa.AVP{Attr: attrPrompt, Value: []byte{0, 0, 0, echo}})
}
