// Package radius answers the RADIUS packets of network devices (RFC 2865, 2866, 3579, 5997, 6614, 9765). One packet comes in, one answer goes out:
// the client by its address or certificate, the secret that proves the packet, the AAA request that it makes, the reply under the same
// secret. A packet that proves nothing gets silence and a counter.
//
// It holds no socket: listeners in another process bring the packets. It keeps two tables, both bounded: the packets that are being answered
// (flights.go), and the States of challenges (states.go).
package radius

import (
	"context"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/ingress"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp"
)

// Clients knows which documents a packet can belong to. clients.Registry is the one of the service.
type Clients interface {
	// ByAddress returns the clients of the most specific prefix; none: the address is unknown.
	ByAddress(p aaa.ClientProtocol, a netip.Addr) []*clients.Client
	// ByPeer returns the client that a certificate names; nil: none.
	ByPeer(p aaa.ClientProtocol, peer *ingress.Peer) *clients.Client
	Secret(ctx context.Context, c *clients.Client) (clients.Secrets, error)
	// Seen counts a packet that a client's secret has proven.
	Seen(c *clients.Client, previous bool)
	// Missed counts a packet that no client has proven.
	Missed(p aaa.ClientProtocol, from netip.Addr, why string)
	// AccountOf is the account of a client's request: that of the document, or one below it by the realm of the user's name.
	AccountOf(ctx context.Context, c *clients.Client, userName string) (aaa.AccountID, error)
}

// Options are what a Server works with. All but the ones marked optional must be there.
type Options struct {
	Clients Clients
	AAA     ingress.AAA
	Dict    aaa.Dictionary // of everything that devices may send
	// Values makes the keys of a request of a device's AVPs.
	Values func(avps []aaa.AVP) aaa.Values
	// Reply makes a device's AVPs of a result, and names what it left out.
	Reply   func(op aaa.Op, res *aaa.Result) (avps []aaa.AVP, left []string)
	LoopKey [32]byte // the same at all nodes of the service: see NewProxyState
	Log     *slog.Logger
	Now     func() time.Time // optional: time.Now
	NewID   func() string    // makes ids of requests; optional: aaa.NewID
}

// Server is the ingress.RADIUSServer of the service.
type Server struct {
	Options
	jobs    sync.Pool // of *job
	seed    maphash.Seed
	flights flights
	states  states
	loops   loopKey
	tally   tally

	chapChallenge *aaa.Attribute
}

var _ ingress.RADIUSServer = (*Server)(nil)

// New makes a Server.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = aaa.NewID
	}
	s := &Server{Options: o, seed: maphash.MakeSeed(), loops: loopKey(o.LoopKey)}
	s.chapChallenge = o.Dict.Standard(radius.AttrCHAPChallenge)
	s.flights.begin()
	s.states.begin()
	return s
}

// job is the memory that answering a packet takes. It is used again.
type job struct {
	auth   radius.Authenticator // of the packet
	dec    avp.Decoder
	enc    avp.Encoder
	flight flight
}

func (s *Server) job() *job {
	if j, ok := s.jobs.Get().(*job); ok {
		return j
	}
	return &job{enc: avp.Encoder{Packet: make([]byte, 0, 512)}}
}

// release gives a job back without what it held of the packet. The reply has been copied out of it.
func (s *Server) release(j *job) {
	j.dec.Reset()
	j.enc.Reset() // clears the values, keys of sessions among them
	j.flight = flight{}
	s.jobs.Put(j)
}

// Packet implements ingress.RADIUSServer. It takes p.Octets over: hidden values are revealed in them.
func (s *Server) Packet(ctx context.Context, from string, p *ingress.Packet) (ingress.Answer, error) {
	known := s.candidates(p)
	if len(known) == 0 {
		return s.miss(p, unknownClient, ingress.Unknown), nil
	}
	packet, err := parse(p)
	if err != nil {
		return s.refuse(p, nil, malformed), nil //nolint:nilerr // the answer says it
	}
	if !allowed(p.Listener, packet.Code()) {
		return s.refuse(p, nil, wrongCode), nil
	}
	by, why, err := s.prove(ctx, known, p, packet)
	if err != nil {
		s.tally.count(noSecret)
		return ingress.Answer{Verdict: ingress.Refused}, err
	}
	if why != served {
		return s.miss(p, why, ingress.Refused), nil
	}
	s.Clients.Seen(by.client, by.previous)
	switch packet.Code() {
	case radius.StatusServer:
		return s.status(p, packet, &by), nil
	case radius.CoARequest, radius.DisconnectRequest:
		return s.decline(p, packet, &by), nil
	}
	if s.looped(packet) {
		return s.refuse(p, by.client, loop), nil
	}
	return s.serve(ctx, from, p, packet, &by), nil
}

