package tacacs_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/ingress"
	ours "aaa-api/internal/ingress/tacacs"
	"aaa-api/internal/tacacs"
)

// asked accepts everything and tells the arguments that it was asked for.
func asked(args *[]string) service {
	return func(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
		*args = nil
		for _, v := range req.Device.AVPs {
			if v.Attr.IsArgument() {
				*args = append(*args, v.Attr.Name+"="+string(v.Value))
			}
		}
		return accepted, nil
	}
}

// TestT1BareArgument: an argument without a separator is refused by name, or taken as a word of the command.
func TestT1BareArgument(t *testing.T) {
	t.Parallel()
	var args []string
	d := newDevice(t, asked(&args), aaa.Client{})
	if r := d.command("service=shell", "cmd=show", "cmd-arg=", "<cr>"); r.Status != tacacs.AuthorFail || !strings.Contains(r.ServerMsg, `"<cr>"`) || args != nil {
		t.Errorf("%+v, %v", r, args)
	}
	if r := d.record(tacacs.AcctStart, "task_id=1", "<cr>"); r.Status != tacacs.AcctError || !strings.Contains(r.ServerMsg, `"<cr>"`) {
		t.Errorf("%+v", r)
	}
	d = newDevice(t, asked(&args), aaa.Client{Quirks: []string{"bare-arguments"}})
	if r := d.command("service=shell", "cmd=show", "cmd-arg=", "<cr>"); r.Status != tacacs.AuthorPassAdd {
		t.Errorf("%+v", r)
	}
	if want := []string{"service=shell", "cmd=show", "cmd-arg=", "cmd-arg=<cr>"}; !slices.Equal(args, want) {
		t.Errorf("%q", args)
	}
}

// TestT2EmptyArgument: one of fifteen arguments has no octets.
func TestT2EmptyArgument(t *testing.T) {
	t.Parallel()
	send := []string{"", "service=shell", "cmd=show"}
	for range 12 {
		send = append(send, "cmd-arg=x")
	}
	var args []string
	d := newDevice(t, asked(&args), aaa.Client{})
	if r := d.command(send...); r.Status != tacacs.AuthorFail || !strings.Contains(r.ServerMsg, "empty") {
		t.Errorf("%+v", r)
	}
	d = newDevice(t, asked(&args), aaa.Client{Quirks: []string{"empty-arguments"}})
	if r := d.command(send...); r.Status != tacacs.AuthorPassAdd || !slices.Equal(args, send[1:]) {
		t.Errorf("%+v, %q", r, args)
	}
}

// TestQuirks: each fault of a device is refused, unless its client's document forgives it.
func TestQuirks(t *testing.T) {
	t.Parallel()
	t.Run("blank-rem-addr", func(t *testing.T) {
		for _, quirks := range [][]string{nil, {"blank-rem-addr"}} {
			d := newDevice(t, always(accepted, nil), aaa.Client{Quirks: quirks})
			start := ascii("bob")
			start.RemAddr = "198.51.100.9 "
			r := d.authen(start)
			if forgiven := r.Status == tacacs.AuthenGetPass; forgiven != (quirks != nil) || !forgiven && !strings.Contains(r.ServerMsg, "rem_addr") {
				t.Errorf("%v: %+v", quirks, r)
			}
		}
	})
	t.Run("password-in-data", func(t *testing.T) {
		for _, quirks := range [][]string{nil, {"password-in-data"}} {
			d := newDevice(t, service(logins), aaa.Client{Quirks: quirks})
			start := ascii("bob")
			start.Data = tacacs.Sensitive("correct horse")
			want := tacacs.AuthenGetPass
			if quirks != nil {
				want = tacacs.AuthenPass
			}
			if r := d.authen(start); r.Status != want {
				t.Errorf("%v: %+v", quirks, r)
			}
		}
	})
	t.Run("short-body", func(t *testing.T) {
		for _, quirks := range [][]string{nil, {"short-body"}} {
			d := newDevice(t, service(logins), aaa.Client{Quirks: quirks})
			for _, body := range []tacacs.Request{
				ascii("bob"), &tacacs.AuthorRequest{Identity: identity, Args: []string{"service=shell", "cmd="}},
				&tacacs.AcctRequest{Flags: tacacs.AcctStart, Identity: identity, Args: []string{"task_id=1"}},
			} {
				d.begin()
				octets, err := body.Append(nil)
				if err != nil {
					t.Fatal(err)
				}
				got := d.octets(body.Type(), append(octets, 0, 0, 0))
				if (len(got) > 0) != (quirks != nil) || quirks == nil && !d.answer.Close {
					t.Errorf("%v: %T: %+v", quirks, body, d.answer)
				}
			}
		}
	})
}

