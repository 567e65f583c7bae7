package tacacs

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

// scripted is a server that answers each request by a function of it, and keeps what it got.
type scripted struct {
	*peer
	mu  sync.Mutex
	got []Body
	hdr []Header
}

func script(t testing.TB, answer func(Body) Body) *scripted {
	t.Helper()
	return scriptOn(t, nil, answer)
}

// scriptOn is script at a listener; without one it makes its own.
func scriptOn(t testing.TB, ln net.Listener, answer func(Body) Body) *scripted {
	t.Helper()
	s := &scripted{}
	s.peer = startPeer(t, &peer{secret: testSecret, quiet: true, ln: ln}, func(l *link) {
		for h, body := range l.requests() {
			s.mu.Lock()
			s.got, s.hdr = append(s.got, body), append(s.hdr, h)
			s.mu.Unlock()
			if c, ok := body.(*AuthenContinue); ok && c.Flags&ContinueAbort != 0 {
				continue
			}
			r := answer(body)
			if r == nil {
				return
			}
			l.send(h.answer(h.Flags), r)
		}
	})
	return s
}

// last is the latest request, of the type wanted.
func last[B Body](s *scripted) B {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.got[len(s.got)-1].(B)
	if !ok {
		s.t.Errorf("got a %T", s.got[len(s.got)-1])
	}
	return b
}

func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

func open(t testing.TB, p *peer, opts EngineOptions, change ...func(*aaa.Server)) *client {
	t.Helper()
	s := entry(p)
	for _, f := range change {
		f(&s)
	}
	c, err := New(opts).Open(engines.Config{Account: "a", Server: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Retire()
		if m := c.(*client).manager; m != nil {
			eventually(t, "no connection", func() bool { return m.Stats().Connections == 0 })
		}
	})
	return c.(*client)
}

func ask(t testing.TB, c *client, op aaa.Op, pairs ...string) *engines.Reply {
	t.Helper()
	r, err := c.Exchange(t.Context(), request(t, op, pairs...))
	if err != nil {
		t.Fatalf("%v %v: %v", op, pairs, err)
	}
	return r
}

// texts are AVPs as name=value and name*value.
func texts(r *engines.Reply) []string {
	var list []string
	for _, v := range r.AVPs {
		list = append(list, Argument{v.Attr.Name, string(v.Value), !v.Optional}.String())
	}
	return list
}

// want checks an error of a request that can't be sent.
func wantInput(t testing.TB, err error, path string) {
	t.Helper()
	var e *aaa.Error
	if !errors.As(err, &e) || e.Kind != aaa.KindBadInput || len(e.Fields) != 1 || e.Fields[0].Path != path {
		t.Errorf("%v, want bad input at %s", err, path)
	}
}