// parse reads a packet of the version of RADIUS that its connection speaks.
func parse(p *ingress.Packet) (radius.Packet, error) {
	if p.V11 {
		return radius.Parse11(p.Octets)
	}
	return radius.Parse(p.Octets)
}

// candidates are the clients that a packet can be of.
func (s *Server) candidates(p *ingress.Packet) []*clients.Client {
	if p.Listener != ingress.RADIUSTLS {
		return s.Clients.ByAddress(aaa.ClientRADIUS, p.From.Addr().Unmap())
	}
	if p.Peer == nil {
		return nil
	}
	peer := *p.Peer
	peer.From = p.From.Addr()
	if c := s.Clients.ByPeer(aaa.ClientRADIUS, &peer); c != nil {
		return []*clients.Client{c}
	}
	return nil
}

// allowed reports whether a listener takes packets of a code.
func allowed(l ingress.Listener, code radius.Code) bool {
	switch code {
	case radius.StatusServer:
		return true
	case radius.AccessRequest:
		return l == ingress.RADIUSAuth || l == ingress.RADIUSTLS
	case radius.AccountingRequest:
		return l == ingress.RADIUSAcct || l == ingress.RADIUSTLS
	case radius.CoARequest, radius.DisconnectRequest: // one port for all that a peer may send: it is told that they are not served
		return l == ingress.RADIUSTLS
	default:
		return false
	}
}

// serve answers an Access-Request or an Accounting-Request that has been proven.
func (s *Server) serve(ctx context.Context, from string, p *ingress.Packet, packet radius.Packet, by *proof) ingress.Answer {
	silence := ingress.Answer{Verdict: ingress.Verified}
	user, _ := packet.Value(radius.AttrUserName)
	account, err := s.Clients.AccountOf(ctx, by.client, string(user))
	if err != nil {
		s.complain(p, by.client, noAccount, err)
		return silence
	}
	j := s.job()
	defer s.release(j)
	j.auth = packet.Authenticator()
	j.flight = flight{sum: maphash.Bytes(s.seed, packet.Octets()), account: account, id: s.NewID()}
	key := keyOf(from, p, packet)
	instead, ok := s.flights.add(key, &j.flight)
	if !ok {
		s.tally.count(repeated)
		return silence
	}
	landed := false
	defer func() { // a panic must not leave the memory of a job in the table
		if !landed {
			s.flights.remove(key, &j.flight)
		}
	}()
	q := s.question(p, packet, by, account, j, instead)
	var res *aaa.Result
	switch q.challenge {
	case staleState:
		s.tally.count(staleState)
	case usedState:
		s.tally.count(usedState) // the deferred call removes the flight
		return silence
	default:
		if q.state != nil {
			defer s.states.release(ownerOf(by.client), q.state, q.ID)
		}
		res, err = s.AAA.Handle(ctx, &q.Request)
	}
	landed = true
	if !s.flights.remove(key, &j.flight) {
		s.tally.count(abandoned) // the device sends something else under this identifier, and would take the answer for that one's
		return silence
	}
	return ingress.Answer{Verdict: ingress.Verified, Octets: s.reply(p, packet, by, q, j, res, err)}
}

// Again implements ingress.RADIUSServer.
func (s *Server) Again(from string, p *ingress.Packet) {
	packet, err := parse(p)
	if err != nil {
		return
	}
	account, id, ok := s.flights.find(keyOf(from, p, packet), maphash.Bytes(s.seed, packet.Octets()))
	if !ok {
		return
	}
	s.tally.count(repeated)
	if err := s.AAA.Repeat(context.Background(), account, id); err != nil {
		s.complain(p, nil, failed, err)
	}
}
