package tacacs

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// HeaderLen is the length of every packet's header in octets.
const HeaderLen = 12

// MaxBody is the longest body that is encoded or accepted, in octets. The header has room for
// 4 GiB, and no body of the protocol needs more than this.
const MaxBody = 65535

// Versions of the protocol: the major version in the upper half, the minor one in the lower.
// Only PAP, CHAP and MS-CHAP logins have minor version 1 (RFC 8907 §5.4.1).
const (
	Version0 = 0xc0
	Version1 = 0xc1
)

// Type is what a packet is about.
type Type uint8

// The packet types.
const (
	TypeAuthen Type = 1
	TypeAuthor Type = 2
	TypeAcct   Type = 3
)

func (t Type) String() string {
	switch t {
	case TypeAuthen:
		return "authentication"
	case TypeAuthor:
		return "authorization"
	case TypeAcct:
		return "accounting"
	default:
		return fmt.Sprintf("type %d", uint8(t))
	}
}

// Flags of the header. Other bits mean nothing and are ignored.
const (
	FlagUnencrypted   = 0x01 // TAC_PLUS_UNENCRYPTED_FLAG: the body is not obfuscated
	FlagSingleConnect = 0x04 // TAC_PLUS_SINGLE_CONNECT_FLAG: asks for or grants single connection mode
)

// Header is the header of a packet (§4.1).
type Header struct {
	Version   byte
	Type      Type
	Seq       byte // odd from the client, even from the server
	Flags     byte
	SessionID uint32
	Length    uint32 // of the body, in octets
}

// Append appends the header's 12 octets to dst.
func (h Header) Append(dst []byte) []byte {
	dst = append(dst, h.Version, byte(h.Type), h.Seq, h.Flags)
	dst = binary.BigEndian.AppendUint32(dst, h.SessionID)
	return binary.BigEndian.AppendUint32(dst, h.Length)
}

// ParseHeader reads a header. Errors are FaultShort, FaultVersion, FaultType, or FaultTooLong
// for a body over MaxBody.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderLen {
		return Header{}, FaultShort
	}
	h := Header{
		Version: b[0], Type: Type(b[1]), Seq: b[2], Flags: b[3],
		SessionID: binary.BigEndian.Uint32(b[4:]), Length: binary.BigEndian.Uint32(b[8:]),
	}
	switch {
	case h.Version != Version0 && h.Version != Version1:
		return h, FaultVersion
	case h.Type < TypeAuthen || h.Type > TypeAcct:
		return h, FaultType
	case h.Length > MaxBody:
		return h, FaultTooLong
	}
	return h, nil
}

// Answer returns the header of the packet that answers h in its session: the next sequence number, these flags.
// The sequence number 255 has no answer (§4.1).
func (h Header) Answer(flags byte) Header {
	h.Seq++
	h.Flags = flags
	return h
}

// Body is the body of a packet, one of the seven of this package.
type Body interface {
	// Type is the packet type that the body belongs to.
	Type() Type
	// Append appends the encoded body, in the clear, to dst. An error is a *FieldError,
	// and dst comes back as it was.
	Append(dst []byte) ([]byte, error)
	// Decode reads a body in the clear into the receiver and sets all of its fields. It
	// keeps nothing of b. An error is a Fault, and the receiver stays as it was.
	Decode(b []byte) error
	// Validate checks that the fields fit, as Append does, and that their content is what
	// RFC 8907 allows. An error is a *FieldError.
	Validate() error
	// size is the number of octets that Append adds.
	size() int
}

// Request is a body that a client sends.
type Request interface {
	Body
	request()
}

// Reply is a body that a server sends.
type Reply interface {
	Body
	// Final reports whether the session ends with this reply.
	Final() bool
	// Known reports whether the status exists.
	Known() bool
}

func (*AuthenStart) request()    {}
func (*AuthenContinue) request() {}
func (*AuthorRequest) request()  {}
func (*AcctRequest) request()    {}

// NewRequest returns an empty body of the kind that a client sends under h, for DecodeBody to fill. An error is
// FaultType, or FaultSequence if no client sends that number: clients send odd ones, and an authorization or
// accounting session has one request (§4.1).
func NewRequest(h Header) (Request, error) {
	switch {
	case h.Type < TypeAuthen || h.Type > TypeAcct:
		return nil, FaultType
	case h.Seq%2 == 0 || h.Seq > 1 && h.Type != TypeAuthen:
		return nil, FaultSequence
	case h.Type == TypeAuthor:
		return new(AuthorRequest), nil
	case h.Type == TypeAcct:
		return new(AcctRequest), nil
	case h.Seq == 1:
		return new(AuthenStart), nil
	default:
		return new(AuthenContinue), nil
	}
}

// errBodySize is the error of fields that fit one by one and not together.
var errBodySize = &FieldError{Field: "body", Problem: "is over 65535 octets"}

// AppendPacket appends a whole packet to dst: the header with the right length, and the
// body, obfuscated under the secret unless h has FlagUnencrypted. An error is a
// *FieldError, and dst comes back as it was.
func AppendPacket(dst []byte, h Header, body Body, secret string) ([]byte, error) {
	n := body.size()
	if n > MaxBody {
		return dst, errBodySize
	}
	h.Length = uint32(n)
	start := len(dst)
	out := h.Append(slices.Grow(dst, HeaderLen+n))
	out, err := body.Append(out)
	if err != nil {
		return dst, err
	}
	Obfuscate(out[start+HeaderLen:], h, secret)
	return out, nil
}

// DecodeBody reveals the body b in place, as Obfuscate does, and decodes it. Errors are a Fault.
func DecodeBody(b []byte, h Header, secret string, body Body) error {
	Obfuscate(b, h, secret)
	return body.Decode(b)
}
