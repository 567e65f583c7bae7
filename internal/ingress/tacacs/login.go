package tacacs

import (
	"container/list"
	"context"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/crossing"
	"aaa-api/internal/ingress"
	"aaa-api/internal/tacacs"
)

// question is what a dialogue waits for.
type question uint8

// The questions.
const (
	nothing question = iota
	userName
	password    // of a login; the old one of a change
	newPassword // of a change
	again       // the new one once more
	challenge   // the answer to a server's challenge
)

// dialogue is a login of type ascii, or a change of password. It prints no password.
type dialogue struct {
	key     key
	client  *clients.Client
	secret  aaa.Secret // of the client
	version byte
	seq     byte // of the packet that comes next
	start   *tacacs.AuthenStart
	waits   question
	expires time.Time
	inOrder *list.Element

	user                string
	hasPassword, hasNew bool
	confirmed           bool
	password, changed   aaa.Secret
	state               string // of a challenge
}

func (d *dialogue) owner() owner { return ownerOf(d.client) }

func ownerOf(c *clients.Client) owner { return owner{string(c.Account), c.Name} }

// maxAnswer bounds what a user types, in octets.
const maxAnswer = 4096

// nameable reports whether a user may have this name. What users type is never answered by ERROR: they would choose the device's own users.
func nameable(user string) bool { return len(user) <= 255 && tacacs.CheckUser(user) == nil }

// login answers the first packet of an authentication.
func (x *exchange) login(ctx context.Context, p *tacacs.AuthenStart) ingress.Answer {
	q := quirksOf(x.client)
	fault := q.remAddr(&p.RemAddr)
	if err := p.Validate(); fault == "" && err != nil {
		fault = err.Error()
	}
	change := p.Action == tacacs.ActionChPass
	switch {
	case !nameable(p.User):
		return x.wrong("")
	case fault != "":
		return x.unanswered(fault)
	case p.Action != tacacs.ActionLogin && !change:
		return x.unanswered("this action of authentication is not supported: login and chpass are")
	case change && p.Method != tacacs.AuthenASCII:
		return x.unanswered("a password is changed by type ascii alone")
	case p.Method == tacacs.AuthenASCII:
		d := &dialogue{key: x.key, client: x.client, secret: x.secret, version: x.header.Version, start: p, user: p.User}
		if q.passwordInData && len(p.Data) > 0 && !change {
			d.password, d.hasPassword = aaa.NewSecret(string(p.Data)), true
		}
		p.Data = nil // means nothing (§5.4.2.1)
		return x.next(ctx, d)
	}
	list := x.identity(p)
	list.text(x.server.names.user, p.User)
	switch p.Method {
	case tacacs.AuthenPAP:
		list.add(x.server.names.password, p.Data)
	case tacacs.AuthenCHAP, tacacs.AuthenMSCHAP, tacacs.AuthenMSCHAPv2:
		c, err := tacacs.ParseCHAP(p.Method, p.Data)
		if err != nil {
			return x.wrong("the data of the login: " + err.Error())
		}
		list.octet(x.server.names.chapID, c.ID)
		list.add(x.server.names.chapChallenge, c.Challenge)
		list.add(x.server.names.chapResponse, c.Response)
	default:
		return x.unanswered("this type of authentication is not supported")
	}
	return x.decide(ctx, nil, p.User, list, "")
}

// identity returns the fields of a START beside the user and what proves it.
func (x *exchange) identity(p *tacacs.AuthenStart) avps {
	n := &x.server.names
	list := make(avps, 0, 12)
	list.text(n.port, p.Port)
	list.text(n.remAddr, p.RemAddr)
	list.octet(n.authenType, byte(p.Method))
	list.octet(n.privLvl, p.PrivLvl)
	list.octet(n.service, byte(p.Service))
	list.octet(n.action, byte(p.Action))
	return list
}

// resume answers a later packet of a dialogue.
func (x *exchange) resume(ctx context.Context, d *dialogue) ingress.Answer {
	x.client, x.secret = d.client, d.secret
	octets := append([]byte(nil), x.packet.Octets[tacacs.HeaderLen:]...)
	tacacs.Obfuscate(octets, x.header, x.secret.Reveal())
	body, err := decode(octets, x.header, quirksOf(x.client))
	p, ok := body.(*tacacs.AuthenContinue)
	if err != nil || !ok {
		return x.server.refused(x.packet, "a packet of a login does not fit its secret")
	}
	x.server.o.Clients.Seen(x.client, false)
	x.expect()
	switch {
	case p.Flags&tacacs.ContinueAbort != 0: // has no answer (§5.4.3)
		return ingress.Answer{Verdict: ingress.Verified, Done: true}
	case x.header.Seq != d.seq || x.header.Version != d.version:
		return x.unanswered(tacacs.FaultSequence.Error())
	case len(p.UserMsg) > maxAnswer:
		return x.wrong("")
	}
	typed := aaa.NewSecret(string(p.UserMsg))
	switch d.waits {
	case userName:
		if d.user = string(p.UserMsg); d.user == "" || !nameable(d.user) {
			return x.wrong("")
		}
	case password:
		d.password, d.hasPassword = typed, true
	case newPassword:
		d.changed, d.hasNew = typed, true
	case again:
		if typed.Reveal() != d.changed.Reveal() {
			return x.wrong("The new passwords differ")
		}
		d.confirmed = true
	case challenge:
		list := x.identity(d.start)
		list.text(x.server.names.user, d.user)
		list.add(x.server.names.userMsg, p.UserMsg)
		return x.decide(ctx, d, d.user, list, d.state)
	case nothing:
	}
	return x.next(ctx, d)
}

