package main

import (
	"context"
	"errors"
	"net"

	"aaa-api/internal/aaa"
	"aaa-api/internal/config"
	"aaa-api/internal/peer"
	"aaa-api/internal/session"
)

// advertised is the URL at which other nodes reach this one; empty where only the settings
// could tell and don't: a wildcard address names no host.
func advertised(cfg *config.Config, addr net.Addr) string {
	if cfg.Advertise != "" {
		return cfg.Advertise
	}
	if tcp, ok := addr.(*net.TCPAddr); !ok || tcp.IP.IsUnspecified() {
		return ""
	}
	return "http://" + addr.String()
}

// warnUnreachable says what will not work where the node may be one of several, which a shared
// database makes possible, and the others have no way to it.
func (n *node) warnUnreachable(ctx context.Context) {
	if n.url != "" || n.cfg.DatabaseURL.IsZero() {
		return
	}
	n.log.WarnContext(ctx, "the address that this node listens on names no host, so other nodes of the database can't reach it: "+
		"a login that began here with a TACACS+ dialogue fails when its next answer comes to another node; "+
		"if there are others, set --advertise http://HOST:PORT", "address", n.listener.Addr().String())
}

// peers asks the other nodes for the sessions.
type peers struct{ client *peer.Client }

// Continue implements session.Peers.
func (p peers) Continue(ctx context.Context, url string, account aaa.AccountID, sid string, values map[string]any, requestID string) (*aaa.SessionAnswer, error) {
	a, err := p.client.Continue(ctx, url, account, sid, values, requestID)
	if errors.Is(err, peer.ErrGone) {
		return nil, errors.Join(session.ErrPeerAway, err)
	}
	return a, err
}
