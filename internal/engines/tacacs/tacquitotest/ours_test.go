package tacquitotest

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	tq "github.com/facebookincubator/tacquito"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/dict"
	"aaa-api/internal/engines/tacacs/conns"
	"aaa-api/internal/ingress"
	ours "aaa-api/internal/ingress/tacacs"
	front "aaa-api/internal/listeners/tacacs"
	"aaa-api/internal/usersfile"
)

// device is the only client that our server knows.
type device struct{ c *clients.Client }

func (d device) ByAddress(aaa.ClientProtocol, netip.Addr) []*clients.Client {
	return []*clients.Client{d.c}
}
func (d device) ByPeer(aaa.ClientProtocol, *ingress.Peer) *clients.Client { return nil }
func (d device) Secret(context.Context, *clients.Client) (clients.Secrets, error) {
	return clients.Secrets{Current: aaa.NewSecret(sharedSecret)}, nil
}
func (device) Seen(*clients.Client, bool)                    {}
func (device) Missed(aaa.ClientProtocol, netip.Addr, string) {}
func (device) AccountOf(context.Context, *clients.Client, string) (aaa.AccountID, error) {
	return "0123456789abcdef0123456789abcdef", nil
}

// byFile answers from a users file. Its passwords are in the clear where there is none, as those of tacquito's plain authenticator.
type byFile struct{ file *usersfile.File }

func (f byFile) Handle(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
	name, _ := req.Values["User-Name"].(string)
	ok := name == "bob"
	switch {
	case req.Op == aaa.Accounting:
	case req.Op == aaa.Authz:
		entry, _ := f.file.Find(name)
		cmd, _ := req.Values["cmd"].(string)
		word, _ := req.Values["cmd-arg"].(string)
		ok = entry.Rights.Permit(usersfile.Command(cmd, []string{word}))
	case f.file == nil:
		ok = ok && req.Values["User-Password"] == password
	default:
		typed, _ := req.Values["User-Password"].(string)
		_, verdict, err := f.file.Verify(name, typed, func(work func()) error { work(); return nil })
		ok = err == nil && verdict == usersfile.Accepted
	}
	if !ok {
		return &aaa.Result{Outcome: aaa.Reject}, nil
	}
	return &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true}, nil
}
func (byFile) Repeat(context.Context, aaa.AccountID, string) error { return nil }

// ourServer runs our server until the test ends.
func ourServer(t testing.TB, by ingress.AAA) *server {
	t.Helper()
	catalog, err := dict.LoadSystem("")
	must(t, err)
	inner, err := ours.New(ours.Options{
		Clients: device{&clients.Client{Name: "switch", Document: &aaa.Client{}}}, AAA: by, Dictionary: catalog.Behind("dictionary_tacacs"),
	})
	must(t, err)
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	l := front.New(ln, front.Options{
		Packet: func(ctx context.Context, p *ingress.Packet) (ingress.Answer, error) {
			return inner.Packet(ctx, "front", p)
		},
		Closed: func(conn uint64) { inner.Closed("front", conn) },
	})
	go func() { _ = l.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		must(t, l.Stop(ctx))
	})
	return &server{addr: ln.Addr().String()}
}

