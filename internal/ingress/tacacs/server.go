package tacacs

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/crew"
	"aaa-api/internal/crossing"
	"aaa-api/internal/ingress"
	"aaa-api/internal/tacacs"
)

// Clients knows the clients of all accounts. clients.Registry is one.
type Clients interface {
	// ByAddress returns the clients whose most specific prefix holds the address.
	ByAddress(p aaa.ClientProtocol, a netip.Addr) []*clients.Client
	// ByPeer returns the client of a certificate; nil: there is none.
	ByPeer(p aaa.ClientProtocol, peer *ingress.Peer) *clients.Client
	// Secret opens a client's secrets.
	Secret(ctx context.Context, c *clients.Client) (clients.Secrets, error)
	// Seen counts a packet of a client; previous: its previous secret verified it.
	Seen(c *clients.Client, previous bool)
	// Missed counts a packet that is no client's, or that none of their secrets verifies.
	Missed(p aaa.ClientProtocol, from netip.Addr, why string)
	// AccountOf returns the account whose request it is.
	AccountOf(ctx context.Context, c *clients.Client, userName string) (aaa.AccountID, error)
}

// Dictionary defines the fields and arguments of TACACS+, and the attributes of RADIUS. dict.Catalog.Devices is one.
type Dictionary interface {
	aaa.Dictionary
	crossing.Dict
	crossing.Words
}

// Options are what a Server needs.
type Options struct {
	Clients    Clients
	AAA        ingress.AAA
	Dictionary Dictionary
	Logger     *slog.Logger // nil: none

	DialogueLife time.Duration // how long a login waits for its user; 0: 5 minutes
	Waiting      Bounds        // of logins that wait; 0: the defaults
}

// Server answers packets of TACACS+.
type Server struct {
	o        Options
	names    names
	sessions *sessions
	crew     *crew.Crew // does what a device may not wait for to its end
}

var _ ingress.TACACSServer = (*Server)(nil)

// New makes a Server. The error tells which field the dictionary lacks.
func New(o Options) (*Server, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.DialogueLife <= 0 {
		o.DialogueLife = 5 * time.Minute
	}
	s := &Server{o: o, sessions: newSessions(o.DialogueLife, o.Waiting), crew: crew.New()}
	var err error
	if s.names, err = namesOf(o.Dictionary); err != nil {
		return nil, err
	}
	return s, nil
}

// exchange is a packet that is being answered.
type exchange struct {
	server *Server
	key    key
	header tacacs.Header
	packet *ingress.Packet
	client *clients.Client
	secret aaa.Secret
	until  time.Time // when the device must have its answer

	previous bool // the client's previous secret verified it
}

// Packet implements ingress.TACACSServer.
func (s *Server) Packet(ctx context.Context, from string, p *ingress.Packet) (ingress.Answer, error) {
	candidates := s.candidates(p)
	if len(candidates) == 0 {
		s.o.Clients.Missed(aaa.ClientTACACS, p.From.Addr(), "no client has this address or certificate")
		return ingress.Answer{Verdict: ingress.Unknown, Close: true}, nil
	}
	h, err := tacacs.ParseHeader(p.Octets)
	if err == nil && int(h.Length) != len(p.Octets)-tacacs.HeaderLen {
		err = tacacs.FaultShort
	}
	if err == nil && h.Seq%2 == 0 || h.Seq == 255 { // a reply to 255 has no number
		err = tacacs.FaultSequence
	}
	if err != nil {
		return s.refused(p, err.Error()), nil
	}
	x := &exchange{server: s, key: key{from, p.Conn, h.SessionID}, header: h, packet: p}
	if (h.Flags&tacacs.FlagUnencrypted != 0) != (p.Listener == ingress.TACACSTLS) {
		return x.wrongFlag(candidates[0]), nil
	}
	if h.Seq > 1 && h.Type == tacacs.TypeAuthen {
		if w := s.sessions.take(x.key); w != nil {
			if !slices.ContainsFunc(candidates, func(c *clients.Client) bool { return ownerOf(c) == w.owner() }) {
				return s.refused(p, "the client of the login was disabled or deleted"), nil
			}
			return x.resume(ctx, w), nil
		}
	}
	body, err := x.choose(ctx, candidates)
	if err != nil {
		return ingress.Answer{}, err
	}
	if body == nil {
		return s.refused(p, "no secret of the clients at this address fits"), nil
	}
	return x.first(ctx, body), nil
}

// first answers a packet that no dialogue waits for.
func (x *exchange) first(ctx context.Context, body tacacs.Request) ingress.Answer {
	x.expect()
	switch body := body.(type) {
	case *tacacs.AuthenStart:
		return x.login(ctx, body)
	case *tacacs.AuthorRequest:
		return x.authorize(ctx, body)
	case *tacacs.AcctRequest:
		return x.record(ctx, body)
	default:
		return x.wrong("the login is over, or its user took too long: begin anew")
	}
}

// expect sets the time by which the device needs its answer.
func (x *exchange) expect() {
	within := time.Duration(x.client.Document.ReplyWithin) * time.Millisecond
	if within <= 0 {
		within = aaa.DefaultReplyWithin
	}
	now := time.Now()
	if at := x.packet.At; !at.IsZero() && at.Before(now) && now.Sub(at) < within {
		now = at
	}
	x.until = now.Add(within)
}

// Closed implements ingress.TACACSServer.
func (s *Server) Closed(from string, conn uint64) { s.sessions.drop(from, conn) }

// refused ends a connection that nobody's secret verifies, in silence.
func (s *Server) refused(p *ingress.Packet, why string) ingress.Answer {
	s.o.Clients.Missed(aaa.ClientTACACS, p.From.Addr(), why)
	return ingress.Answer{Verdict: ingress.Refused, Close: true}
}

// wrongFlag refuses a packet whose unencrypted flag does not fit the transport, and ends the connection (RFC 8907 §4.5, RFC 9887 §4). The
// reply is in the clear: who sent the packet has shown no secret, and could try secrets on a hidden text that is known.
func (x *exchange) wrongFlag(client *clients.Client) ingress.Answer {
	a := x.server.refused(x.packet, tacacs.FaultFlag.Error())
	x.client = client
	switch x.header.Type {
	case tacacs.TypeAuthen:
		a.Octets = x.encode(&tacacs.AuthenReply{Status: tacacs.AuthenFail, ServerMsg: tacacs.FaultFlag.Error()})
	case tacacs.TypeAuthor:
		a.Octets = x.encode(&tacacs.AuthorReply{Status: tacacs.AuthorFail, ServerMsg: tacacs.FaultFlag.Error()})
	case tacacs.TypeAcct:
		a.Octets = x.encode(&tacacs.AcctReply{Status: tacacs.AcctError, ServerMsg: tacacs.FaultFlag.Error()})
	}
	return a
}

// Waiting is how many logins wait for their users.
func (s *Server) Waiting() int { return s.sessions.len() }
