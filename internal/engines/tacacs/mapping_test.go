package tacacs

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"layeh.com/radius/rfc2759"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// TestStart: what a login's first packet is made of (RFC 8907 §5.4.2).
func TestStart(t *testing.T) {
	t.Parallel()
	d := testDicts(t)
	for name, c := range map[string]struct {
		pairs []string
		want  tacacs.AuthenStart
	}{
		"pap": {
			[]string{"user=bob", "password=hush", "port=tty3", "rem_addr=192.0.2.1"},
			tacacs.AuthenStart{Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin, User: "bob", Port: "tty3", RemAddr: "192.0.2.1", Data: tacacs.Sensitive("hush")},
		},
		"pap of an empty password": {[]string{"user=bob", "password="}, tacacs.AuthenStart{Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin, User: "bob", Data: tacacs.Sensitive{}}},
		"ascii":                    {[]string{"user=bob"}, tacacs.AuthenStart{Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenASCII, Service: tacacs.ServiceLogin, User: "bob"}},
		"ascii by name":            {[]string{"user=bob", "password=hush", "authen_type=ascii"}, tacacs.AuthenStart{Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenASCII, Service: tacacs.ServiceLogin, User: "bob"}},
		"enable": {
			[]string{"user=bob", "password=hush", "authen_service=enable", "priv_lvl=root"},
			tacacs.AuthenStart{Action: tacacs.ActionLogin, PrivLvl: 15, Method: tacacs.AuthenASCII, Service: tacacs.ServiceEnable, User: "bob"},
		},
		"change of password": {[]string{"user=bob", "password=old", "new_password=new"}, tacacs.AuthenStart{Action: tacacs.ActionChPass, PrivLvl: 1, Method: tacacs.AuthenASCII, Service: tacacs.ServiceLogin, User: "bob"}},
		"ppp":                {[]string{"user=bob", "password=hush", "authen_service=ppp"}, tacacs.AuthenStart{Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenPAP, Service: tacacs.ServicePPP, User: "bob", Data: tacacs.Sensitive("hush")}},
		"RADIUS's names": {
			[]string{"User-Name=bob", "User-Password=hush", "NAS-Port-Id=tty4", "Calling-Station-Id=192.0.2.9"},
			tacacs.AuthenStart{Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin, User: "bob", Port: "tty4", RemAddr: "192.0.2.9", Data: tacacs.Sensitive("hush")},
		},
		"both names": {[]string{"User-Name=alice", "user=bob", "password=hush", "User-Password=no"}, tacacs.AuthenStart{Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin, User: "bob", Data: tacacs.Sensitive("hush")}},
		"data":       {[]string{"user=bob", "authen_type=chap", "data=0x010203"}, tacacs.AuthenStart{Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenCHAP, Service: tacacs.ServiceLogin, User: "bob", Data: tacacs.Sensitive{1, 2, 3}}},
		"empty data": {[]string{"user=bob", "password=hush", "data="}, tacacs.AuthenStart{Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin, User: "bob", Data: tacacs.Sensitive("hush")}},
		"chap passed on": {
			[]string{"user=bob", "authen_type=chap", "chap_id=7", "chap_challenge=0x0102", "chap_response=0x" + strings.Repeat("ab", 16)},
			tacacs.AuthenStart{Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenCHAP, Service: tacacs.ServiceLogin, User: "bob", Data: append(tacacs.Sensitive{7, 1, 2}, slices.Repeat([]byte{0xab}, 16)...)},
		},
	} {
		f, err := read(request(t, aaa.Authn, c.pairs...))
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.start()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.Equal(got.Data, c.want.Data) || fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", c.want) {
			t.Errorf("%s: %+v, want %+v", name, *got, c.want)
		}
	}
	r := request(t, aaa.Authn, "user=bob", "password=hush")
	r.NASPort, r.HasNASPort = 17, true
	if f, err := read(r); err != nil || string(f.port) != "17" {
		t.Errorf("port %q, %v", f.port, err)
	}
	for path, pairs := range map[string][]string{
		"password":       {"user=bob", "authen_type=pap"},
		"authen_type":    {"user=bob", "password=hush", "authen_type=not_set"},
		"action":         {"user=bob", "password=hush", "action=4"},
		"chap_challenge": {"user=bob", "authen_type=chap", "chap_response=0x" + strings.Repeat("00", 16)},
		"chap_response":  {"user=bob", "authen_type=ms-chap", "chap_id=1", "chap_challenge=12345678", "chap_response=0x00"},
		"user":           {"user=b\tob", "password=hush"},
		"priv_lvl":       {"user=bob", "password=hush", "priv_lvl=16"},
	} {
		_, err := (&client{}).Encode(request(t, aaa.Authn, pairs...))
		wantInput(t, err, path)
	}
	_, err := (&client{}).Encode(request(t, aaa.Authn, "user=bob", "password="+strings.Repeat("x", 256)))
	wantInput(t, err, "password") // not data, as the field of the packet is called
	_, err = (&client{}).Encode(&engines.Request{Dict: d, AVPs: []aaa.AVP{{}}})
	if aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("no definition: %v", err)
	}
}