// TestT3Flag: a body in the clear is refused without TLS, and one that is not within it.
func TestT3Flag(t *testing.T) {
	t.Parallel()
	never := service(func(context.Context, *aaa.Request) (*aaa.Result, error) {
		t.Error("the service is asked")
		return accepted, nil
	})
	for _, c := range []struct {
		listener ingress.Listener
		flags    byte
	}{{ingress.TACACS, tacacs.FlagUnencrypted}, {ingress.TACACSTLS, 0}} {
		d := newDevice(t, never, aaa.Client{})
		d.listener, d.flags = c.listener, c.flags
		d.known.byPeer, d.peer = d.known.list[0], &ingress.Peer{}
		if r := d.pap("bob", "correct horse"); r.Status != tacacs.AuthenFail || d.answer.Verdict != ingress.Refused || !d.answer.Close {
			t.Errorf("%v: %+v", c.listener, r)
		}
		if r := d.command("service=shell", "cmd="); r.Status != tacacs.AuthorFail {
			t.Errorf("%v: %+v", c.listener, r)
		}
		if r := d.record(tacacs.AcctStart, "task_id=1"); r.Status != tacacs.AcctError {
			t.Errorf("%v: %+v", c.listener, r)
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	d := newDevice(t, service(logins), aaa.Client{Certificate: aaa.ClientCertificate{SAN: "switch.example.com"}})
	d.listener, d.flags, d.peer = ingress.TACACSTLS, tacacs.FlagUnencrypted, &ingress.Peer{SANs: []string{"switch.example.com"}}
	if got := d.octets(tacacs.TypeAuthen, nil); got != nil || d.answer.Verdict != ingress.Unknown || !d.answer.Close {
		t.Errorf("a client of another certificate: %+v", d.answer)
	}
	d.known.byPeer = d.known.list[0]
	if r := d.pap("bob", "correct horse"); r.Status != tacacs.AuthenPass {
		t.Errorf("%+v", r)
	}
	d.begin()
	d.authen(ascii("bob"))
	if r := d.types("correct horse"); r.Status != tacacs.AuthenPass {
		t.Errorf("%+v", r)
	}
	d.known.byPeer.Prefix = netip.MustParsePrefix("203.0.113.0/24")
	if d.octets(tacacs.TypeAuthen, nil); d.answer.Verdict != ingress.Unknown {
		t.Errorf("the certificate at another address: %+v", d.answer)
	}
}

// TestTLSNeedsItsCertificate: a certificate that no client has is nobody's, also at the address of a client, whose secret it does not show.
func TestTLSNeedsItsCertificate(t *testing.T) {
	t.Parallel()
	d := newDevice(t, service(logins), aaa.Client{})
	d.listener, d.flags = ingress.TACACSTLS, tacacs.FlagUnencrypted
	octets, err := ascii("bob").Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, peer := range []*ingress.Peer{nil, {SANs: []string{"switch.example.com"}}} {
		d.peer = peer
		d.begin()
		if got := d.octets(tacacs.TypeAuthen, octets); got != nil || d.answer.Verdict != ingress.Unknown || !d.answer.Close {
			t.Errorf("%+v: %+v", peer, d.answer)
		}
	}
}

// TestT6InTime: a service that is slower than the device's patience is cancelled, and the device is told in time.
func TestT6InTime(t *testing.T) {
	t.Parallel()
	for _, obeys := range []bool{true, false} {
		cancelled := make(chan error, 8)
		release := make(chan struct{})
		d := newDevice(t, service(func(ctx context.Context, _ *aaa.Request) (*aaa.Result, error) {
			<-ctx.Done()
			cancelled <- ctx.Err()
			if !obeys {
				<-release
			}
			return nil, ctx.Err()
		}), aaa.Client{ReplyWithin: 50})
		if r := d.pap("bob", "correct horse"); r.Status != tacacs.AuthenError || r.ServerMsg == "" {
			t.Errorf("%+v", r)
		}
		if err := <-cancelled; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled by %v", err)
		}
		if r := d.record(tacacs.AcctStop, "task_id=1"); r.Status != tacacs.AcctError {
			t.Errorf("%+v", r)
		}
		close(release)
	}
}

// TestT7Secrets: the secret whose lengths add up decides which of the clients at an address it is, eight with two secrets each.
func TestT7Secrets(t *testing.T) {
	t.Parallel()
	var got *aaa.Device
	k := &known{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		k.add(name, "current secret of "+name, "previous secret of "+name, aaa.Client{})
	}
	d := newDeviceOf(t, service(func(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
		got = req.Device
		return accepted, nil
	}), k, ours.Options{})
	for range 4 {
		for _, c := range k.list {
			for _, age := range []string{"current", "previous"} {
				got = nil
				d.secret = age + " secret of " + c.Name
				if r := d.pap("bob", "correct horse"); r.Status != tacacs.AuthenPass || got.Client != c.Name {
					t.Fatalf("%s: %+v, %+v", d.secret, r, got)
				}
				d.begin()
				d.authen(ascii("bob"))
				if r := d.types("correct horse"); r.Status != tacacs.AuthenPass || got.Client != c.Name {
					t.Fatalf("%s: %+v, %+v", d.secret, r, got)
				}
			}
		}
	}
	if k.before != 4*8*2 {
		t.Errorf("a previous secret is counted %d times", k.before)
	}
	d.secret = "the secret of nobody"
	for range 40 {
		d.begin()
		octets, err := ascii("bob").Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if reply := d.octets(tacacs.TypeAuthen, octets); reply != nil || !d.answer.Close || d.answer.Verdict != ingress.Refused {
			t.Errorf("a wrong secret: %+v", d.answer)
		}
	}
}

// TestT7ByChance: the lengths of long packets add up under a wrong secret once in some 500. What makes sense goes before what adds up.
func TestT7ByChance(t *testing.T) {
	t.Parallel()
	var got *aaa.Device
	k := &known{}
	k.add("wrong", "another secret", "", aaa.Client{})
	k.add("right", secret, "", aaa.Client{})
	d := newDeviceOf(t, service(func(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
		got = req.Device
		return accepted, nil
	}), k, ours.Options{})
	long := strings.Repeat("x", 127)
	start := &tacacs.AuthenStart{
		Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin, User: long, Port: long, RemAddr: long, Data: []byte(long),
	}
	octets, err := start.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	for chances := 0; chances < 3; {
		d.begin()
		h := tacacs.Header{Version: d.version, Type: tacacs.TypeAuthen, Seq: 1, SessionID: d.session}
		seen := slices.Clone(octets)
		tacacs.Obfuscate(seen, h, secret)
		if tacacs.DecodeBody(seen, h, "another secret", new(tacacs.AuthenStart)) != nil {
			continue
		}
		chances++
		if r := d.authen(start); r.Status != tacacs.AuthenPass || got.Client != "right" {
			t.Errorf("session %d: %+v, %+v", d.session, r, got)
		}
	}
}

// TestNothingToTrySecretsOn: who does not know the secret gets no octet that it hides.
func TestNothingToTrySecretsOn(t *testing.T) {
	t.Parallel()
	d := newDevice(t, always(accepted, nil), aaa.Client{})
	d.flags = tacacs.FlagUnencrypted
	d.pap("bob", "correct horse")
	h, err := tacacs.ParseHeader(d.answer.Octets)
	if err != nil || h.Flags&tacacs.FlagUnencrypted == 0 || !bytes.Contains(d.answer.Octets, []byte(tacacs.FaultFlag.Error())) {
		t.Errorf("the flag on TCP: %+v, %v, %q", h, err, d.answer.Octets)
	}
	d.flags = 0
	random := rand.New(rand.NewPCG(1, 2))
	for _, typ := range []tacacs.Type{tacacs.TypeAuthen, tacacs.TypeAuthor, tacacs.TypeAcct} {
		body := make([]byte, 8+4*127) // as long as most lengths add up to
		for range 2000 {
			for i := range body {
				body[i] = byte(random.Uint32())
			}
			d.begin()
			if got := d.octets(typ, body); len(got) > 0 {
				t.Fatalf("random octets of type %d are answered", typ)
			}
		}
	}
}

// TestT10NoSecret: a client without a secret, which none can be written as, has nothing that verifies a packet over TCP.
func TestT10NoSecret(t *testing.T) {
	t.Parallel()
	k := &known{}
	k.add("switch", "", "", aaa.Client{})
	d := newDeviceOf(t, service(logins), k, ours.Options{})
	d.secret = ""
	octets, err := ascii("bob").Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.octets(tacacs.TypeAuthen, octets); got != nil || d.answer.Verdict != ingress.Refused || !d.answer.Close {
		t.Errorf("%+v", d.answer)
	}
}

// TestT8StoreAway: SUCCESS says that a record is stored or a server has it.
func TestT8StoreAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		res  *aaa.Result
		err  error
		want tacacs.AcctStatus
	}{
		{&aaa.Result{Outcome: aaa.Stored, IsAuthorized: true}, nil, tacacs.AcctSuccess},
		{accepted, nil, tacacs.AcctSuccess},
		{&aaa.Result{Outcome: aaa.Reject}, nil, tacacs.AcctError},
		{nil, &aaa.Error{Kind: aaa.KindUnavailable, Message: "the store is away"}, tacacs.AcctError},
		{nil, errors.New("broken"), tacacs.AcctError},
	} {
		var req *aaa.Request
		d := newDevice(t, service(func(_ context.Context, r *aaa.Request) (*aaa.Result, error) {
			req = r
			return c.res, c.err
		}), aaa.Client{})
		if r := d.record(tacacs.AcctWatchdog|tacacs.AcctStart, "task_id=1", "elapsed_time=5"); r.Status != c.want || !d.answer.Done {
			t.Errorf("%+v, %v: %+v", c.res, c.err, r)
		}
		status, _ := req.Values["Acct-Status-Type"].([]any)
		if !req.Stored || req.Op != aaa.Accounting || !slices.Equal(status, []any{"Start", "Interim-Update"}) || req.Values["elapsed_time"] != "5" {
			t.Errorf("%+v", req)
		}
	}
	d := newDevice(t, always(accepted, nil), aaa.Client{})
	if r := d.record(0, "task_id=1"); r.Status != tacacs.AcctError || !strings.Contains(r.ServerMsg, "flags") {
		t.Errorf("%+v", r)
	}
}

