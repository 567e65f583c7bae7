package operations

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/peer"
)

// PeerMessage is what came at a node's address for other nodes.
type PeerMessage struct {
	From string // the address that it came from, for the log
	Head string
	Body string
}

// PeerAnswer goes back to the other node.
type PeerAnswer struct {
	Good bool // false: what came is no message (any more), and is answered like any address at which nothing is
	Text string
}

// PeerHead reports whether a message's head is good, so that its body may be read.
var PeerHead = define("peers.head", public, func(ctx context.Context, s *Served, q *PeerMessage) (a PeerAnswer, _ error) {
	a.Good = s.Peers != nil && s.Peers.Check(ctx, q.From, q.Head)
	return a, nil
}).checked(checkMessage)

// ContinueForPeer serves a message of another node.
var ContinueForPeer = define("peers.continue", public, func(ctx context.Context, s *Served, q *PeerMessage) (a PeerAnswer, _ error) {
	if s.Peers != nil {
		a.Text, a.Good = s.Peers.Answer(ctx, q.From, q.Head, q.Body)
	}
	return a, nil
}).checked(checkMessage)

func checkMessage(q *PeerMessage) error {
	if len(q.Head) > peer.MaxHead || len(q.Body) > peer.MaxMessage || len(q.From) > maxRequestID {
		return aaa.Errorf(aaa.KindTooLong, "a message of another node has %d octets at the most", peer.MaxMessage)
	}
	return nil
}
