package httpapi

import (
	"context"
	"time"

	"aaa-api/internal/line"
	"aaa-api/internal/operations"
)

// peerMessages implements peer.Messages: the security module knows what other nodes send.
type peerMessages struct{ line line.Caller }

// Check implements peer.Messages.
func (p peerMessages) Check(ctx context.Context, from, head string) bool {
	a, err := operations.PeerHead.Call(ctx, p.line, line.From{At: time.Now()}, operations.PeerMessage{From: from, Head: head})
	return err == nil && a.Good
}

// Answer implements peer.Messages.
func (p peerMessages) Answer(ctx context.Context, from, head, body string) (string, bool) {
	a, err := operations.ContinueForPeer.Call(ctx, p.line, line.From{At: time.Now()}, operations.PeerMessage{From: from, Head: head, Body: body})
	return a.Text, err == nil && a.Good
}
