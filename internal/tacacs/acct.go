package tacacs

import (
	"encoding/binary"
	"strconv"
)

// AcctFlags say what an accounting record is (RFC 8907 §7.2). Allowed are Start, Stop,
// Watchdog, and Watchdog with Start, which is an update that repeats the arguments of the start.
type AcctFlags uint8

// The flags.
const (
	AcctStart    AcctFlags = 0x02
	AcctStop     AcctFlags = 0x04
	AcctWatchdog AcctFlags = 0x08
)

// AcctRequest is the body of an accounting record (§7.1).
type AcctRequest struct {
	Flags AcctFlags
	Identity
	Args []string // name=value or name*value, up to 255 of up to 255 octets each
}

// Type is TypeAcct.
func (p *AcctRequest) Type() Type { return TypeAcct }

func (p *AcctRequest) size() int { return 1 + p.Identity.size() + argsSize(p.Args) }

// Append implements Body.
func (p *AcctRequest) Append(dst []byte) ([]byte, error) {
	out, err := p.appendWith(append(dst, byte(p.Flags)), 1, p.Args)
	if err != nil {
		return dst, err
	}
	return out, nil
}

// Decode implements Body.
func (p *AcctRequest) Decode(b []byte) error {
	if err := bounds(b, 1+identityFixed); err != nil {
		return err
	}
	args, err := p.decodeWith(b[1:])
	if err != nil {
		return err
	}
	p.Flags, p.Args = AcctFlags(b[0]), args
	return nil
}

// Validate implements Body.
func (p *AcctRequest) Validate() error {
	switch p.Flags {
	case AcctStart, AcctStop, AcctWatchdog, AcctWatchdog | AcctStart:
	default:
		return &FieldError{"flags", "are none of start, stop, watchdog, and watchdog with start"}
	}
	return p.validate(1, p.Args)
}

// AcctStatus is the answer to an accounting record (§7.2).
type AcctStatus uint8

// The statuses.
const (
	AcctSuccess AcctStatus = 0x01
	AcctError   AcctStatus = 0x02
	AcctFollow  AcctStatus = 0x21 // deprecated; never followed
)

func (s AcctStatus) String() string {
	switch s {
	case AcctSuccess:
		return "SUCCESS"
	case AcctError:
		return "ERROR"
	case AcctFollow:
		return "FOLLOW"
	default:
		return "status " + strconv.Itoa(int(s))
	}
}

// AcctReply is the body of the answer to an accounting record (§7.2).
type AcctReply struct {
	Status    AcctStatus
	ServerMsg string    // for the user, up to 65535 octets
	Data      Sensitive // for the administrator, up to 65535 octets
}

const acctReplyFixed = 5

// Type is TypeAcct.
func (p *AcctReply) Type() Type { return TypeAcct }

// Final is true: accounting is one record and its reply.
func (p *AcctReply) Final() bool { return true }

// Known implements Reply.
func (p *AcctReply) Known() bool {
	return p.Status == AcctSuccess || p.Status == AcctError || p.Status == AcctFollow
}

// Validate implements Body. It accepts any message: what a terminal may show is for the sender to decide.
func (p *AcctReply) Validate() error {
	if !p.Known() {
		return errUnknownStatus
	}
	return replyFits(p.size(), p.ServerMsg, p.Data)
}

func (p *AcctReply) size() int { return acctReplyFixed + len(p.ServerMsg) + len(p.Data) }

// Append implements Body.
func (p *AcctReply) Append(dst []byte) ([]byte, error) {
	if err := replyFits(p.size(), p.ServerMsg, p.Data); err != nil {
		return dst, err
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.ServerMsg)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.Data)))
	dst = append(dst, byte(p.Status))
	dst = append(dst, p.ServerMsg...)
	return append(dst, p.Data...), nil
}

// Decode implements Body.
func (p *AcctReply) Decode(b []byte) error {
	if err := bounds(b, acctReplyFixed); err != nil {
		return err
	}
	msg := int(binary.BigEndian.Uint16(b))
	if acctReplyFixed+msg+int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return FaultLengths
	}
	rest := b[acctReplyFixed:]
	*p = AcctReply{Status: AcctStatus(b[4]), ServerMsg: string(rest[:msg]), Data: keep(rest[msg:])}
	return nil
}