// TestStart: what a login's first packet is made of (RFC 8907 §5.4.2).
func TestStart(t *testing.T) {
	t.Parallel()
	d := testDicts(t)
	for name, c := range map[string]struct {
		pairs []string
		want  AuthenStart
	}{
		"pap": {
			[]string{"user=bob", "password=hush", "port=tty3", "rem_addr=192.0.2.1"},
			AuthenStart{ActionLogin, 1, AuthenPAP, ServiceLogin, "bob", "tty3", "192.0.2.1", Sensitive("hush")},
		},
		"pap of an empty password": {[]string{"user=bob", "password="}, AuthenStart{ActionLogin, 1, AuthenPAP, ServiceLogin, "bob", "", "", Sensitive{}}},
		"ascii":                    {[]string{"user=bob"}, AuthenStart{ActionLogin, 1, AuthenASCII, ServiceLogin, "bob", "", "", nil}},
		"ascii by name":            {[]string{"user=bob", "password=hush", "authen_type=ascii"}, AuthenStart{ActionLogin, 1, AuthenASCII, ServiceLogin, "bob", "", "", nil}},
		"enable": {
			[]string{"user=bob", "password=hush", "authen_service=enable", "priv_lvl=root"},
			AuthenStart{ActionLogin, 15, AuthenASCII, ServiceEnable, "bob", "", "", nil},
		},
		"change of password": {[]string{"user=bob", "password=old", "new_password=new"}, AuthenStart{ActionChPass, 1, AuthenASCII, ServiceLogin, "bob", "", "", nil}},
		"ppp":                {[]string{"user=bob", "password=hush", "authen_service=ppp"}, AuthenStart{ActionLogin, 1, AuthenPAP, ServicePPP, "bob", "", "", Sensitive("hush")}},
		"RADIUS's names": {
			[]string{"User-Name=bob", "User-Password=hush", "NAS-Port-Id=tty4", "Calling-Station-Id=192.0.2.9"},
			AuthenStart{ActionLogin, 1, AuthenPAP, ServiceLogin, "bob", "tty4", "192.0.2.9", Sensitive("hush")},
		},
		"both names": {[]string{"User-Name=alice", "user=bob", "password=hush", "User-Password=no"}, AuthenStart{ActionLogin, 1, AuthenPAP, ServiceLogin, "bob", "", "", Sensitive("hush")}},
		"data":       {[]string{"user=bob", "authen_type=chap", "data=0x010203"}, AuthenStart{ActionLogin, 1, AuthenCHAP, ServiceLogin, "bob", "", "", Sensitive{1, 2, 3}}},
		"chap passed on": {
			[]string{"user=bob", "authen_type=chap", "chap_id=7", "chap_challenge=0x0102", "chap_response=0x" + strings.Repeat("ab", 16)},
			AuthenStart{ActionLogin, 1, AuthenCHAP, ServiceLogin, "bob", "", "", append(Sensitive{7, 1, 2}, slices.Repeat([]byte{0xab}, 16)...)},
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
		"data":           {"user=bob", "password=" + strings.Repeat("x", 256)},
	} {
		_, err := (&client{}).Encode(request(t, aaa.Authn, pairs...))
		wantInput(t, err, path)
	}
	_, err := (&client{}).Encode(&engines.Request{Dict: d, AVPs: []aaa.AVP{{}}})
	if aaa.KindOf(err) != aaa.KindBadInput {
		t.Errorf("no definition: %v", err)
	}
}

// TestAuthorization: the arguments and what of the answer is in force (§6).
func TestAuthorization(t *testing.T) {
	t.Parallel()
	var answer AuthorResponse
	p := script(t, func(Body) Body { a := answer; return &a })
	var log logged
	strict := open(t, p.peer, EngineOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	custom := open(t, p.peer, EngineOptions{}, func(s *aaa.Server) { s.AVP = aaa.CustomAVP })
	pairs := []string{"user=bob", "priv_lvl=user", "authen_method=local", "cmd=show", "cmd-arg=version", "cmd-arg=<cr>", "timeout*=10"}
	asked := []string{"service=shell", "cmd=show", "cmd-arg=version", "cmd-arg=<cr>", "timeout*10"}
	for name, c := range map[string]struct {
		answer AuthorResponse
		c      *client
		want   aaa.Outcome
		args   []string
	}{
		"as asked": {AuthorResponse{Status: AuthorPassAdd}, strict, aaa.Accept, asked},
		"add": {
			AuthorResponse{Status: AuthorPassAdd, Args: []string{"priv-lvl=15", "cmd=show", "idletime*5"}, ServerMsg: "welcome"},
			strict, aaa.Accept, slices.Concat([]string{"server_msg=welcome"}, asked, []string{"priv-lvl=15", "idletime*5"}),
		},
		"replace":             {AuthorResponse{Status: AuthorPassRepl, Args: []string{"cmd=list", "acl*7"}}, strict, aaa.Accept, []string{"cmd=list", "acl*7"}},
		"replace by nothing":  {AuthorResponse{Status: AuthorPassRepl}, strict, aaa.Accept, nil},
		"unknown optional":    {AuthorResponse{Status: AuthorPassRepl, Args: []string{"brew*tea"}}, strict, aaa.Accept, []string{"brew*tea"}},
		"unknown mandatory":   {AuthorResponse{Status: AuthorPassAdd, Args: []string{"brew=hush"}}, strict, aaa.Reject, nil},
		"a field is none":     {AuthorResponse{Status: AuthorPassAdd, Args: []string{"password=hush"}}, strict, aaa.Reject, nil},
		"another case":        {AuthorResponse{Status: AuthorPassAdd, Args: []string{"ACL=7"}}, strict, aaa.Reject, nil},
		"custom takes any":    {AuthorResponse{Status: AuthorPassRepl, Args: []string{"brew=tea"}}, custom, aaa.Accept, []string{"brew=tea"}},
		"no argument at all":  {AuthorResponse{Status: AuthorPassAdd, Args: []string{"nonsense"}}, custom, aaa.Reject, nil},
		"fail":                {AuthorResponse{Status: AuthorFail, Args: []string{"priv-lvl=15"}, ServerMsg: "no"}, strict, aaa.Reject, []string{"server_msg=no"}},
		"follow is a refusal": {AuthorResponse{Status: AuthorFollow, ServerMsg: "x"}, strict, aaa.Reject, []string{"server_msg=x"}},
	} {
		answer = c.answer
		r := ask(t, c.c, aaa.Authz, pairs...)
		if r.Outcome != c.want {
			t.Errorf("%s: %v", name, r.Outcome)
		}
		if diff := cmp.Diff(c.args, texts(r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if ask(t, c.c, aaa.Custom, pairs...).Outcome != c.want {
			t.Errorf("%s: custom differs from authz", name)
		}
	}
	got := last[*AuthorRequest](p)
	if diff := cmp.Diff(&AuthorRequest{Identity{MethodLocal, 1, AuthenASCII, ServiceLogin, "bob", "", ""}, asked}, got); diff != "" {
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
		flags AcctFlags
		want  string
	}{
		"start":    {[]string{"Acct-Status-Type=Start", "Acct-Session-Id=s1"}, AcctStart, "service=shell cmd= start_time=1700000000 task_id=s1"},
		"stop":     {[]string{"Acct-Status-Type=Stop", "task_id=9", "elapsed_time=5"}, AcctStop, "service=shell cmd= task_id=9 elapsed_time=5 stop_time=1700000000"},
		"watchdog": {[]string{"Acct-Status-Type=Interim-Update", "task_id=9"}, AcctWatchdog, "service=shell cmd= task_id=9"},
		"watchdog that repeats the start": {
			[]string{"Acct-Status-Type=Interim-Update", "Acct-Status-Type=Start", "task_id=9"}, AcctWatchdog | AcctStart, "service=shell cmd= task_id=9",
		},
		"command": {[]string{"cmd=show", "task_id=9", "stop_time=3"}, AcctStop, "service=shell cmd=show task_id=9 stop_time=3"},
		"by what it tells": {
			[]string{"Acct-Session-Id=s1", "Acct-Session-Time=60", "Event-Timestamp=1000", "service=ppp"},
			AcctStop,
			"service=ppp elapsed_time=60 stop_time=1000 task_id=s1",
		},
		"counters": {
			[]string{"Acct-Session-Id=s1", "Acct-Status-Type=Interim-Update", "Acct-Input-Octets=7", "Acct-Input-Gigawords=2", "Acct-Output-Octets=8", "Acct-Input-Packets=1", "Acct-Output-Packets=2", "bytes_out=9", "service=ppp"},
			AcctWatchdog, "bytes_out=9 service=ppp bytes_in=8589934599 paks_in=1 paks_out=2 task_id=s1",
		},
		"the NAS came up":   {[]string{"Acct-Status-Type=Accounting-On", "task_id=0"}, AcctStart, "task_id=0 service=system event=sys_acct start_time=1700000000"},
		"the NAS goes down": {[]string{"Acct-Status-Type=Accounting-Off", "task_id=0", "reason=night"}, AcctStop, "task_id=0 reason=night service=system event=sys_acct stop_time=1700000000"},
	} {
		f, err := read(request(t, aaa.Accounting, c.pairs...))
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.accounting(now)
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
		_, err := f.accounting(now)
		wantInput(t, err, "Acct-Status-Type")
	}

	status := AcctSuccess
	p := script(t, func(Body) Body { return &AcctReply{Status: status, ServerMsg: "noted"} })
	c := open(t, p.peer, EngineOptions{})
	r := ask(t, c, aaa.Accounting, "user=bob", "Acct-Status-Type=Start")
	if r.Outcome != aaa.Accept || r.Attempts != 1 || !slices.Equal(texts(r), []string{"server_msg=noted"}) {
		t.Errorf("%+v", r)
	}
	first := last[*AcctRequest](p)
	ask(t, c, aaa.Accounting, "user=bob", "Acct-Status-Type=Start")
	if slices.Equal(first.Args, last[*AcctRequest](p).Args) {
		t.Error("two tasks of one id")
	}
	for _, status = range []AcctStatus{AcctError, AcctFollow} {
		_, err := c.Exchange(t.Context(), request(t, aaa.Accounting, "user=bob"))
		fails(t, status.String(), err, engines.ServerError, errStatus)
	}
}

// TestHealth: ERROR is a server that can't answer; it is tried again by time or by a test user.
func TestHealth(t *testing.T) {
	t.Parallel()
	for _, probe := range []bool{false, true} {
		var mu sync.Mutex
		well := false
		p := script(t, func(b Body) Body {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case !well:
				return &AuthenReply{Status: AuthenError, ServerMsg: "hush"}
			case b.(*AuthenStart).User == "probe":
				return &AuthenReply{Status: AuthenFail}
			default:
				return &AuthenReply{Status: AuthenPass}
			}
		})
		c := open(t, p.peer, EngineOptions{ReviveAfter: 5 * time.Millisecond, ProbeInterval: 5 * time.Millisecond}, func(s *aaa.Server) {
			if probe {
				s.HealthCheck = aaa.HealthCheck{Type: "user", Username: "probe", Password: aaa.NewSecret("p")}
			}
		})
		for range engines.FailuresToDead {
			_, err := c.Exchange(t.Context(), request(t, aaa.Authn, "user=bob", "password=p"))
			fails(t, "ERROR", err, engines.ServerError, errStatus)
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("%v shows what the server said", err)
			}
		}
		eventually(t, "dead", func() bool { return p.count() >= 3 })
		mu.Lock()
		well = true
		mu.Unlock()
		eventually(t, "usable", c.Health().Usable)
		if !probe {
			for range engines.AnswersToAlive {
				ask(t, c, aaa.Authn, "user=bob", "password=p")
			}
		}
		eventually(t, "alive", func() bool { return c.Health().State() == engines.Alive })
	}
}

// TestFlagIsRefusal: a reply in the clear where it must not be is a FAIL (§10.5.2).
func TestFlagIsRefusal(t *testing.T) {
	t.Parallel()
	p := startPeer(t, &peer{secret: testSecret, quiet: true}, func(l *link) {
		if h, body, ok := l.next(); ok {
			l.send(h.answer(FlagUnencrypted), pass(body))
		}
	})
	c := open(t, p, EngineOptions{})
	for _, op := range []aaa.Op{aaa.Authn, aaa.Authz} {
		if r := ask(t, c, op, "user=bob", "password=password"); r.Outcome != aaa.Reject {
			t.Errorf("%v: %v", op, r.Outcome)
		}
	}
	_, err := c.Exchange(t.Context(), request(t, aaa.Accounting, "user=bob"))
	fails(t, "accounting", err, engines.BadReply, FaultFlag)
}

// TestTriesAgain: a first packet without an answer is sent again on another connection.
func TestTriesAgain(t *testing.T) {
	t.Parallel()
	n := 0
	p := startPeer(t, &peer{secret: testSecret, quiet: true}, func(l *link) {
		if h, body, ok := l.next(); ok {
			if n++; n > 2 {
				l.send(h.answer(0), pass(body))
			}
		}
	})
	c := open(t, p, EngineOptions{}, func(s *aaa.Server) { s.Retries = 2 })
	if r := ask(t, c, aaa.Authn, "user=bob", "password=password"); r.Outcome != aaa.Accept || r.Attempts != 3 {
		t.Errorf("%+v", r)
	}
	if c.Health().State() != engines.Alive {
		t.Error(c.Health().State())
	}
}

// TestEncodeRevealsNothing: neither over TCP nor over TLS.
func TestEncodeRevealsNothing(t *testing.T) {
	t.Parallel()
	p := script(t, pass)
	for _, change := range []func(*aaa.Server){
		func(*aaa.Server) {},
		func(s *aaa.Server) { s.Transport = "tls" },
	} {
		c := open(t, p.peer, EngineOptions{}, change)
		for _, pairs := range [][]string{
			{"user=bob", "password=correct horse"},
			{"State=0123456789abcdef", "user_msg=correct horse"},
		} {
			b, err := c.Encode(request(t, aaa.Authn, pairs...))
			if err != nil || strings.Contains(string(b), "horse") {
				t.Errorf("%v: %q, %v", pairs, b, err)
			}
			if h, err := ParseHeader(b); err != nil || int(h.Length) != len(b)-HeaderLen || h.Flags != 0 {
				t.Errorf("%+v, %v", h, err)
			}
		}
	}
	if p.count() > 0 {
		t.Error("something was sent")
	}
}

// TestOpen: what a document's schema lets through no more, and a certificate without its key.
func TestOpen(t *testing.T) {
	t.Parallel()
	p := script(t, pass)
	for path, change := range map[string]func(*aaa.Server){
		"address":           func(s *aaa.Server) { s.Address = "" },
		"port":              func(s *aaa.Server) { s.Port = 0 },
		"secret":            func(s *aaa.Server) { s.Secret = aaa.Secret{} },
		"transport":         func(s *aaa.Server) { s.Transport = "udp" },
		"single_connect":    func(s *aaa.Server) { s.SingleConnect = "maybe" },
		"connections":       func(s *aaa.Server) { s.Connections = 9 },
		"health_check":      func(s *aaa.Server) { s.HealthCheck.Type = "user" },
		"health_check.type": func(s *aaa.Server) { s.HealthCheck.Type = "pigeon" },
	} {
		s := entry(p.peer)
		change(&s)
		_, err := New(EngineOptions{}).Open(engines.Config{Server: s})
		wantInput(t, err, path)
	}
	c := open(t, p.peer, EngineOptions{}, func(s *aaa.Server) {
		s.Transport, s.TLS = "tls", aaa.ServerTLS{Certificate: "x", Key: aaa.NewSecret("hush")}
	})
	_, err := c.Exchange(t.Context(), request(t, aaa.Authn, "user=bob", "password=p"))
	fails(t, "no pair", err, engines.Unreachable, c.broken)
	if strings.Contains(err.Error(), "hush") {
		t.Error(err)
	}
}

// logged is a log.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestDictionaryHidesSecrets: what holds a password is shown nowhere.
func TestDictionaryHidesSecrets(t *testing.T) {
	t.Parallel()
	d := testDicts(t)
	for _, name := range []string{"password", "new_password", "user_msg", "data", "chap_response", "User-Password"} {
		if a := d.ByName(name); a == nil || !a.Hidden {
			t.Errorf("%s is not hidden", name)
		}
	}
	for _, name := range []string{"user", "cmd", "cmd-arg", "priv-lvl", "server_msg"} {
		if a := d.ByName(name); a == nil || a.Hidden {
			t.Errorf("%s is hidden", name)
		}
	}
	if b, err := json.Marshal(d.JSON(d.ByName("authen_type"), []byte{6})); err != nil || string(b) != `"ms-chapv2"` {
		t.Errorf("%s, %v", b, err)
	}
}