// TestArguments: the reply has what goes beyond the request, or all where something is taken away or replaced.
func TestArguments(t *testing.T) {
	t.Parallel()
	byName := func(items ...string) *aaa.Result {
		res := &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true}
		for i := 0; i < len(items); i += 2 {
			res.AVPs.Add(items[i], items[i+1])
		}
		return res
	}
	ofServer := func(args ...string) *aaa.Result {
		res := &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true, Reply: &aaa.DeviceReply{Engine: "tacacs"}}
		for _, text := range args {
			a, _ := tacacs.ParseArgument(text)
			res.Reply.AVPs = append(res.Reply.AVPs, aaa.AVP{Attr: aaa.NewArgument(a.Name), Value: []byte(a.Value), Optional: !a.Mandatory})
		}
		return res
	}
	for _, c := range []struct {
		why    string
		res    *aaa.Result
		status tacacs.AuthorStatus
		args   []string
		msg    string
	}{
		{"nothing", accepted, tacacs.AuthorPassRepl, []string{"service=shell", "cmd=reload"}, ""},
		{"nobody was asked", &aaa.Result{Outcome: aaa.Off, IsAuthorized: true}, tacacs.AuthorPassAdd, nil, ""},
		{"what is asked for", byName("priv-lvl*", "1"), tacacs.AuthorPassAdd, nil, ""},
		{"more, by name", byName("Idletime", "15", "Reply-Message", "Good evening", "Session-Timeout", "5"), tacacs.AuthorPassRepl, []string{"service=shell", "cmd=reload", "idletime=15", "timeout=1"}, "Good evening"},
		{"another level", byName("Priv-Lvl", "15"), tacacs.AuthorPassRepl, []string{"service=shell", "cmd=reload", "priv-lvl=15"}, ""},
		{"another command", byName("cmd", "show"), tacacs.AuthorPassRepl, []string{"service=shell", "cmd=show"}, ""},
		{"replaced in its place", byName("service", "exec"), tacacs.AuthorPassRepl, []string{"service=exec", "cmd=reload"}, ""},
		{"no such name", byName("Nobody-Knows", "15"), tacacs.AuthorPassRepl, []string{"service=shell", "cmd=reload"}, ""},
		{"a server's addition", ofServer("service=shell", "cmd=reload", "priv-lvl*1", "idletime*10"), tacacs.AuthorPassAdd, []string{"idletime*10"}, ""},
		{"a server's replacement", ofServer("service=shell", "priv-lvl=7"), tacacs.AuthorPassRepl, []string{"service=shell", "priv-lvl=7"}, ""},
		{"a server's subset", ofServer(), tacacs.AuthorPassRepl, nil, ""},
		{"what no packet holds", ofServer("service=shell", "cmd=reload", "priv-lvl*1", "route="+strings.Repeat("x", 250)), tacacs.AuthorPassAdd, nil, ""},
	} {
		d := newDevice(t, always(c.res, nil), aaa.Client{})
		r := d.command("service=shell", "cmd=reload", "priv-lvl*1")
		if r.Status != c.status || !slices.Equal(r.Args, c.args) || r.ServerMsg != c.msg {
			t.Errorf("%s: %+v", c.why, r)
		}
	}
	d := newDevice(t, always(&aaa.Result{Outcome: aaa.Reject}, nil), aaa.Client{})
	if r := d.command("service=shell", "cmd=reload"); r.Status != tacacs.AuthorFail {
		t.Errorf("%+v", r)
	}
}

