package tacacs_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	ours "aaa-api/internal/ingress/tacacs"
	"aaa-api/internal/tacacs"
)

func TestASCIILogin(t *testing.T) {
	t.Parallel()
	d := newDevice(t, service(logins), aaa.Client{})
	for _, c := range []struct {
		password string
		want     tacacs.AuthenStatus
	}{{"correct horse", tacacs.AuthenPass}, {"wrong", tacacs.AuthenFail}} {
		d.begin()
		if r := d.authen(ascii("")); r.Status != tacacs.AuthenGetUser || r.NoEcho() || r.ServerMsg == "" || d.answer.Done {
			t.Fatalf("%+v, %+v", r, d.answer)
		}
		if r := d.types("bob"); r.Status != tacacs.AuthenGetPass || !r.NoEcho() || d.answer.Done {
			t.Fatalf("%+v", r)
		}
		if r := d.types(c.password); r.Status != c.want || !d.answer.Done || d.answer.Close {
			t.Errorf("%+v, %+v", r, d.answer)
		}
		if r := d.types("more"); r.Status != tacacs.AuthenFail {
			t.Errorf("after the end: %+v", r)
		}
	}
	d.begin()
	if r := d.authen(ascii("bob")); r.Status != tacacs.AuthenGetPass {
		t.Fatalf("%+v", r)
	}
	if r := d.types("correct horse"); r.Status != tacacs.AuthenPass {
		t.Errorf("%+v", r)
	}
}

// TestT4WrongAndAway: a wrong password is FAIL at once, and who can't be asked is ERROR.
func TestT4WrongAndAway(t *testing.T) {
	t.Parallel()
	d := newDevice(t, service(logins), aaa.Client{})
	if r := d.pap("bob", "wrong"); r.Status != tacacs.AuthenFail || !d.answer.Done {
		t.Errorf("%+v", r)
	}
	if r := d.pap("bob", "correct horse"); r.Status != tacacs.AuthenPass {
		t.Errorf("%+v", r)
	}
	for _, c := range []struct {
		kind aaa.Kind
		want tacacs.AuthenStatus
	}{
		{aaa.KindNoAnswer, tacacs.AuthenError},
		{aaa.KindBadReply, tacacs.AuthenError},
		{aaa.KindBusy, tacacs.AuthenError},
		{aaa.KindUnavailable, tacacs.AuthenError},
		{aaa.KindInternal, tacacs.AuthenError},
		{aaa.KindNotFound, tacacs.AuthenError},
		{aaa.KindBanned, tacacs.AuthenFail},
		{aaa.KindForbidden, tacacs.AuthenFail},
		{aaa.KindBadInput, tacacs.AuthenFail},
	} {
		d := newDevice(t, always(nil, &aaa.Error{Kind: c.kind, Message: "inner workings"}), aaa.Client{})
		r := d.pap("bob", "correct horse")
		if r.Status != c.want || strings.Contains(r.ServerMsg, "inner") {
			t.Errorf("kind %d: %+v", c.kind, r)
		}
		want := tacacs.AuthorError
		if c.want == tacacs.AuthenFail {
			want = tacacs.AuthorFail
		}
		if r := d.command("service=shell", "cmd="); r.Status != want {
			t.Errorf("kind %d: %+v", c.kind, r)
		}
		if r := d.record(tacacs.AcctStart, "task_id=1"); r.Status != tacacs.AcctError {
			t.Errorf("kind %d: %+v", c.kind, r)
		}
	}
}

// TestUsersChooseNoError: nothing that a user types is answered by ERROR, at which a device asks its own users.
func TestUsersChooseNoError(t *testing.T) {
	t.Parallel()
	unfit := service(func(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
		if password, _ := req.Values["User-Password"].(string); len(password) > 128 {
			return nil, aaa.Invalid(aaa.Field{Path: "User-Password", Message: "the rule of a document", Value: "of somebody"})
		}
		return logins(t.Context(), req)
	})
	d := newDevice(t, unfit, aaa.Client{})
	long := strings.Repeat("x", 255)
	for _, c := range [][2]string{{"bob", long}, {"bo\ab", "correct horse"}, {"bob\x7f", "correct horse"}, {"bob\u0085", "correct horse"}, {long, long}} {
		r := d.pap(c[0], c[1])
		if r.Status != tacacs.AuthenFail || strings.Contains(r.ServerMsg, "document") || strings.Contains(r.ServerMsg, "somebody") {
			t.Errorf("%.20q by PAP: %+v", c, r)
		}
		d.begin()
		if r = d.authen(ascii(c[0])); r.Status == tacacs.AuthenGetPass {
			r = d.types(c[1])
		}
		if r.Status != tacacs.AuthenFail {
			t.Errorf("%.20q by ASCII: %+v", c, r)
		}
	}
	for _, name := range []string{"", "a\x00b", "bo\nb", strings.Repeat("x", 256), strings.Repeat("x", 5000)} {
		d.begin()
		d.authen(ascii(""))
		if r := d.types(name); r.Status != tacacs.AuthenFail {
			t.Errorf("the name %.20q: %+v", name, r)
		}
	}
	for _, password := range []string{"", strings.Repeat("x", 4000), strings.Repeat("x", 60000)} {
		d.begin()
		d.authen(ascii("bob"))
		if r := d.types(password); r.Status != tacacs.AuthenFail {
			t.Errorf("the password %.20q: %+v", password, r)
		}
	}
}

