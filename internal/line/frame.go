package line

import (
	"context"
	"encoding/binary"
	"time"

	"aaa-api/internal/aaa"
)

// A frame is: the length of what follows (4 octets), its kind (1), the id of the call (4), the body. Its numbers are big-endian.
//
//	call    operation (2), time left in nanoseconds or 0, From, the request
//	answer  the answer
//	error   aaa.ErrorData
//	cancel  nothing
const (
	lengthOctets = 4
	headOctets   = lengthOctets + 1 + 4
)

const (
	frameCall byte = 1 + iota
	frameAnswer
	frameError
	frameCancel
)

// Bounds of From.
const (
	maxToken     = 32 << 10 // all headers of an HTTP request have no more
	maxRequestID = 256
	maxAccount   = 64

	maxCallHead = maxToken + maxRequestID + maxAccount + 64 // of a call, beside its request
)

// begin starts a frame; finish sets its length once the body is there.
func begin(b []byte, kind byte, id uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 0, kind), id)
}

// finish completes the frame that b holds.
func finish(b []byte) {
	binary.BigEndian.PutUint32(b, uint32(len(b)-lengthOctets)) //nolint:gosec // bounded by whoever sends
}

// setID changes the id of the frame that b holds.
func setID(b []byte, id uint32) { binary.BigEndian.PutUint32(b[lengthOctets+1:], id) }

// callHead is what a call says before its request.
type callHead struct {
	operation uint16
	left      time.Duration // until the caller's deadline; 0: it has none
	from      From
}

// appendCallHead adds the head of a call. Its errors tell what in it is too long, without showing it.
func appendCallHead(b []byte, ctx context.Context, operation uint16, from *From) ([]byte, error) {
	var left uint64
	if deadline, ok := ctx.Deadline(); ok {
		left = uint64(max(time.Until(deadline), 1)) //nolint:gosec // positive
	}
	switch {
	case len(from.Token) > maxToken:
		return nil, aaa.Errorf(aaa.KindUnauthorized, "the token is longer than %d octets", maxToken)
	case len(from.RequestID) > maxRequestID:
		return nil, aaa.Errorf(aaa.KindBadInput, "the request id is longer than %d octets", maxRequestID)
	case len(from.Account) > maxAccount:
		return nil, aaa.Errorf(aaa.KindNotFound, "an account id has no more than %d octets", maxAccount)
	}
	b = binary.BigEndian.AppendUint16(b, operation)
	b = binary.AppendUvarint(b, left)
	b = appendText(b, string(from.Account))
	b = appendText(b, from.RequestID)
	b = appendText(b, from.Token)
	return appendTime(b, from.At), nil
}

// readCallHead reads the head of a call; rest is the request.
func readCallHead(body string) (h callHead, rest string, ok bool) {
	r := reader{rest: body}
	h.operation = uint16(r.octet())<<8 | uint16(r.octet())
	left := r.uvarint()
	r.failIf(left > 1<<63-1)
	h.left = time.Duration(left) //nolint:gosec // not larger
	h.from.Account = aaa.AccountID(r.bounded(maxAccount))
	h.from.RequestID = r.bounded(maxRequestID)
	h.from.Token = r.bounded(maxToken)
	h.from.At = r.time()
	return h, r.rest, !r.failed
}
