package radius

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
	"aaa-api/internal/engines"
	"aaa-api/internal/engines/radius/streams"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp"
)

// client exchanges requests with one server. Many are open and few are in use, so what only a used one needs is made at its
// first use.
type client struct {
	engine   *Engine
	account  aaa.AccountID
	reach    *egress.Account
	name     string
	address  string
	addr     netip.Addr                 // if literal
	inUse    atomic.Pointer[netip.Addr] // of the name's addresses, if not literal; nil before the first use
	port     uint16
	literal  bool        // the address is an IP address, not a name
	autoMA   bool        // require_message_authenticator: auto
	alwaysMA bool        // require_message_authenticator: yes
	unasked  bool        // health_check time: no probes
	status   atomic.Bool // it has answered a Status-Server
	health   engines.Recovery

	overTLS  bool             // transport: tls
	streams  *streams.Manager // of transport tls
	broken   error            // why there is none
	key      *radius.Key
	previous *radius.Key                // nil: there is none
	proven   atomic.Pointer[radius.Key] // of the latest answer; nil: key
	timeout  time.Duration              // of one attempt
	retries  int                        // attempts after the first
	tester   *tester                    // nil: probes are Status-Server

	places  atomic.Pointer[semaphore.Weighted] // identifiers that may be taken; nil before the first use
	answers atomic.Uint32                      // requests answered, by any address
	left    atomic.Uint32                      // addresses of the name left since the latest answer; under mu but to reset it
	signed  [numKinds]atomic.Uint32            // replies of each kind, up to learnFrom, or mixed; under mu but to read it

	mu sync.Mutex
}

var (
	_ engines.Client     = (*client)(nil)
	_ engines.Rememberer = (*client)(nil)
)

// learn takes over what the previous Client knows of the same server. An edit must not make it forget which replies have a
// Message-Authenticator, or an attacker could wait for an edit and then forge unsigned ones. Health is not taken over: the edit
// may have mended what the server died of, such as the secret or the timeout.
func (c *client) learn(previous engines.Client) {
	p, ok := previous.(*client)
	if !ok || p.address != c.address || p.port != c.port {
		return
	}
	if c.autoMA && p.autoMA {
		p.mu.Lock()
		for kind := range c.signed {
			c.signed[kind].Store(p.signed[kind].Load())
		}
		p.mu.Unlock()
	}
	if k := p.inForce(); c.previous != nil && bytes.Equal(k.Secret(), c.previous.Secret()) {
		c.proven.Store(c.previous) // until the server gets the new secret
	}
	c.health.Follow(&p.health)
	c.inUse.Store(p.inUse.Load()) // the address that works
}

// whose is the server that lessons are of, as Remember writes it.
func (c *client) whose() string { return c.address + "\x00" + strconv.Itoa(int(c.port)) + "\x00" }

// Remember implements engines.Rememberer: an attacker must not be able to wait until an account has left memory either.
func (c *client) Remember() string {
	var counts [numKinds]byte
	for kind := range c.signed {
		counts[kind] = byte(c.signed[kind].Load())
	}
	if !c.autoMA || counts == [numKinds]byte{} {
		return ""
	}
	return c.whose() + string(counts[:])
}

// recall takes over what Remember returned, if that is of the same server.
func (c *client) recall(memory string) {
	counts, ok := strings.CutPrefix(memory, c.whose())
	if !ok || len(counts) != numKinds || !c.autoMA {
		return
	}
	for kind := range c.signed {
		c.signed[kind].Store(uint32(counts[kind]))
	}
}

// Exchange sends the request and returns the verified answer; see engines.Client.
func (c *client) Exchange(ctx context.Context, req *engines.Request) (*engines.Reply, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := c.engine.pendings.Get().(*pending)
	defer c.finish(p)
	p.req, p.key, p.allow = req, c.inForce(), req.Allowance
	if err := c.prepare(p, req); err != nil {
		return nil, err
	}
	attempts, blame, err := c.exchange(ctx, p, c.timeout, c.retries)
	if err != nil {
		if blame {
			c.unanswered(p)
		}
		return nil, err
	}
	c.succeeded()
	reply := &engines.Reply{Attempts: attempts}
	d := avp.Decoder{Dict: req.Dict, Cipher: radius.Cipher{Key: p.used, Request: &p.asked}, Plain: p.v11}
	reply.AVPs = slices.DeleteFunc(d.Decode(p.reply), func(v aaa.AVP) bool {
		switch avp.Standard(v.Attr) {
		case radius.AttrMessageAuthenticator: // it is verified, and means nothing beyond this hop
			return true
		case radius.AttrProxyState:
			return len(req.ProxyState) > 0 && bytes.Equal(v.Value, req.ProxyState)
		}
		return false
	})
	switch p.reply.Code() {
	case radius.AccessReject:
		reply.Outcome = aaa.Reject
	case radius.AccessChallenge:
		challenge(reply)
	default:
		reply.Outcome = aaa.Accept
	}
	return reply, nil
}

// challenge fills in a reply that is a challenge: its State, its prompt (RFC 2865 §5.18, one line for each text) and whether the
// answer may be shown while it is typed (RFC 2869 §5.10).
func challenge(reply *engines.Reply) {
	reply.Outcome = aaa.Challenge
	var texts []string
	for _, v := range reply.AVPs {
		switch avp.Standard(v.Attr) {
		case radius.AttrState:
			if reply.State == nil {
				reply.State = v.Value
			}
		case radius.AttrReplyMessage:
			texts = append(texts, aaa.Text(v.Value))
		case radius.AttrPrompt:
			reply.Echo = len(v.Value) == 4 && binary.BigEndian.Uint32(v.Value) == radius.PromptEcho
		}
	}
	reply.Prompt = strings.Join(texts, "\n")
}

// Encode makes the packet that Exchange would send, under a random secret that is thrown away, so that no hidden value can be
// revealed. Secrets that travel in the clear are overwritten.
func (c *client) Encode(req *engines.Request) ([]byte, error) {
	p := c.engine.pendings.Get().(*pending)
	defer c.finish(p)
	p.enc.Mask = true
	secret := make([]byte, 16)
	aaa.Random(secret)
	key := radius.NewKey(secret)
	p.v11 = c.streams != nil && c.streams.Version() == streams.V11
	if err := p.build(req, key, time.Now()); err != nil {
		return nil, err
	}
	p.complete(0, key)
	return append([]byte(nil), p.enc.Packet...), nil
}

// Format keeps the secret out of whatever prints a Client.
func (c *client) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "radius server %s (%s:%d)", c.name, c.address, c.port)
}

// Health is the server's health.
func (c *client) Health() *engines.Health { return &c.health.Health }

// Retire ends the probes and the connections. The sockets stay: all Clients share them.
func (c *client) Retire() {
	c.health.Retire()
	if c.streams != nil {
		c.streams.Retire()
	}
}

// finish gives back what p holds and p itself.
func (c *client) finish(p *pending) {
	c.release(p)
	p.reset()
	c.engine.pendings.Put(p)
}
