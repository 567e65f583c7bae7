package main

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/url"

	"aaa-api/internal/aaa"
	"aaa-api/internal/peer"
	"aaa-api/internal/session"
)

// advertised is the URL at which other nodes reach this one: at the listener that takes their messages. It is empty
// where only the settings could tell and don't: a wildcard address names no host.
func (n *module) advertised() string {
	if n.cfg.Advertise != "" {
		return n.cfg.Advertise
	}
	addr, scheme := n.at.operators(), n.scheme()
	if n.at.admin != nil {
		scheme = "http"
	}
	if tcp, ok := addr.(*net.TCPAddr); !ok || tcp.IP.IsUnspecified() {
		return ""
	}
	return scheme + "://" + addr.String()
}

// warnUnreachable says what will not work where the node may be one of several, which a shared
// database makes possible, and the others have no way to it.
func (n *module) warnUnreachable(ctx context.Context) {
	why := n.unreachable()
	if why == "" || n.cfg.DatabaseURL.IsZero() {
		return
	}
	n.log.WarnContext(ctx, why+", so other nodes of the database can't reach it: "+
		"a login that began here with a TACACS+ dialogue fails when its next answer comes to another node; "+
		"if there are others, set --advertise http://HOST:PORT", "url", n.url, "address", n.at.String(), "admin_address", n.at.adminText())
}

// unreachable says why no other node reaches this one; it is empty where one may.
func (n *module) unreachable() string {
	if n.url == "" {
		return "the address that this node listens on names no host"
	}
	if n.cfg.Advertise != "" {
		if n.at.admin != nil && portOf(n.url) == portOf(n.scheme()+"://"+n.at.String()) && portOf(n.url) != portOf("http://"+n.at.adminText()) {
			return "--advertise names the port of the API, and the admin listener takes the messages of other nodes"
		}
		return ""
	}
	if n.at.admin != nil && isLoopback(n.at.admin) && !isLoopback(n.at.api) {
		return "the admin listener takes the messages of other nodes and has a loopback address"
	}
	if n.at.admin == nil && n.certificate != nil {
		if err := n.certificate.pair.Load().Leaf.VerifyHostname(hostOf(n.at.api)); err != nil {
			return "the TLS certificate does not name the address that this node listens on"
		}
	}
	return ""
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// portOf is the port of a node's URL.
func portOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
}

// hostOf is an address without its port.
func hostOf(addr net.Addr) string {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	return host
}

// peers asks the other nodes for the sessions.
type peers struct{ client *peer.Client }

// Continue implements session.Peers.
func (p peers) Continue(ctx context.Context, url string, account aaa.AccountID, sid string, values aaa.Values, requestID string) (*aaa.SessionAnswer, error) {
	a, err := p.client.Continue(ctx, url, account, sid, values, requestID)
	if errors.Is(err, peer.ErrGone) {
		return nil, errors.Join(session.ErrPeerAway, err)
	}
	return a, err
}