// TestChallengesComputed: a server checks the responses that are made of a password (§5.4.2.3 to 5.4.2.5).
func TestChallengesComputed(t *testing.T) {
	t.Parallel()
	const password = "clientPass"
	p := script(t, func(b tacacs.Body) tacacs.Body {
		start := b.(*tacacs.AuthenStart)
		d := start.Data
		ok := start.Version() == tacacs.Version1
		switch start.Method {
		case tacacs.AuthenCHAP:
			challenge := d[1 : len(d)-16]
			sum := md5.Sum(append(append([]byte{d[0]}, password...), challenge...))
			ok = ok && len(challenge) == 16 && bytes.Equal(sum[:], d[len(d)-16:])
		case tacacs.AuthenMSCHAP:
			wide, _ := rfc2759.ToUTF16([]byte(password))
			want := rfc2759.ChallengeResponse(d[1:9], rfc2759.NTPasswordHash(wide))
			ok = ok && len(d) == 1+8+49 && bytes.Equal(d[9+24:9+48], want) && d[9+48] == 1
		case tacacs.AuthenMSCHAPv2:
			want, err := rfc2759.GenerateNTResponse(d[1:17], d[17:33], []byte("bob"), []byte(password))
			ok = ok && err == nil && len(d) == 1+16+49 && bytes.Equal(d[17+24:17+48], want)
		default:
			ok = false
		}
		if !ok {
			return &tacacs.AuthenReply{Status: tacacs.AuthenFail}
		}
		return &tacacs.AuthenReply{Status: tacacs.AuthenPass}
	})
	c := open(t, p.peer, EngineOptions{})
	for _, method := range []string{"chap", "ms-chap", "ms-chapv2"} {
		for _, user := range []string{"bob", `DOMAIN\bob`} {
			if r := ask(t, c, aaa.Authn, "user="+user, "authen_type="+method, "password="+password); r.Outcome != aaa.Accept {
				t.Errorf("%s: %v", method, r.Outcome)
			}
		}
		if r := ask(t, c, aaa.Authn, "user=bob", "authen_type="+method, "password=wrong"); r.Outcome != aaa.Reject {
			t.Errorf("%s with a wrong password: %v", method, r.Outcome)
		}
		a, b := *p.got[len(p.got)-1].(*tacacs.AuthenStart), *p.got[len(p.got)-2].(*tacacs.AuthenStart)
		if bytes.Equal(a.Data[1:9], b.Data[1:9]) {
			t.Errorf("%s: a challenge is used twice", method)
		}
	}
	_, err := c.Exchange(t.Context(), request(t, aaa.Authn, "user=bob", "authen_type=ms-chap", "password="+strings.Repeat("x", 257)))
	wantInput(t, err, "password")
}

