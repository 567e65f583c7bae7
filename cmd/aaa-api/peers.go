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