// TestWishesAreNotGrantedBySilence: an answer without a privilege level gives none, whatever the device asks for.
func TestWishesAreNotGrantedBySilence(t *testing.T) {
	t.Parallel()
	level := &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true}
	level.AVPs.Add("Priv-Lvl", "1")
	for _, c := range []struct {
		res    *aaa.Result
		asked  string
		status tacacs.AuthorStatus
		args   []string
	}{
		{accepted, "priv-lvl*15", tacacs.AuthorPassRepl, []string{"service=shell", "cmd="}},
		{accepted, "priv-lvl=15", tacacs.AuthorFail, nil},
		{level, "priv-lvl=15", tacacs.AuthorPassRepl, []string{"service=shell", "cmd=", "priv-lvl=1"}},
		{&aaa.Result{Outcome: aaa.Accept, IsAuthorized: true, Reply: &aaa.DeviceReply{Engine: "radius"}}, "priv-lvl=15", tacacs.AuthorFail, nil},
		{&aaa.Result{Outcome: aaa.Accept, IsAuthorized: true, Reply: &aaa.DeviceReply{Engine: "radius"}}, "shell:roles*network-admin", tacacs.AuthorPassRepl, []string{"service=shell", "cmd="}},
	} {
		d := newDevice(t, always(c.res, nil), aaa.Client{})
		if r := d.command("service=shell", "cmd=", c.asked); r.Status != c.status || !slices.Equal(r.Args, c.args) {
			t.Errorf("%s: %+v", c.asked, r)
		}
	}
}

