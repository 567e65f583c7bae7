package tacacs_test

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/dict"
	"aaa-api/internal/ingress"
	ours "aaa-api/internal/ingress/tacacs"
	"aaa-api/internal/tacacs"
)

const (
	account = aaa.AccountID("0123456789abcdef0123456789abcdef")
	front   = "front-1"
	secret  = "the secret of the switches"
)

var dictionary = sync.OnceValue(func() *dict.Set {
	catalog, err := dict.LoadSystem("")
	if err != nil {
		panic(err)
	}
	return catalog.Behind("dictionary_tacacs")
})

// known are clients with their secrets, all at one address.
type known struct {
	mu      sync.Mutex
	list    []*clients.Client
	secrets map[string]clients.Secrets
	byPeer  *clients.Client
	missed  []string
	before  int // packets that a previous secret verified
}

func (k *known) add(name string, current, previous string, doc aaa.Client) *clients.Client {
	c := &clients.Client{Account: account, Name: name, Document: &doc, Prefix: netip.MustParsePrefix("192.0.2.0/24")}
	k.list = append(k.list, c)
	if k.secrets == nil {
		k.secrets = map[string]clients.Secrets{}
	}
	k.secrets[name] = clients.Secrets{Current: aaa.NewSecret(current), Previous: aaa.NewSecret(previous)}
	return c
}

func (k *known) ByAddress(_ aaa.ClientProtocol, a netip.Addr) []*clients.Client {
	if !netip.MustParsePrefix("192.0.2.0/24").Contains(a) {
		return nil
	}
	return k.list
}

func (k *known) ByPeer(_ aaa.ClientProtocol, p *ingress.Peer) *clients.Client {
	if k.byPeer == nil || !k.byPeer.Prefix.Contains(p.From) {
		return nil
	}
	return k.byPeer
}

func (k *known) Secret(_ context.Context, c *clients.Client) (clients.Secrets, error) {
	return k.secrets[c.Name], nil
}

func (k *known) Seen(_ *clients.Client, previous bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if previous {
		k.before++
	}
}

func (k *known) Missed(_ aaa.ClientProtocol, _ netip.Addr, why string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.missed = append(k.missed, why)
}

func (k *known) AccountOf(_ context.Context, c *clients.Client, _ string) (aaa.AccountID, error) {
	return c.Account, nil
}

// service is the AAA service as a test scripts it.
type service func(ctx context.Context, req *aaa.Request) (*aaa.Result, error)

func (f service) Handle(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
	return f(ctx, req)
}
func (service) Repeat(context.Context, aaa.AccountID, string) error { return nil }

// always answers every request alike.
func always(res *aaa.Result, err error) service {
	return func(context.Context, *aaa.Request) (*aaa.Result, error) { return res, err }
}

var accepted = &aaa.Result{Outcome: aaa.Accept, IsAuthorized: true}

// logins accepts bob with his password, and refuses all else.
func logins(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
	if req.Values["User-Name"] == "bob" && req.Values["User-Password"] == "correct horse" {
		return accepted, nil
	}
	return &aaa.Result{Outcome: aaa.Reject}, nil
}

// device talks to a Server as a client of TACACS+ does, without a connection.
type device struct {
	t      testing.TB
	server *ours.Server
	known  *known
	secret string

	listener ingress.Listener
	peer     *ingress.Peer
	from     netip.AddrPort
	conn     uint64
	session  uint32
	seq      byte
	flags    byte
	version  byte
	answer   ingress.Answer
}

// newDevice makes a Server with one client that has these quirks.
func newDevice(t testing.TB, aaaService ingress.AAA, doc aaa.Client) *device {
	k := &known{}
	k.add("switch", secret, "", doc)
	return newDeviceOf(t, aaaService, k, ours.Options{})
}

func newDeviceOf(t testing.TB, aaaService ingress.AAA, k *known, o ours.Options) *device {
	t.Helper()
	o.Clients, o.AAA, o.Dictionary = k, aaaService, dictionary()
	s, err := ours.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &device{
		t: t, server: s, known: k, secret: secret, listener: ingress.TACACS, from: netip.MustParseAddrPort("192.0.2.7:40000"),
		conn: 1, session: 77, version: tacacs.Version0,
	}
}

