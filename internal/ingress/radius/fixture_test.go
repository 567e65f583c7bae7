package radius

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/dict"
	"aaa-api/internal/ingress"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp"
)

const (
	front   = "front-1"
	secretA = "the secret of A, long enough"
	secretB = "the secret of B, long enough"
)

var (
	device  = netip.MustParseAddrPort("192.0.2.7:40000")
	service = netip.MustParseAddrPort("192.0.2.1:1812")

	errAway = errors.New("the store is away")
)

// system is what the service ships.
var system = sync.OnceValue(func() *dict.Set {
	c, err := dict.LoadSystem("")
	if err != nil {
		panic(err)
	}
	return c.Default()
})

// site is the documents of devices.
type site struct {
	mu       sync.Mutex
	list     []*clients.Client
	secrets  map[*clients.Client]clients.Secrets
	opened   int
	seen     []string
	missed   []string
	accounts func(c *clients.Client, user string) (aaa.AccountID, error)
}

func (s *site) add(account aaa.AccountID, name, prefix string, doc aaa.Client) *clients.Client {
	c := &clients.Client{Account: account, Name: name, Document: &aaa.Client{}, Prefix: netip.MustParsePrefix(prefix)}
	secrets := clients.Secrets{Current: doc.Secret, Previous: doc.PreviousSecret}
	doc.Secret, doc.PreviousSecret = aaa.Secret{}, aaa.Secret{}
	*c.Document = doc
	s.list = append(s.list, c)
	if s.secrets == nil {
		s.secrets = make(map[*clients.Client]clients.Secrets)
	}
	s.secrets[c] = secrets
	return c
}

func (s *site) ByAddress(p aaa.ClientProtocol, a netip.Addr) (found []*clients.Client) {
	for _, c := range s.list {
		if p == aaa.ClientRADIUS && c.Prefix.Contains(a) {
			found = append(found, c)
		}
	}
	return found
}

func (s *site) ByPeer(_ aaa.ClientProtocol, peer *ingress.Peer) *clients.Client {
	for _, c := range s.list {
		for _, san := range peer.SANs {
			if c.Document.Certificate.SAN == san {
				return c
			}
		}
	}
	return nil
}

func (s *site) Secret(_ context.Context, c *clients.Client) (clients.Secrets, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	found, ok := s.secrets[c]
	if !ok {
		return found, errAway
	}
	return found, nil
}

func (s *site) Seen(c *clients.Client, previous bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, fmt.Sprintf("%s %v", c.Name, previous))
}

func (s *site) Missed(_ aaa.ClientProtocol, from netip.Addr, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missed = append(s.missed, from.String()+": "+why)
}

func (s *site) AccountOf(_ context.Context, c *clients.Client, user string) (aaa.AccountID, error) {
	if s.accounts != nil {
		return s.accounts(c, user)
	}
	return c.Account, nil
}

// gate is the AAA service.
type gate struct {
	mu      sync.Mutex
	handle  func(ctx context.Context, req *aaa.Request) (*aaa.Result, error)
	asked   []*aaa.Request
	repeats []string
}

func (g *gate) Handle(ctx context.Context, req *aaa.Request) (*aaa.Result, error) {
	g.mu.Lock()
	g.asked = append(g.asked, req)
	g.mu.Unlock()
	return g.handle(ctx, req)
}

func (g *gate) Repeat(_ context.Context, account aaa.AccountID, id string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.repeats = append(g.repeats, string(account)+" "+id)
	return nil
}

func (g *gate) last(t *testing.T) *aaa.Request {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.asked) == 0 {
		t.Fatal("the service was not asked")
	}
	return g.asked[len(g.asked)-1]
}

// set is a Server with what it works with.
type set struct {
	*Server
	site *site
	gate *gate
	log  *bytes.Buffer
	now  atomic.Int64 // seconds since it began
}

// newSet makes a Server whose service accepts everyone.
func newSet(t testing.TB) *set {
	t.Helper()
	s := &set{site: &site{}, gate: &gate{handle: answers(aaa.Accept)}, log: &bytes.Buffer{}}
	begun, ids := time.Unix(1_800_000_000, 0), atomic.Int64{}
	s.Server = New(Options{
		Clients: s.site, AAA: s.gate, Dict: system(), Values: valuesOf, Reply: replyOf, LoopKey: [32]byte{1},
		Log:   slog.New(slog.NewTextHandler(s.log, nil)),
		Now:   func() time.Time { return begun.Add(time.Duration(s.now.Load()) * time.Second) },
		NewID: func() string { return fmt.Sprint("r", ids.Add(1)) },
	})
	return s
}

// withA adds a client of account A.
func (s *set) withA(doc aaa.Client) *clients.Client {
	doc.Secret = aaa.NewSecret(secretA)
	return s.site.add("A", "nas-a", "192.0.2.0/24", doc)
}

