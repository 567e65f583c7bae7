package tacacs

import (
	"bytes"
	"cmp"
	"context"
	"errors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// start returns the first packet of an authentication (RFC 8907 §5.4.2). Without an authen_type it is
// PAP with a password and ASCII without one. To change a password or to enable it is always ASCII.
func (f *fields) start() (*tacacs.AuthenStart, error) {
	p := &tacacs.AuthenStart{
		Action: tacacs.Action(octet(f.action, byte(tacacs.ActionLogin))), PrivLvl: octet(f.privLvl, tacacs.PrivUser),
		Service: tacacs.Service(octet(f.service, byte(tacacs.ServiceLogin))),
		User:    string(f.user), Port: string(f.port), RemAddr: string(f.remAddr),
	}
	if f.action == nil && f.newPassword != nil {
		p.Action = tacacs.ActionChPass
	}
	if len(f.data) == 0 && (f.password != nil || f.chapAnswer != nil) {
		f.data = nil
	}
	switch {
	case len(f.authenType) > 0:
		p.Method = tacacs.AuthenType(number(f.authenType))
	case p.Action == tacacs.ActionChPass, p.Service == tacacs.ServiceEnable, f.password == nil && f.chapAnswer == nil && f.data == nil:
		p.Method = tacacs.AuthenASCII
	default:
		p.Method = tacacs.AuthenPAP
	}
	if len(f.authenType) == 0 {
		f.told("authen_type", map[tacacs.AuthenType]string{tacacs.AuthenASCII: "ascii", tacacs.AuthenPAP: "pap"}[p.Method])
	}
	bad := func(path, message string) (*tacacs.AuthenStart, error) {
		return nil, aaa.Invalid(aaa.Field{Path: path, Rule: "authentication", Message: message})
	}
	switch {
	case p.Action == tacacs.ActionChPass && p.Method != tacacs.AuthenASCII:
		return bad("authen_type", "a password is changed by type ascii alone")
	case p.Action != tacacs.ActionLogin && p.Action != tacacs.ActionChPass:
		return bad("action", "must be login or chpass")
	}
	if err := f.unused(p.Method, p.Action == tacacs.ActionChPass); err != nil {
		return nil, err
	}
	if f.data != nil {
		p.Data = f.data
		return p, nil
	}
	var err error
	switch p.Method {
	case tacacs.AuthenASCII: // the server asks for the rest
	case tacacs.AuthenPAP:
		if f.password == nil {
			return bad("password", "authentication type pap needs a password")
		}
		if len(f.password) > 255 {
			return bad("password", "may have 255 octets at most in a login by pap")
		}
		p.Data = f.password
	case tacacs.AuthenCHAP, tacacs.AuthenMSCHAP, tacacs.AuthenMSCHAPv2:
		p.Data, err = f.challenged(p.Method)
	default:
		return bad("authen_type", "must be ascii, pap, chap, ms-chap or ms-chapv2")
	}
	return p, err
}

// unused refuses fields that have no place in a login of that type.
func (f *fields) unused(method tacacs.AuthenType, chpass bool) error {
	ascii := method == tacacs.AuthenASCII
	challenged := !ascii && method != tacacs.AuthenPAP && f.data == nil
	for _, field := range [...]struct {
		name  string
		value []byte
		used  bool
	}{
		{"new_password", f.newPassword, chpass},
		{"user_msg", f.userMsg, ascii},
		{"data", f.data, !ascii},
		{"chap_response", f.chapAnswer, challenged},
		{"chap_challenge", f.chapChallenge, challenged},
		{"chap_id", f.chapID, challenged},
	} {
		if len(field.value) > 0 && !field.used {
			return aaa.Invalid(aaa.Field{Path: field.name, Rule: "authentication", Message: "has no place in a login of this action and authen_type"})
		}
	}
	return nil
}

// login begins an authentication, and answers the server's questions from the request.
func (c *client) login(ctx context.Context, f *fields) (*engines.Reply, error) {
	start, err := f.start()
	if err != nil {
		return nil, err
	}
	secrets := f.secrets()
	var r tacacs.AuthenReply
	s, sent, err := c.first(ctx, f.request.Allowance, start, &r)
	if err != nil {
		return refused(sent, err)
	}
	return c.talk(ctx, &dialogue{client: c, account: f.request.Account, session: s, chpass: start.Action == tacacs.ActionChPass}, f, &r, sent, secrets)
}

// resume continues the authentication of a challenge. If the request lacks the answer, the error names it and the
// login can still be continued.
func (c *client) resume(ctx context.Context, f *fields) (*engines.Reply, error) {
	d := c.engine.dialogues.take(f.state, c)
	switch {
	case d == nil:
		return nil, errAnew()
	case d.lost != "":
		return nil, errLost(d.lost)
	case d.session.Err() != nil:
		return nil, errAnew()
	}
	if err := f.unused(tacacs.AuthenASCII, d.chpass); err != nil {
		return nil, cmp.Or(c.engine.dialogues.put(d), err)
	}
	secrets := f.secrets()
	answer, ok := d.answer(f, true)
	if !ok {
		if err := c.engine.dialogues.put(d); err != nil {
			return nil, err
		}
		return nil, aaa.Invalid(aaa.Field{Rule: "required", Path: lacking(d), Message: "the login waits for it"})
	}
	var r tacacs.AuthenReply
	send := &tacacs.AuthenContinue{UserMsg: answer}
	if err := send.Validate(); err != nil {
		if err := c.engine.dialogues.put(d); err != nil {
			return nil, err
		}
		return nil, c.failed(err, 0)
	}
	sent, err := d.round(ctx, send, &r)
	if err != nil {
		return refused(sent, c.failed(err, sent))
	}
	return c.talk(ctx, d, f, &r, sent, secrets)
}

// round runs the session's next round and returns the number of packets it sent, 0 if ctx had ended before.
func (d *dialogue) round(ctx context.Context, send *tacacs.AuthenContinue, receive *tacacs.AuthenReply) (sent int, err error) {
	before := d.session.Sent() // only this goroutine writes it
	err = d.session.Exchange(ctx, send, receive)
	return d.session.Sent() - before, err
}

// refused returns a Reject for an error that counts as one (§10.5.2).
func refused(sent int, err error) (*engines.Reply, error) {
	if refusedByFlag(err) {
		return &engines.Reply{Outcome: aaa.Reject, Attempts: sent}, nil
	}
	return nil, err
}

// talk answers the server while it can, and returns the state of the authentication.
func (c *client) talk(ctx context.Context, d *dialogue, f *fields, r *tacacs.AuthenReply, sent int, secrets [][]byte) (*engines.Reply, error) {
	for !r.Final() {
		d.status = r.Status
		answer, ok := d.answer(f, false)
		if !ok {
			break
		}
		more, err := d.round(ctx, &tacacs.AuthenContinue{UserMsg: answer}, r)
		sent += more
		if err != nil {
			var field *tacacs.FieldError
			if errors.As(err, &field) {
				d.session.Abort("answer too long")
			}
			return refused(sent, c.failed(err, sent))
		}
	}
	if r.Status == tacacs.AuthenError {
		if d.answered { // by earlier requests, whose secrets are no longer at hand to be masked
			return nil, c.unable(sent, "", nil)
		}
		return nil, c.unable(sent, r.ServerMsg, r.Data, secrets...)
	}
	c.succeeded()
	reply := &engines.Reply{Outcome: aaa.Reject, Attempts: sent, AVPs: messages(r.ServerMsg, r.Data)}
	switch {
	case r.Status == tacacs.AuthenPass:
		reply.Outcome = aaa.Accept
	case !r.Final():
		reply.Outcome = aaa.Challenge
		reply.Prompt, reply.Echo = prompt(r)
		d.answered = d.answered || len(bytes.Join(secrets, nil)) > 0
		h, err := c.engine.dialogues.keep(d)
		if err != nil {
			return nil, err
		}
		reply.State = h[:]
	default:
		// FAIL. FOLLOW is never followed, and RESTART wants another authentication type than the
		// request's. RFC 8907 treats both as a FAIL.
	}
	return reply, nil
}

// prompt returns what to show the user. A password is never echoed, whatever the flag says.
func prompt(r *tacacs.AuthenReply) (text string, echo bool) {
	text, echo = aaa.Text([]byte(r.ServerMsg)), !r.NoEcho()
	switch r.Status {
	case tacacs.AuthenGetPass:
		echo = false
		if text == "" {
			text = "Password: "
		}
	case tacacs.AuthenGetUser:
		if text == "" {
			text = "Username: "
		}
	}
	return text, echo
}

// answer takes from the request what the server asks for, each field once. typed: the request answers a challenge, so
// that its password is what the user typed, whatever the server asked for.
func (d *dialogue) answer(f *fields, typed bool) (tacacs.Sensitive, bool) {
	if f.userMsg != nil {
		return once(&f.userMsg)
	}
	switch d.status {
	case tacacs.AuthenGetUser:
		if len(f.user) > 0 && string(f.user) != d.user {
			d.user = string(f.user)
			return tacacs.Sensitive(f.user), true
		}
		if typed {
			return once(&f.password)
		}
	case tacacs.AuthenGetPass:
		if d.chpass { // the new one, which may be asked for more than once (§5.4.2.7)
			if f.newPassword != nil && f.repeats < 2 {
				f.repeats++
				return tacacs.Sensitive(f.newPassword), true
			}
			if !typed {
				return nil, false
			}
		}
		return once(&f.password)
	case tacacs.AuthenGetData:
		if typed || d.chpass { // the old password
			return once(&f.password)
		}
	}
	return nil, false
}

// typed returns the answer to a challenge that a request brings.
func (f *fields) typed() (tacacs.Sensitive, bool) {
	for _, field := range []*[]byte{&f.userMsg, &f.password, &f.newPassword, &f.user} {
		if *field != nil {
			return once(field)
		}
	}
	return nil, false
}

func once(field *[]byte) (tacacs.Sensitive, bool) {
	value := *field
	*field = nil
	return tacacs.Sensitive(value), value != nil
}

// lacking names the field that a dialogue waits for.
func lacking(d *dialogue) string {
	switch {
	case d.status == tacacs.AuthenGetUser:
		return "user"
	case d.status == tacacs.AuthenGetPass && d.chpass:
		return "new_password"
	case d.status == tacacs.AuthenGetPass:
		return "password"
	default:
		return "user_msg"
	}
}