// TestT5ExpiredOverPAP: a login that can't be asked anything gets one FAIL, with what the server would have asked.
func TestT5ExpiredOverPAP(t *testing.T) {
	t.Parallel()
	d := newDevice(t, always(&aaa.Result{Outcome: aaa.Challenge, State: "s", Prompt: "Your password has expired"}, nil), aaa.Client{})
	if r := d.pap("bob", "correct horse"); r.Status != tacacs.AuthenFail || r.ServerMsg != "Your password has expired" || !d.answer.Done {
		t.Errorf("%+v", r)
	}
}

// TestChallenge: a server's challenges are questions, and each answer has the State of its own.
func TestChallenge(t *testing.T) {
	t.Parallel()
	round := 0
	d := newDevice(t, service(func(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
		round++
		var state string
		if round > 1 {
			state = fmt.Sprint("state ", round-1)
		}
		if got, _ := req.Values["State"].(string); got != state {
			t.Errorf("round %d: State %q", round, got)
		}
		if want := []string{"", "correct horse", "123456", "blue"}[round]; req.Values["User-Password"] != want || req.Values["user_msg"] != nil {
			t.Errorf("round %d: %v", round, req.Values)
		}
		if round == 3 {
			return accepted, nil
		}
		return &aaa.Result{Outcome: aaa.Challenge, State: fmt.Sprint("state ", round), Prompt: "Question\x07 " + fmt.Sprint(round), Echo: round == 2}, nil
	}), aaa.Client{})
	d.authen(ascii("bob"))
	if r := d.types("correct horse"); r.Status != tacacs.AuthenGetData || !r.NoEcho() || r.ServerMsg != "Question 1" {
		t.Fatalf("%+v", r)
	}
	if r := d.types("123456"); r.Status != tacacs.AuthenGetData || r.NoEcho() || r.ServerMsg != "Question 2" {
		t.Fatalf("%+v", r)
	}
	if r := d.types("blue"); r.Status != tacacs.AuthenPass {
		t.Fatalf("%+v", r)
	}
}

func TestChangeOfPassword(t *testing.T) {
	t.Parallel()
	var got aaa.Values
	d := newDevice(t, service(func(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
		got = req.Values
		return accepted, nil
	}), aaa.Client{})
	start := ascii("")
	start.Action = tacacs.ActionChPass
	change := func(second string) tacacs.AuthenReply {
		d.begin()
		d.authen(start)
		if r := d.types("bob"); r.Status != tacacs.AuthenGetData || !r.NoEcho() {
			t.Fatalf("%+v", r)
		}
		if r := d.types("old"); r.Status != tacacs.AuthenGetPass || !r.NoEcho() {
			t.Fatalf("%+v", r)
		}
		if r := d.types("new one"); r.Status != tacacs.AuthenGetPass {
			t.Fatalf("%+v", r)
		}
		return d.types(second)
	}
	if r := change("another"); r.Status != tacacs.AuthenFail || got != nil {
		t.Errorf("%+v, %v", r, got)
	}
	if r := change("new one"); r.Status != tacacs.AuthenPass || got["New-Password"] != "new one" || got["User-Password"] != "old" || got["action"] != "chpass" {
		t.Errorf("%+v, %v", r, got)
	}
	start.Method = tacacs.AuthenPAP
	d.begin()
	if r := d.authen(start); r.Status != tacacs.AuthenError {
		t.Errorf("%+v", r)
	}
}

// TestFields: what tables and rules see of a login, and what a TACACS+ server behind gets.
func TestFields(t *testing.T) {
	t.Parallel()
	var req *aaa.Request
	d := newDevice(t, service(func(_ context.Context, r *aaa.Request) (*aaa.Result, error) {
		req = r
		return accepted, nil
	}), aaa.Client{NASType: "cisco"})
	start := ascii("bob")
	start.Service, start.PrivLvl = tacacs.ServiceEnable, 15
	d.authen(start)
	if r := d.types("correct horse"); r.Status != tacacs.AuthenPass {
		t.Fatalf("%+v", r)
	}
	want := aaa.Values{
		"user": "bob", "User-Name": "bob", "password": "correct horse", "User-Password": "correct horse", "port": "tty1", "NAS-Port-Id": "tty1",
		"rem_addr": "198.51.100.9", "Calling-Station-Id": "198.51.100.9", "priv_lvl": "root", "authen_type": "ascii", "authen_service": "enable", "action": "login",
	}
	if diff := cmp.Diff(want, req.Values); diff != "" {
		t.Error(diff)
	}
	if req.Op != aaa.Authn || req.Account != account || req.Device.Client != "switch" || req.Device.NASType != "cisco" || req.Device.From.String() != "192.0.2.7" {
		t.Errorf("%+v, %+v", req, req.Device)
	}
	d.begin()
	d.version = tacacs.Version1
	chap := tacacs.CHAP{ID: 9, Challenge: []byte("0123456789abcdef"), Response: make([]byte, 16)}
	data, err := chap.Data(tacacs.AuthenCHAP)
	if err != nil {
		t.Fatal(err)
	}
	start = ascii("bob")
	start.Method, start.Data = tacacs.AuthenCHAP, data
	if r := d.authen(start); r.Status != tacacs.AuthenPass {
		t.Fatalf("%+v", r)
	}
	if req.Values["chap_id"] != json.Number("9") || req.Values["chap_challenge"] != "0x30313233343536373839616263646566" || req.Values["User-Password"] != nil {
		t.Errorf("%v", req.Values)
	}
	start.Data = data[:10]
	d.begin()
	if r := d.authen(start); r.Status != tacacs.AuthenFail || r.ServerMsg == "" {
		t.Errorf("%+v", r)
	}
}