// next asks the user for what is missing, or else the AAA service.
func (x *exchange) next(ctx context.Context, d *dialogue) ingress.Answer {
	change := d.start.Action == tacacs.ActionChPass
	switch {
	case d.user == "":
		return x.question(d, userName, tacacs.AuthenGetUser, "Username: ", true)
	case change && !d.hasPassword:
		return x.question(d, password, tacacs.AuthenGetData, "Old password: ", false)
	case !d.hasPassword:
		return x.question(d, password, tacacs.AuthenGetPass, "Password: ", false)
	case change && !d.hasNew:
		return x.question(d, newPassword, tacacs.AuthenGetPass, "New password: ", false)
	case change && !d.confirmed:
		return x.question(d, again, tacacs.AuthenGetPass, "Repeat new password: ", false)
	}
	list := x.identity(d.start)
	list.text(x.server.names.user, d.user)
	list.add(x.server.names.password, []byte(d.password.Reveal()))
	if change {
		list.add(x.server.names.newPassword, []byte(d.changed.Reveal()))
	}
	return x.decide(ctx, d, d.user, list, "")
}

// question sends one to the user, and keeps the dialogue until the answer comes.
func (x *exchange) question(d *dialogue, waits question, status tacacs.AuthenStatus, text string, echo bool) ingress.Answer {
	if x.header.Seq >= 253 { // the answer's answer would have no number
		return x.unanswered("the login has too many questions")
	}
	d.waits, d.seq = waits, x.header.Seq+2
	if why := x.server.sessions.put(d); why != "" {
		return x.unanswered(why)
	}
	r := &tacacs.AuthenReply{Status: status, ServerMsg: text}
	if !echo {
		r.Flags = tacacs.ReplyNoEcho
	}
	return x.reply(r)
}

// decide asks the AAA service. d is nil in a login of one packet, which can't be asked anything.
func (x *exchange) decide(ctx context.Context, d *dialogue, user string, list []aaa.AVP, state string) ingress.Answer {
	res, err := x.ask(ctx, aaa.Authn, user, list, state)
	if err != nil {
		text, wrong := why(err)
		if wrong {
			return x.wrong(text)
		}
		return x.unanswered(text)
	}
	out := x.read(aaa.Authn, res)
	switch {
	case res.Outcome == aaa.Challenge && d == nil:
		text := res.Prompt
		if text == "" {
			text = out.message
		}
		return x.wrong(text)
	case res.Outcome == aaa.Challenge:
		d.state = res.State
		d.password, d.changed = aaa.Secret{}, aaa.Secret{}
		text := res.Prompt
		if text == "" {
			text = out.message
		}
		return x.question(d, challenge, tacacs.AuthenGetData, message(text), res.Echo)
	case !res.IsAuthorized, x.short(res, list):
		return x.reply(&tacacs.AuthenReply{Status: tacacs.AuthenFail, ServerMsg: out.message, Data: out.data})
	}
	return x.reply(&tacacs.AuthenReply{Status: tacacs.AuthenPass, ServerMsg: out.message, Data: out.data})
}

// short reports whether a RADIUS server gives a user who asks for another level less than that. A TACACS+ server and users files know themselves
// what is asked for.
func (x *exchange) short(res *aaa.Result, list []aaa.AVP) bool {
	octet := func(a *aaa.Attribute) byte {
		i := slices.IndexFunc(list, func(v aaa.AVP) bool { return v.Attr == a })
		if i < 0 {
			return 0
		}
		return list[i].Value[0]
	}
	if octet(x.server.names.service) != byte(tacacs.ServiceEnable) {
		return false
	}
	level, said := crossing.Level(res.Reply)
	return said && level < uint64(octet(x.server.names.privLvl))
}

// wrong replies FAIL.
func (x *exchange) wrong(text string) ingress.Answer {
	return x.reply(&tacacs.AuthenReply{Status: tacacs.AuthenFail, ServerMsg: message(text)})
}