// octets sends octets behind a header and returns the reply's.
func (d *device) octets(typ tacacs.Type, body []byte) []byte {
	d.t.Helper()
	d.seq++
	h := tacacs.Header{Version: d.version, Type: typ, Seq: d.seq, Flags: d.flags, SessionID: d.session, Length: uint32(len(body))}
	hidden := append([]byte(nil), body...)
	tacacs.Obfuscate(hidden, h, d.secret)
	var err error
	d.answer, err = d.server.Packet(d.t.Context(), front, &ingress.Packet{
		Listener: d.listener, Conn: d.conn, From: d.from, Peer: d.peer, Octets: append(h.Append(nil), hidden...), At: time.Now(),
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.seq++
	return d.answer.Octets
}

// send sends a body and reads the reply; false: there is none.
func (d *device) send(body tacacs.Request, reply tacacs.Reply) bool {
	d.t.Helper()
	clear, err := body.Append(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.read(d.octets(body.Type(), clear), reply)
}

func (d *device) read(octets []byte, reply tacacs.Reply) bool {
	d.t.Helper()
	if len(octets) == 0 {
		return false
	}
	h, err := tacacs.ParseHeader(octets)
	if err != nil || int(h.Length) != len(octets)-tacacs.HeaderLen || h.SessionID != d.session || h.Seq != d.seq || h.Version != d.version {
		d.t.Fatalf("header %+v, %v", h, err)
	}
	if err := tacacs.DecodeBody(octets[tacacs.HeaderLen:], h, d.secret, reply); err != nil {
		d.t.Fatal(err)
	}
	if err := reply.Validate(); err != nil {
		d.t.Fatal(err)
	}
	return true
}

// begin begins the next session.
func (d *device) begin() { d.session, d.seq = d.session+1, 0 }

// authen sends a packet of a login.
func (d *device) authen(body tacacs.Request) tacacs.AuthenReply {
	d.t.Helper()
	var r tacacs.AuthenReply
	if !d.send(body, &r) {
		d.t.Fatal("no reply")
	}
	return r
}

func (d *device) types(text string) tacacs.AuthenReply {
	d.t.Helper()
	return d.authen(&tacacs.AuthenContinue{UserMsg: tacacs.Sensitive(text)})
}

// pap logs in by PAP.
func (d *device) pap(user, password string) tacacs.AuthenReply {
	d.t.Helper()
	d.begin()
	d.version = tacacs.Version1
	defer func() { d.version = tacacs.Version0 }()
	return d.authen(&tacacs.AuthenStart{
		Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenPAP, Service: tacacs.ServiceLogin, User: user, Port: "tty1", RemAddr: "198.51.100.9",
		Data: tacacs.Sensitive(password),
	})
}

// ascii begins a login by dialogue.
func ascii(user string) *tacacs.AuthenStart {
	return &tacacs.AuthenStart{
		Action: tacacs.ActionLogin, PrivLvl: 1, Method: tacacs.AuthenASCII, Service: tacacs.ServiceLogin, User: user, Port: "tty1", RemAddr: "198.51.100.9",
	}
}

// command asks for authorization.
func (d *device) command(args ...string) tacacs.AuthorReply {
	d.t.Helper()
	d.begin()
	var r tacacs.AuthorReply
	if !d.send(&tacacs.AuthorRequest{Identity: identity, Args: args}, &r) {
		d.t.Fatal("no reply")
	}
	return r
}

// record sends an accounting record.
func (d *device) record(flags tacacs.AcctFlags, args ...string) tacacs.AcctReply {
	d.t.Helper()
	d.begin()
	var r tacacs.AcctReply
	if !d.send(&tacacs.AcctRequest{Flags: flags, Identity: identity, Args: args}, &r) {
		d.t.Fatal("no reply")
	}
	return r
}

var identity = tacacs.Identity{
	AuthenMethod: tacacs.MethodTACACSPlus, PrivLvl: 15, AuthenType: tacacs.AuthenASCII, AuthenService: tacacs.ServiceLogin,
	User: "bob", Port: "tty1", RemAddr: "198.51.100.9",
}