// TestAuthorization: the arguments and what of the answer is in force (§6).
func TestAuthorization(t *testing.T) {
	t.Parallel()
	var answer tacacs.AuthorReply
	p := script(t, func(tacacs.Body) tacacs.Body { a := answer; return &a })
	var log logged
	strict := open(t, p.peer, EngineOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	custom := open(t, p.peer, EngineOptions{}, func(s *aaa.Server) { s.AVP = aaa.CustomAVP })
	pairs := []string{"user=bob", "priv_lvl=user", "authen_method=local", "cmd=show", "cmd-arg=version", "cmd-arg=<cr>", "timeout*=10"}
	asked := []string{"service=shell", "cmd=show", "cmd-arg=version", "cmd-arg=<cr>", "timeout*10"}
	for name, c := range map[string]struct {
		answer tacacs.AuthorReply
		c      *client
		want   aaa.Outcome
		args   []string
	}{
		"as asked": {tacacs.AuthorReply{Status: tacacs.AuthorPassAdd}, strict, aaa.Accept, asked},
		"add": {
			tacacs.AuthorReply{Status: tacacs.AuthorPassAdd, Args: []string{"priv-lvl=15", "cmd=show", "idletime*5"}, ServerMsg: "welcome"},
			strict, aaa.Accept, slices.Concat([]string{"server_msg=welcome"}, asked, []string{"priv-lvl=15", "idletime*5"}),
		},
		"replace":             {tacacs.AuthorReply{Status: tacacs.AuthorPassRepl, Args: []string{"cmd=list", "acl*7"}}, strict, aaa.Accept, []string{"cmd=list", "acl*7"}},
		"replace by nothing":  {tacacs.AuthorReply{Status: tacacs.AuthorPassRepl}, strict, aaa.Accept, nil},
		"unknown optional":    {tacacs.AuthorReply{Status: tacacs.AuthorPassRepl, Args: []string{"brew*tea"}}, strict, aaa.Accept, []string{"brew*tea"}},
		"unknown mandatory":   {tacacs.AuthorReply{Status: tacacs.AuthorPassAdd, Args: []string{"brew=hush"}}, strict, aaa.Reject, nil},
		"a field is none":     {tacacs.AuthorReply{Status: tacacs.AuthorPassAdd, Args: []string{"password=hush"}}, strict, aaa.Reject, nil},
		"another case":        {tacacs.AuthorReply{Status: tacacs.AuthorPassAdd, Args: []string{"ACL=7"}}, strict, aaa.Reject, nil},
		"custom takes any":    {tacacs.AuthorReply{Status: tacacs.AuthorPassRepl, Args: []string{"brew=tea"}}, custom, aaa.Accept, []string{"brew=tea"}},
		"no argument at all":  {tacacs.AuthorReply{Status: tacacs.AuthorPassAdd, Args: []string{"nonsense"}}, custom, aaa.Reject, nil},
		"fail":                {tacacs.AuthorReply{Status: tacacs.AuthorFail, Args: []string{"priv-lvl=15"}, ServerMsg: "no"}, strict, aaa.Reject, []string{"server_msg=no"}},
		"follow is a refusal": {tacacs.AuthorReply{Status: tacacs.AuthorFollow, ServerMsg: "x"}, strict, aaa.Reject, []string{"server_msg=x"}},
	} {
		answer = c.answer
		r := ask(t, c.c, aaa.Authz, pairs...)
		if r.Outcome != c.want {
			t.Errorf("%s: %v", name, r.Outcome)
		}
		note := map[string]string{
			"unknown mandatory":  `the server's mandatory argument "brew" is in none of its dictionaries`,
			"a field is none":    `the server's mandatory argument "password" is in none of its dictionaries`,
			"another case":       `the server's mandatory argument "ACL" is in none of its dictionaries`,
			"no argument at all": `the server sent "nonsense" where an argument was due`,
		}[name]
		if r.Note != note {
			t.Errorf("%s: note %q", name, r.Note)
		}
		if diff := cmp.Diff(c.args, texts(r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if ask(t, c.c, aaa.Custom, pairs...).Outcome != c.want {
			t.Errorf("%s: custom differs from authz", name)
		}
	}
	got := last[*tacacs.AuthorRequest](p)
	if diff := cmp.Diff(&tacacs.AuthorRequest{Identity: tacacs.Identity{AuthenMethod: tacacs.MethodLocal, PrivLvl: 1, AuthenType: tacacs.AuthenASCII, AuthenService: tacacs.ServiceLogin, User: "bob", Port: "", RemAddr: ""}, Args: asked}, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if text := log.String(); !strings.Contains(text, "brew") || strings.Contains(text, "hush") {
		t.Errorf("log: %s", text)
	}
	// The defaults of the service and of cmd (§8.2).
	for want, pairs := range map[string][]string{
		"service=shell cmd=":                {"user=bob"},
		"service=shell priv-lvl=1 cmd=":     {"user=bob", "service=shell", "priv-lvl=1"},
		"service=ppp protocol=ip":           {"user=bob", "service=ppp", "protocol=ip"},
		"service=shell cmd=show brew=green": {"user=bob", "cmd=show", "brew=green"},
		"service=shell cmd*":                {"user=bob", "cmd*="},
	} {
		f, err := read(request(t, aaa.Authz, pairs...))
		if err != nil || strings.Join(f.authorization().Args, " ") != want {
			t.Errorf("%v: %q, %v, want %s", pairs, f.authorization().Args, err, want)
		}
	}
	for path, pair := range map[string]string{"cmd": "cmd=" + strings.Repeat("x", 252), "cmd-arg": "cmd-arg=é"} {
		_, err := read(request(t, aaa.Authz, pair))
		wantInput(t, err, path)
	}
}

// TestAccounting: what a record is by its Acct-Status-Type, and what is filled in (§7, §8.3).
func TestAccounting(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	for name, c := range map[string]struct {
		pairs []string
		flags tacacs.AcctFlags
		want  string
	}{
		"start":    {[]string{"Acct-Status-Type=Start", "Acct-Session-Id=s1"}, tacacs.AcctStart, "service=shell cmd= start_time=1700000000 task_id=s1"},
		"stop":     {[]string{"Acct-Status-Type=Stop", "task_id=9", "elapsed_time=5"}, tacacs.AcctStop, "service=shell cmd= task_id=9 elapsed_time=5 stop_time=1700000000"},
		"watchdog": {[]string{"Acct-Status-Type=Interim-Update", "task_id=9"}, tacacs.AcctWatchdog, "service=shell cmd= task_id=9"},
		"watchdog that repeats the start": {
			[]string{"Acct-Status-Type=Interim-Update", "Acct-Status-Type=Start", "task_id=9"}, tacacs.AcctWatchdog | tacacs.AcctStart, "service=shell cmd= task_id=9",
		},
		"command": {[]string{"cmd=show", "task_id=9", "stop_time=3"}, tacacs.AcctStop, "service=shell cmd=show task_id=9 stop_time=3"},
		"by what it tells": {
			[]string{"Acct-Session-Id=s1", "Acct-Session-Time=60", "Event-Timestamp=1000", "service=ppp"},
			tacacs.AcctStop,
			"service=ppp elapsed_time=60 stop_time=1000 task_id=s1",
		},
		"counters": {
			[]string{"Acct-Session-Id=s1", "Acct-Status-Type=Interim-Update", "Acct-Input-Octets=7", "Acct-Input-Gigawords=2", "Acct-Output-Octets=8", "Acct-Input-Packets=1", "Acct-Output-Packets=2", "bytes_out=9", "service=ppp"},
			tacacs.AcctWatchdog, "bytes_out=9 service=ppp bytes_in=8589934599 paks_in=1 paks_out=2 task_id=s1",
		},
		"the NAS came up":   {[]string{"Acct-Status-Type=Accounting-On", "task_id=0"}, tacacs.AcctStart, "task_id=0 service=system event=sys_acct start_time=1700000000"},
		"the NAS goes down": {[]string{"Acct-Status-Type=Accounting-Off", "task_id=0", "reason=night"}, tacacs.AcctStop, "task_id=0 reason=night service=system event=sys_acct stop_time=1700000000"},
	} {
		f, err := read(request(t, aaa.Accounting, c.pairs...))
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.accounting(&engines.Request{Begun: now})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Flags != c.flags || strings.Join(got.Args, " ") != c.want || got.Validate() != nil {
			t.Errorf("%s: %x %q, want %x %q", name, got.Flags, strings.Join(got.Args, " "), c.flags, c.want)
		}
	}
	for _, pairs := range [][]string{
		{"Acct-Status-Type=Start", "Acct-Status-Type=Stop"},
		{"Acct-Status-Type=Stop", "Acct-Status-Type=Interim-Update"},
		{"Acct-Status-Type=99"},
	} {
		f, _ := read(request(t, aaa.Accounting, pairs...))
		_, err := f.accounting(&engines.Request{Begun: now})
		wantInput(t, err, "Acct-Status-Type")
	}

	// One record is the same at every server that it is tried at.
	f, err := read(request(t, aaa.Accounting, "service=ppp"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.accounting(&engines.Request{Begun: now, SessionID: "same"})
	if want := "service=ppp start_time=1700000000 task_id=same"; err != nil || strings.Join(got.Args, " ") != want {
		t.Errorf("%q, %v, want %s", got.Args, err, want)
	}

	status := tacacs.AcctSuccess
	p := script(t, func(tacacs.Body) tacacs.Body { return &tacacs.AcctReply{Status: status, ServerMsg: "noted"} })
	c := open(t, p.peer, EngineOptions{})
	r := ask(t, c, aaa.Accounting, "user=bob", "Acct-Status-Type=Start")
	if r.Outcome != aaa.Accept || r.Attempts != 1 || !slices.Equal(texts(r), []string{"server_msg=noted"}) {
		t.Errorf("%+v", r)
	}
	first := last[*tacacs.AcctRequest](p)
	ask(t, c, aaa.Accounting, "user=bob", "Acct-Status-Type=Start")
	if slices.Equal(first.Args, last[*tacacs.AcctRequest](p).Args) {
		t.Error("two tasks of one id")
	}
	for _, status = range []tacacs.AcctStatus{tacacs.AcctError, tacacs.AcctFollow} {
		_, err := c.Exchange(t.Context(), request(t, aaa.Accounting, "user=bob"))
		fails(t, status.String(), err, engines.ServerError, errStatus)
	}
}