// TestAnswerWithoutRoom: an answer that no packet holds is an ERROR, and no silence.
func TestAnswerWithoutRoom(t *testing.T) {
	t.Parallel()
	asked := []string{"service=shell", "cmd=show"}
	for len(asked) < 254 {
		asked = append(asked, "cmd-arg="+strings.Repeat("x", 150))
	}
	asked = append(asked, "priv-lvl*1")
	long := make([]string, 255)
	for i := range long {
		long[i] = "cmd-arg=" + strings.Repeat("x", 247)
	}
	more := &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true}
	more.AVPs.Add("priv-lvl", "7")
	more.AVPs.Add("priv-lvl", "8")
	message := &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true}
	for range 4 {
		message.AVPs.Add("Reply-Message", strings.Repeat("x", 250))
	}
	message.AVPs.Add("service", "other")
	for i, c := range []struct {
		res   *aaa.Result
		asked []string
	}{{more, asked}, {message, append([]string{"service=shell"}, long[:254]...)}} {
		d := newDevice(t, always(c.res, nil), aaa.Client{})
		d.begin()
		var r tacacs.AuthorReply
		small := identity
		small.User, small.Port, small.RemAddr = "b", "", ""
		if !d.send(&tacacs.AuthorRequest{Identity: small, Args: c.asked}, &r) || r.Status != tacacs.AuthorError || d.answer.Close {
			t.Errorf("%d: %s with %d arguments, closed: %v", i, r.Status, len(r.Args), d.answer.Close)
		}
	}
}