// answers is a service that has one answer.
func answers(o aaa.Outcome, avps ...aaa.AVP) func(context.Context, *aaa.Request) (*aaa.Result, error) {
	return func(_ context.Context, req *aaa.Request) (*aaa.Result, error) {
		out := o
		if req.Op == aaa.Accounting {
			out = aaa.Stored
		}
		return &aaa.Result{Outcome: out, Reply: &aaa.DeviceReply{Engine: "radius", AVPs: avps}}, nil
	}
}

// valuesOf and replyOf stand for package crossing.
func valuesOf(avps []aaa.AVP) aaa.Values {
	values := make(aaa.Values, len(avps))
	for _, v := range avps {
		values[v.Attr.Name] = string(v.Value)
	}
	return values
}

func replyOf(_ aaa.Op, res *aaa.Result) ([]aaa.AVP, []string) {
	if res.Reply == nil {
		return nil, nil
	}
	return res.Reply.AVPs, nil
}

// attr makes an AVP of the system's dictionaries.
func attr(name, value string) aaa.AVP {
	a := system().ByName(name)
	if a == nil {
		panic("no " + name)
	}
	return aaa.AVP{Attr: a, Value: []byte(value)}
}

// sent is a packet as a device sends it.
type sent struct {
	code   radius.Code
	id     byte
	auth   radius.Authenticator
	noMAC  bool
	avps   []aaa.AVP
	octets []byte
	key    *radius.Key
}

// request makes a packet under a secret.
func request(t testing.TB, secret string, q sent) *sent {
	t.Helper()
	q.key = radius.NewKey([]byte(secret))
	if q.code == 0 {
		q.code = radius.AccessRequest
	}
	if q.auth == (radius.Authenticator{}) && q.code != radius.AccountingRequest {
		aaa.Random(q.auth[:])
	}
	var e avp.Encoder
	e.Begin(q.code, &q.auth, q.key, 7, system())
	e.Packet[1] = q.id
	if !q.noMAC {
		e.Packet = radius.AppendMAC(e.Packet)
	}
	for _, v := range q.avps {
		if err := e.Add(v); err != nil {
			t.Fatal(err)
		}
	}
	q.key.SignRequest(e.Packet)
	q.octets = e.Packet
	q.auth = radius.Authenticator(q.octets[4:])
	return &q
}

// login is a PAP login.
func login(t testing.TB, secret string, more ...aaa.AVP) *sent {
	t.Helper()
	return request(t, secret, sent{id: 9, avps: append([]aaa.AVP{attr("User-Name", "bob"), attr("User-Password", "hello")}, more...)})
}

// give hands octets to the Server as a datagram of the device.
func (s *set) give(t testing.TB, l ingress.Listener, octets []byte) ingress.Answer {
	t.Helper()
	a, err := s.Packet(t.Context(), front, &ingress.Packet{Listener: l, From: device, To: service, Octets: bytes.Clone(octets)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// reply is a reply that its device has verified.
type reply struct {
	radius.Packet
	avps []aaa.AVP
}

// open checks an answer as a device does.
func (q *sent) open(t testing.TB, a ingress.Answer) reply {
	t.Helper()
	if a.Verdict != ingress.Verified || len(a.Octets) == 0 {
		t.Fatalf("verdict %d, %d octets", a.Verdict, len(a.Octets))
	}
	p, err := radius.Parse(a.Octets)
	if err != nil {
		t.Fatal(err)
	}
	if p.Identifier() != q.id {
		t.Errorf("identifier %d, want %d", p.Identifier(), q.id)
	}
	if _, err := q.key.VerifyReply(p, q.code, &q.auth, true); err != nil {
		t.Fatalf("code %d: %v", p.Code(), err)
	}
	d := avp.Decoder{Dict: system(), Cipher: radius.Cipher{Key: q.key, Request: &q.auth}}
	return reply{p, d.Decode(p.Clone())}
}

// values are the values of an attribute of a reply.
func (r reply) values(name string) (found []string) {
	for _, v := range r.avps {
		if v.Attr.Name == name {
			found = append(found, string(v.Value))
		}
	}
	return found
}

// silent checks that a packet got silence, a verdict and a counter.
func (s *set) silent(t testing.TB, a ingress.Answer, v ingress.Verdict, why reason) {
	t.Helper()
	if a.Verdict != v || len(a.Octets) > 0 || a.Close {
		t.Errorf("verdict %d, %d octets, close %v", a.Verdict, len(a.Octets), a.Close)
	}
	if s.tally.counts[why].Load() == 0 {
		t.Errorf("not counted as %q: %v", why, s.counted())
	}
}

// counted names what was counted.
func (s *set) counted() (all []string) {
	for why := range numReasons {
		if n := s.tally.counts[why].Load(); n > 0 {
			all = append(all, fmt.Sprintf("%s: %d", why, n))
		}
	}
	return all
}
