package radius

import (
	"crypto/hmac"
	"crypto/sha256"

	"aaa-api/internal/aaa"
	"aaa-api/internal/radius"
)

// The Proxy-State of requests that go out for devices: what it is, who sent it, and the proof of both.
const (
	loopMark    = "aaa-api\x01"
	loopSender  = 8
	loopProof   = 16
	proxyStated = len(loopMark) + loopSender + loopProof
)

type loopKey [32]byte

// proof is what only a node of the service can put behind a mark.
func (k *loopKey) proof(head []byte) [sha256.Size]byte {
	h := hmac.New(sha256.New, k[:])
	h.Write(head)
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum
}

// NewProxyState makes the Proxy-State that this process puts into the requests which it sends to servers for devices. A server that sends
// such a request back, to whichever node with the same key, closes a circle: the nodes know it by this value and refuse it.
func NewProxyState(key [32]byte) []byte {
	b := make([]byte, proxyStated)
	head := b[:copy(b, loopMark)+loopSender]
	aaa.Random(head[len(loopMark):])
	k := loopKey(key)
	sum := k.proof(head)
	copy(b[len(head):], sum[:])
	return b
}

// looped reports whether a packet went through this service before.
func (s *Server) looped(packet radius.Packet) bool {
	for n, v := range packet.Attributes() {
		if n != radius.AttrProxyState || len(v) != proxyStated || string(v[:len(loopMark)]) != loopMark {
			continue
		}
		head, proof := v[:len(loopMark)+loopSender], v[len(loopMark)+loopSender:]
		if sum := s.loops.proof(head); hmac.Equal(proof, sum[:loopProof]) {
			return true
		}
	}
	return false
}