// TestAbort: a user who gives up is answered by nothing, and leaves nothing behind.
func TestAbort(t *testing.T) {
	t.Parallel()
	d := newDevice(t, service(logins), aaa.Client{})
	d.authen(ascii("bob"))
	if d.send(&tacacs.AuthenContinue{Flags: tacacs.ContinueAbort}, &tacacs.AuthenReply{}) || !d.answer.Done || d.answer.Close {
		t.Errorf("%+v", d.answer)
	}
	d.seq -= 2
	if r := d.types("correct horse"); r.Status != tacacs.AuthenFail {
		t.Errorf("%+v", r)
	}
}

// TestClientGoesDuringLogin: a login ends with its client, also where another client has the address.
func TestClientGoesDuringLogin(t *testing.T) {
	t.Parallel()
	k := &known{}
	k.add("gone", secret, "", aaa.Client{})
	k.add("other", "another secret", "", aaa.Client{})
	d := newDeviceOf(t, service(logins), k, ours.Options{})
	d.authen(ascii("bob"))
	k.list = k.list[1:]
	if d.send(&tacacs.AuthenContinue{UserMsg: tacacs.Sensitive("correct horse")}, &tacacs.AuthenReply{}) || !d.answer.Close || d.server.Waiting() != 0 {
		t.Errorf("%+v", d.answer)
	}
}

// TestEnableBeyondTheServersLevel: a RADIUS server that accepts a user for a lower level does not accept him for the one asked for by enable.
func TestEnableBeyondTheServersLevel(t *testing.T) {
	t.Parallel()
	octets := func(name, text string) aaa.AVP {
		a := dictionary().ByName(name)
		value, err := dictionary().Encode(a, text)
		if err != nil {
			t.Fatal(err)
		}
		return aaa.AVP{Attr: a, Value: value}
	}
	prompt, admin, framed := octets("Service-Type", "NAS-Prompt-User"), octets("Service-Type", "Administrative-User"), octets("Service-Type", "Framed-User")
	seven, fifteen, other := octets("Cisco-AVPair", "shell:priv-lvl=7"), octets("Cisco-AVPair", "shell:priv-lvl=15"), octets("Cisco-AVPair", "shell:idletime=7")
	for i, c := range []struct {
		service tacacs.Service
		level   byte
		engine  string
		reply   []aaa.AVP
		want    tacacs.AuthenStatus
	}{
		{tacacs.ServiceEnable, 15, "radius", []aaa.AVP{prompt}, tacacs.AuthenFail},
		{tacacs.ServiceEnable, 15, "radius", []aaa.AVP{admin, seven}, tacacs.AuthenFail},
		{tacacs.ServiceEnable, 7, "radius", []aaa.AVP{seven}, tacacs.AuthenPass},
		{tacacs.ServiceEnable, 15, "radius", []aaa.AVP{prompt, other, fifteen}, tacacs.AuthenPass},
		{tacacs.ServiceEnable, 15, "radius", []aaa.AVP{admin}, tacacs.AuthenPass},
		{tacacs.ServiceEnable, 15, "radius", []aaa.AVP{framed}, tacacs.AuthenPass},
		{tacacs.ServiceEnable, 15, "radius", nil, tacacs.AuthenPass},
		{tacacs.ServiceEnable, 15, "tacacs", nil, tacacs.AuthenPass},
		{tacacs.ServiceLogin, 15, "radius", []aaa.AVP{prompt}, tacacs.AuthenPass},
	} {
		d := newDevice(t, always(&aaa.Result{Outcome: aaa.Accept, IsAuthorized: true, Reply: &aaa.DeviceReply{Engine: c.engine, AVPs: c.reply}}, nil), aaa.Client{})
		start := ascii("bob")
		start.Service, start.PrivLvl = c.service, c.level
		d.authen(start)
		if r := d.types("correct horse"); r.Status != c.want {
			t.Errorf("%d: %+v", i, r)
		}
	}
}