// TestArgumentsTakeNoName: an argument is not taken for a header field or an attribute of its name.
func TestArgumentsTakeNoName(t *testing.T) {
	t.Parallel()
	var got *aaa.Request
	d := newDevice(t, service(func(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
		got = req
		return accepted, nil
	}), aaa.Client{})
	others := []string{"user*root", "User-Name*root", "rem_addr*192.0.2.1", "Calling-Station-Id*192.0.2.1", "priv_lvl*0", "Acct-Status-Type*Stop", "NAS-IP-Address*192.0.2.1", "State*x"}
	d.command(append([]string{"service=shell", "cmd=", "x-own*1"}, others...)...)
	for key, want := range map[string]any{
		"user": "bob", "User-Name": "bob", "rem_addr": "198.51.100.9", "Calling-Station-Id": "198.51.100.9", "priv_lvl": "root", "x-own": "1", "Acct-Status-Type": nil,
		"NAS-IP-Address": nil, "State": nil,
	} {
		if got.Values[key] != want {
			t.Errorf("%s: %v", key, got.Values[key])
		}
	}
	if n := len(got.Device.AVPs); n != 7+3+len(others) { // a server gets all
		t.Errorf("%d AVPs", n)
	}
}

// TestNoCommandStaysOutOfTheRecords: what a user types is recorded with all its octets, readably.
func TestNoCommandStaysOutOfTheRecords(t *testing.T) {
	t.Parallel()
	var args []string
	d := newDevice(t, asked(&args), aaa.Client{})
	long := "cmd-arg=" + strings.Repeat("\xfc", 247)
	if r := d.record(tacacs.AcctStop, "task_id=7", "cmd=reload", "cmd-arg=B\u00fcro\n\x00", long); r.Status != tacacs.AcctSuccess {
		t.Errorf("%+v", r)
	}
	want := []string{"task_id=7", "cmd=reload", `cmd-arg=B\xc3\xbcro\x0a\x00`, ("cmd-arg=" + strings.Repeat(`\xfc`, 247))[:255]}
	if !slices.Equal(args, want) {
		t.Errorf("%q", args)
	}
	if r := d.command("service=shell", "cmd=reload", "cmd-arg=B\u00fcro"); r.Status != tacacs.AuthorFail {
		t.Errorf("%+v", r)
	}
}

// TestStrangers: no client, no answer.
func TestStrangers(t *testing.T) {
	t.Parallel()
	d := newDevice(t, service(logins), aaa.Client{})
	d.from = netip.MustParseAddrPort("203.0.113.9:4000")
	octets, err := ascii("bob").Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.octets(tacacs.TypeAuthen, octets); got != nil || d.answer.Verdict != ingress.Unknown || !d.answer.Close || len(d.known.missed) != 1 {
		t.Errorf("%+v, %v", d.answer, d.known.missed)
	}
	d.from = netip.MustParseAddrPort("[::ffff:192.0.2.7]:4000")
	if r := d.pap("bob", "correct horse"); r.Status != tacacs.AuthenPass {
		t.Errorf("a mapped address: %+v", r)
	}
}

