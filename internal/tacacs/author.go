package tacacs

import (
	"encoding/binary"
	"strconv"
)

// AuthenMethod is how the user was authenticated according to the client (RFC 8907 §6.1).
type AuthenMethod uint8

// The methods.
const (
	MethodNotSet     AuthenMethod = 0x00
	MethodNone       AuthenMethod = 0x01
	MethodKRB5       AuthenMethod = 0x02
	MethodLine       AuthenMethod = 0x03
	MethodEnable     AuthenMethod = 0x04
	MethodLocal      AuthenMethod = 0x05
	MethodTACACSPlus AuthenMethod = 0x06
	MethodGuest      AuthenMethod = 0x08
	MethodRADIUS     AuthenMethod = 0x10
	MethodKRB4       AuthenMethod = 0x11
	MethodRCMD       AuthenMethod = 0x20
)

// Identity is the user and the place that an authorization or accounting request is about. Its
// texts have up to 255 octets each.
type Identity struct {
	AuthenMethod  AuthenMethod
	PrivLvl       uint8
	AuthenType    AuthenType
	AuthenService Service
	User          string
	Port          string
	RemAddr       string
}

const identityFixed = 8 // with the count of arguments

func (i *Identity) size() int { return identityFixed + len(i.User) + len(i.Port) + len(i.RemAddr) }

// fits checks the lengths; before is the number of octets that precede the identity in the body.
func (i *Identity) fits(before int, args []string) error {
	if err := fits(255, sized{"user", len(i.User)}, sized{"port", len(i.Port)}, sized{"rem_addr", len(i.RemAddr)}); err != nil {
		return err
	}
	if err := argsFit(args); err != nil {
		return err
	}
	return together(before + i.size() + argsSize(args))
}

// validate checks the identity and the arguments.
func (i *Identity) validate(before int, args []string) error {
	if err := i.fits(before, args); err != nil {
		return err
	}
	if err := validIdentity(i.PrivLvl, i.User, i.Port, i.RemAddr); err != nil {
		return err
	}
	return checkArgs(args)
}

// appendWith appends the identity and the arguments, which are the whole of an authorization request.
func (i *Identity) appendWith(dst []byte, before int, args []string) ([]byte, error) {
	if err := i.fits(before, args); err != nil {
		return dst, err
	}
	dst = append(dst, byte(i.AuthenMethod), i.PrivLvl, byte(i.AuthenType), byte(i.AuthenService),
		byte(len(i.User)), byte(len(i.Port)), byte(len(i.RemAddr)), byte(len(args)))
	dst = appendArgLengths(dst, args)
	dst = append(dst, i.User...)
	dst = append(dst, i.Port...)
	dst = append(dst, i.RemAddr...)
	return appendArgs(dst, args), nil
}

// decodeWith reads what appendWith appends.
func (i *Identity) decodeWith(b []byte) ([]string, error) {
	if err := bounds(b, identityFixed); err != nil {
		return nil, err
	}
	user, port, addr, count := int(b[4]), int(b[5]), int(b[6]), int(b[7])
	if len(b) < identityFixed+count {
		return nil, FaultShort
	}
	lengths := b[identityFixed : identityFixed+count]
	rest := b[identityFixed+count:]
	if user+port+addr+sum(lengths) != len(rest) {
		return nil, FaultLengths
	}
	text := string(rest)
	*i = Identity{
		AuthenMethod: AuthenMethod(b[0]), PrivLvl: b[1], AuthenType: AuthenType(b[2]), AuthenService: Service(b[3]),
		User: text[:user], Port: text[user : user+port], RemAddr: text[user+port : user+port+addr],
	}
	return cutArgs(text[user+port+addr:], lengths), nil
}

// AuthorRequest is the body of an authorization request (§6.1).
type AuthorRequest struct {
	Identity
	Args []string // name=value or name*value, up to 255 of up to 255 octets each
}

// Type is TypeAuthor.
func (p *AuthorRequest) Type() Type { return TypeAuthor }

func (p *AuthorRequest) size() int { return p.Identity.size() + argsSize(p.Args) }