// usersFile has bob, whose password is password, with the cheapest hash there is.
func usersFile(t testing.TB) *usersfile.File {
	t.Helper()
	f, faults := usersfile.Parse([]byte("bob:$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80\n\tPriv-Lvl = 15, Command-Permit = \"show .*\"\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return f
}

// TestTacquitosClient: tacquito's client logs in, asks and records at our server, all sessions on one connection.
func TestTacquitosClient(t *testing.T) {
	t.Parallel()
	s := ourServer(t, byFile{usersFile(t)})
	c, err := tq.NewClient(tq.SetClientDialer("tcp4", s.addr, []byte(sharedSecret)))
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	session := tq.SessionID(0)
	send := func(version tq.Version, kind tq.HeaderType, seq int, body tq.EncoderDecoder, reply tq.EncoderDecoder) {
		t.Helper()
		answer, err := c.Send(tq.NewPacket(
			tq.SetPacketHeader(tq.NewHeader(tq.SetHeaderVersion(version), tq.SetHeaderType(kind), tq.SetHeaderSessionID(session),
				tq.SetHeaderSeqNo(seq), tq.SetHeaderFlag(tq.SingleConnect))),
			tq.SetPacketBodyUnsafe(body),
		))
		must(t, err)
		must(t, tq.Unmarshal(answer.Body, reply))
	}
	zero, one := tq.Version{MajorVersion: tq.MajorVersion}, tq.Version{MajorVersion: tq.MajorVersion, MinorVersion: tq.MinorVersionOne}
	for _, c := range []struct {
		password string
		want     tq.AuthenStatus
	}{{password, tq.AuthenStatusPass}, {"wrong", tq.AuthenStatusFail}} {
		var r tq.AuthenReply
		session++
		send(one, tq.Authenticate, 1, tq.NewAuthenStart(tq.SetAuthenStartAction(tq.AuthenActionLogin), tq.SetAuthenStartPrivLvl(tq.PrivLvlUser),
			tq.SetAuthenStartType(tq.AuthenTypePAP), tq.SetAuthenStartService(tq.AuthenServiceLogin), tq.SetAuthenStartUser("bob"),
			tq.SetAuthenStartPort("tty1"), tq.SetAuthenStartRemAddr("192.0.2.7"), tq.SetAuthenStartData(tq.AuthenData(c.password))), &r)
		if r.Status != c.want {
			t.Errorf("pap %s: %+v", c.password, r)
		}
		session++
		send(zero, tq.Authenticate, 1, tq.NewAuthenStart(tq.SetAuthenStartAction(tq.AuthenActionLogin), tq.SetAuthenStartPrivLvl(tq.PrivLvlUser),
			tq.SetAuthenStartType(tq.AuthenTypeASCII), tq.SetAuthenStartService(tq.AuthenServiceLogin), tq.SetAuthenStartPort("tty1"),
			tq.SetAuthenStartRemAddr("192.0.2.7")), &r)
		if r.Status != tq.AuthenStatusGetUser {
			t.Errorf("ascii: %+v", r)
		}
		send(zero, tq.Authenticate, 3, tq.NewAuthenContinue(tq.SetAuthenContinueUserMessage("bob")), &r)
		if r.Status != tq.AuthenStatusGetPass {
			t.Errorf("ascii: %+v", r)
		}
		send(zero, tq.Authenticate, 5, tq.NewAuthenContinue(tq.SetAuthenContinueUserMessage(tq.AuthenUserMessage(c.password))), &r)
		if r.Status != c.want {
			t.Errorf("ascii %s: %+v", c.password, r)
		}
	}
	for cmd, want := range map[string]tq.AuthorStatus{"show": tq.AuthorStatusPassAdd, "reload": tq.AuthorStatusFail} {
		var r tq.AuthorReply
		session++
		send(zero, tq.Authorize, 1, tq.NewAuthorRequest(tq.SetAuthorRequestMethod(tq.AuthenMethodTacacsPlus), tq.SetAuthorRequestPrivLvl(tq.PrivLvlUser),
			tq.SetAuthorRequestType(tq.AuthenTypeASCII), tq.SetAuthorRequestService(tq.AuthenServiceLogin), tq.SetAuthorRequestUser("bob"),
			tq.SetAuthorRequestPort("tty1"), tq.SetAuthorRequestRemAddr("192.0.2.7"),
			tq.SetAuthorRequestArgs(tq.Args{"service=shell", tq.Arg("cmd=" + cmd), "cmd-arg=version"})), &r)
		if r.Status != want {
			t.Errorf("%s: %+v", cmd, r)
		}
	}
	var r tq.AcctReply
	session++
	send(zero, tq.Accounting, 1, tq.NewAcctRequest(tq.SetAcctRequestFlag(tq.AcctFlagStart), tq.SetAcctRequestMethod(tq.AuthenMethodTacacsPlus),
		tq.SetAcctRequestPrivLvl(tq.PrivLvlUser), tq.SetAcctRequestType(tq.AuthenTypeASCII), tq.SetAcctRequestService(tq.AuthenServiceLogin),
		tq.SetAcctRequestUser("bob"), tq.SetAcctRequestPort("tty1"), tq.SetAcctRequestRemAddr("192.0.2.7"), tq.SetAcctRequestArgs(tq.Args{"task_id=1"})), &r)
	if r.Status != tq.AcctReplyStatusSuccess {
		t.Errorf("%+v", r)
	}
}

// Both servers with passwords in the clear on one connection, and ours with a hash of the cheapest kind.
func BenchmarkServerTacquito(b *testing.B) { benchmarkPAP(b, conns.Options{Connections: 1}) }

func BenchmarkServerOurs(b *testing.B) {
	benchmarkPAPAt(b, ourServer(b, byFile{}), conns.Options{Connections: 1})
}

func BenchmarkServerOursHashed(b *testing.B) {
	benchmarkPAPAt(b, ourServer(b, byFile{usersFile(b)}), conns.Options{Connections: 1})
}
