package tacacs

import (
	"bytes"
	"cmp"
	"context"
	"errors"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// start is the first packet of an authentication (RFC 8907 §5.4.2). Without an authen_type it is
// PAP with a password and ASCII without one; to change a password and to enable it is always ASCII.
func (f *fields) start() (*AuthenStart, error) {
	p := &AuthenStart{
		Action: Action(octet(f.action, byte(ActionLogin))), PrivLvl: octet(f.privLvl, PrivUser),
		Service: Service(octet(f.service, byte(ServiceLogin))),
		User:    string(f.user), Port: string(f.port), RemAddr: string(f.remAddr),
	}
	if f.action == nil && f.newPassword != nil {
		p.Action = ActionChPass
	}
	if len(f.data) == 0 && (f.password != nil || f.chapAnswer != nil) {
		f.data = nil
	}
	switch {
	case len(f.authenType) > 0:
		p.Method = AuthenType(number(f.authenType))
	case p.Action == ActionChPass, p.Service == ServiceEnable, f.password == nil && f.chapAnswer == nil && f.data == nil:
		p.Method = AuthenASCII
	default:
		p.Method = AuthenPAP
	}
	if len(f.authenType) == 0 {
		f.told("authen_type", map[AuthenType]string{AuthenASCII: "ascii", AuthenPAP: "pap"}[p.Method])
	}
	bad := func(path, message string) (*AuthenStart, error) {
		return nil, aaa.Invalid(aaa.Field{Path: path, Rule: "authentication", Message: message})
	}
	switch {
	case p.Action == ActionChPass && p.Method != AuthenASCII:
		return bad("authen_type", "a password is changed by type ascii alone")
	case p.Action != ActionLogin && p.Action != ActionChPass:
		return bad("action", "must be login or chpass")
	}
	if err := f.unused(p.Method, p.Action == ActionChPass); err != nil {
		return nil, err
	}
	if f.data != nil {
		p.Data = f.data
		return p, nil
	}
	var err error
	switch p.Method {
	case AuthenASCII: // the rest is asked for
	case AuthenPAP:
		if f.password == nil {
			return bad("password", "authentication type pap needs a password")
		}
		if len(f.password) > 255 {
			return bad("password", "may have 255 octets at most in a login by pap")
		}
		p.Data = f.password
	case AuthenCHAP, AuthenMSCHAP, AuthenMSCHAPv2:
		p.Data, err = f.challenged(p.Method)
	default:
		return bad("authen_type", "must be ascii, pap, chap, ms-chap or ms-chapv2")
	}
	return p, err
}

// unused refuses what a login of a type has no place for.
func (f *fields) unused(method AuthenType, chpass bool) error {
	ascii := method == AuthenASCII
	challenged := !ascii && method != AuthenPAP && f.data == nil
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

// login begins an authentication, and answers what the server asks for with what the request brought.
func (c *client) login(ctx context.Context, f *fields) (*engines.Reply, error) {
	start, err := f.start()
	if err != nil {
		return nil, err
	}
	secrets := f.secrets()
	var r AuthenReply
	s, sent, err := c.first(ctx, f.request.Allowance, start, &r)
	if err != nil {
		return refused(sent, err)
	}
	return c.talk(ctx, &dialogue{client: c, account: f.request.Account, session: s, chpass: start.Action == ActionChPass}, f, &r, sent, secrets)
}

// resume goes on with an authentication that a challenge was given out for. What is lacking
// to answer with is told, and the login may be gone on with all the same.
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
	if err := f.unused(AuthenASCII, d.chpass); err != nil {
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
	var r AuthenReply
	send := &AuthenContinue{UserMsg: answer}
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

// round is the session's next round, with how many packets it sent: none where the caller had gone before.
func (d *dialogue) round(ctx context.Context, send *AuthenContinue, receive *AuthenReply) (sent int, err error) {
	before := d.session.sent // written by the goroutine of the round alone
	err = d.session.Exchange(ctx, send, receive)
	return d.session.sent - before, err
}

// refused makes a Reject of a reply that is to be taken for one.
func refused(sent int, err error) (*engines.Reply, error) {
	if refusedByFlag(err) {
		return &engines.Reply{Outcome: aaa.Reject, Attempts: sent}, nil
	}
	return nil, err
}

// talk answers while it can, and then says how the authentication stands.
func (c *client) talk(ctx context.Context, d *dialogue, f *fields, r *AuthenReply, sent int, secrets [][]byte) (*engines.Reply, error) {
	for !r.Final() {
		d.status = r.Status
		answer, ok := d.answer(f, false)
		if !ok {
			break
		}
		more, err := d.round(ctx, &AuthenContinue{UserMsg: answer}, r)
		sent += more
		if err != nil {
			var field *FieldError
			if errors.As(err, &field) {
				d.session.Abort("answer too long")
			}
			return refused(sent, c.failed(err, sent))
		}
	}
	if r.Status == AuthenError {
		if d.answered { // by earlier requests, with what is no longer at hand to be masked
			return nil, c.unable(sent, "", nil)
		}
		return nil, c.unable(sent, r.ServerMsg, r.Data, secrets...)
	}
	c.succeeded()
	reply := &engines.Reply{Outcome: aaa.Reject, Attempts: sent, AVPs: messages(r.ServerMsg, r.Data)}
	switch {
	case r.Status == AuthenPass:
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
		// request's: RFC 8907 has both be taken for a FAIL.
	}
	return reply, nil
}

// prompt is what to show the user. A password is never shown as it is typed, flag or not.
func prompt(r *AuthenReply) (text string, echo bool) {
	text, echo = aaa.Text([]byte(r.ServerMsg)), !r.NoEcho()
	switch r.Status {
	case AuthenGetPass:
		echo = false
		if text == "" {
			text = "Password: "
		}
	case AuthenGetUser:
		if text == "" {
			text = "Username: "
		}
	}
	return text, echo
}

// answer takes from the request what the server asks for, each piece once. typed: a challenge was
// given out, so that the password is what the user typed, whatever was asked for.
func (d *dialogue) answer(f *fields, typed bool) (Sensitive, bool) {
	if f.userMsg != nil {
		return once(&f.userMsg)
	}
	switch d.status {
	case AuthenGetUser:
		if len(f.user) > 0 && string(f.user) != d.user {
			d.user = string(f.user)
			return Sensitive(f.user), true
		}
		if typed {
			return once(&f.password)
		}
	case AuthenGetPass:
		if d.chpass { // the new one, which may be asked for more than once (§5.4.2.7)
			if f.newPassword != nil && f.repeats < 2 {
				f.repeats++
				return Sensitive(f.newPassword), true
			}
			if !typed {
				return nil, false
			}
		}
		return once(&f.password)
	case AuthenGetData:
		if typed || d.chpass { // the old password
			return once(&f.password)
		}
	}
	return nil, false
}

// typed is what a request brings to go on with.
func (f *fields) typed() (Sensitive, bool) {
	for _, field := range []*[]byte{&f.userMsg, &f.password, &f.newPassword, &f.user} {
		if *field != nil {
			return once(field)
		}
	}
	return nil, false
}

func once(field *[]byte) (Sensitive, bool) {
	value := *field
	*field = nil
	return Sensitive(value), value != nil
}

// lacking names what a dialogue waits for.
func lacking(d *dialogue) string {
	switch {
	case d.status == AuthenGetUser:
		return "user"
	case d.status == AuthenGetPass && d.chpass:
		return "new_password"
	case d.status == AuthenGetPass:
		return "password"
	default:
		return "user_msg"
	}
}