// TestWaitingLogins: those that wait are bounded by connection and client, go with their connection, and expire.
func TestWaitingLogins(t *testing.T) {
	t.Parallel()
	k := &known{}
	k.add("switch", secret, "", aaa.Client{})
	d := newDeviceOf(t, service(logins), k, ours.Options{Waiting: ours.Bounds{Connection: 2, Client: 3}})
	begin := func(conn uint64) tacacs.AuthenStatus {
		d.begin()
		d.conn = conn
		return d.authen(ascii("bob")).Status
	}
	for i, c := range []struct {
		conn uint64
		want tacacs.AuthenStatus
	}{{1, tacacs.AuthenGetPass}, {1, tacacs.AuthenGetPass}, {1, tacacs.AuthenError}, {2, tacacs.AuthenGetPass}, {3, tacacs.AuthenError}} {
		if got := begin(c.conn); got != c.want {
			t.Errorf("%d: %s", i, got)
		}
	}
	d.server.Closed(front, 1)
	if got := begin(3); got != tacacs.AuthenGetPass {
		t.Errorf("after a connection's end: %s", got)
	}
	if n := d.server.Waiting(); n != 2 {
		t.Errorf("%d wait", n)
	}
	d.server.Closed("another process", 0)
	d.server.Closed(front, 0)
	if n := d.server.Waiting(); n != 0 {
		t.Errorf("%d wait", n)
	}
	d = newDeviceOf(t, service(logins), k, ours.Options{DialogueLife: time.Millisecond})
	begin(1)
	for d.server.Waiting() > 0 { // the test's own end is the bound
		time.Sleep(time.Millisecond)
	}
	if r := d.types("correct horse"); r.Status != tacacs.AuthenFail {
		t.Errorf("%+v", r)
	}
}

// TestWaitingLoginsOfAnAccount: an account with many clients leaves the others room for theirs.
func TestWaitingLoginsOfAnAccount(t *testing.T) {
	t.Parallel()
	k := &known{}
	k.add("a", "the secret of a", "", aaa.Client{})
	k.add("b", "the secret of b", "", aaa.Client{})
	k.add("c", "the secret of another account's", "", aaa.Client{}).Account = "another account"
	d := newDeviceOf(t, service(logins), k, ours.Options{Waiting: ours.Bounds{Account: 2}})
	for i, c := range []struct {
		secret string
		want   tacacs.AuthenStatus
	}{
		{"the secret of a", tacacs.AuthenGetPass},
		{"the secret of b", tacacs.AuthenGetPass},
		{"the secret of a", tacacs.AuthenError},
		{"the secret of b", tacacs.AuthenError},
		{"the secret of another account's", tacacs.AuthenGetPass},
	} {
		d.begin()
		d.secret = c.secret
		if r := d.authen(ascii("bob")); r.Status != c.want {
			t.Errorf("%d: %+v", i, r)
		}
	}
	d.server.Closed(front, 0)
	d.begin()
	d.secret = "the secret of a"
	if r := d.authen(ascii("bob")); r.Status != tacacs.AuthenGetPass {
		t.Errorf("%+v", r)
	}
}

// TestSessionInUse: a session id that a login has is no other login's.
func TestSessionInUse(t *testing.T) {
	t.Parallel()
	d := newDevice(t, service(logins), aaa.Client{})
	d.authen(ascii("bob"))
	d.seq = 0
	if r := d.authen(ascii("eve")); r.Status != tacacs.AuthenError {
		t.Errorf("%+v", r)
	}
	if r := d.types("correct horse"); r.Status != tacacs.AuthenPass {
		t.Errorf("%+v", r)
	}
}

var _ ours.Clients = (*known)(nil)

func BenchmarkPAP(b *testing.B) {
	d := newDevice(b, always(accepted, nil), aaa.Client{})
	b.ReportAllocs()
	for b.Loop() {
		if r := d.pap("bob", "correct horse"); r.Status != tacacs.AuthenPass {
			b.Fatal(r)
		}
	}
}

var _ ours.Clients = (*clients.Registry)(nil)