// Append implements Body.
func (p *AuthorRequest) Append(dst []byte) ([]byte, error) { return p.appendWith(dst, 0, p.Args) }

// Decode implements Body.
func (p *AuthorRequest) Decode(b []byte) error {
	args, err := p.decodeWith(b)
	if err != nil {
		return err
	}
	p.Args = args
	return nil
}

// Validate implements Body.
func (p *AuthorRequest) Validate() error { return p.validate(0, p.Args) }

// AuthorStatus is the answer to an authorization request (§6.2).
type AuthorStatus uint8

// The statuses.
const (
	AuthorPassAdd  AuthorStatus = 0x01
	AuthorPassRepl AuthorStatus = 0x02
	AuthorFail     AuthorStatus = 0x10
	AuthorError    AuthorStatus = 0x11
	AuthorFollow   AuthorStatus = 0x21 // deprecated; never followed
)

func (s AuthorStatus) String() string {
	switch s {
	case AuthorPassAdd:
		return "PASS_ADD"
	case AuthorPassRepl:
		return "PASS_REPL"
	case AuthorFail:
		return "FAIL"
	case AuthorError:
		return "ERROR"
	case AuthorFollow:
		return "FOLLOW"
	default:
		return "status " + strconv.Itoa(int(s))
	}
}

// AuthorReply is the body of the answer to an authorization request (§6.2; the RFC also calls it RESPONSE).
type AuthorReply struct {
	Status    AuthorStatus
	Args      []string  // as in the request
	ServerMsg string    // for the user, up to 65535 octets
	Data      Sensitive // for the administrator, up to 65535 octets
}

const authorReplyFixed = 6

// Type is TypeAuthor.
func (p *AuthorReply) Type() Type { return TypeAuthor }

// Final is true: an authorization is one request and its reply.
func (p *AuthorReply) Final() bool { return true }

// Known implements Reply.
func (p *AuthorReply) Known() bool {
	switch p.Status {
	case AuthorPassAdd, AuthorPassRepl, AuthorFail, AuthorError, AuthorFollow:
		return true
	}
	return false
}

func (p *AuthorReply) fits() error {
	if err := argsFit(p.Args); err != nil {
		return err
	}
	return replyFits(p.size(), p.ServerMsg, p.Data)
}

// Validate implements Body. It accepts any message: what a terminal may show is for the sender to decide.
func (p *AuthorReply) Validate() error {
	if !p.Known() {
		return errUnknownStatus
	}
	if err := p.fits(); err != nil {
		return err
	}
	return checkArgs(p.Args)
}

func (p *AuthorReply) size() int {
	return authorReplyFixed + argsSize(p.Args) + len(p.ServerMsg) + len(p.Data)
}

// Append implements Body.
func (p *AuthorReply) Append(dst []byte) ([]byte, error) {
	if err := p.fits(); err != nil {
		return dst, err
	}
	dst = append(dst, byte(p.Status), byte(len(p.Args)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.ServerMsg)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.Data)))
	dst = appendArgLengths(dst, p.Args)
	dst = append(dst, p.ServerMsg...)
	dst = append(dst, p.Data...)
	return appendArgs(dst, p.Args), nil
}

// Decode implements Body.
func (p *AuthorReply) Decode(b []byte) error {
	if err := bounds(b, authorReplyFixed); err != nil {
		return err
	}
	count, msg, data := int(b[1]), int(binary.BigEndian.Uint16(b[2:])), int(binary.BigEndian.Uint16(b[4:]))
	if len(b) < authorReplyFixed+count {
		return FaultShort
	}
	lengths := b[authorReplyFixed : authorReplyFixed+count]
	rest := b[authorReplyFixed+count:]
	if msg+data+sum(lengths) != len(rest) {
		return FaultLengths
	}
	*p = AuthorReply{
		Status: AuthorStatus(b[0]), ServerMsg: string(rest[:msg]), Data: keep(rest[msg : msg+data]),
		Args: cutArgs(string(rest[msg+data:]), lengths),
	}
	return nil
}
