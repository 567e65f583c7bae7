package tacacs

import (
	"encoding/binary"
	"strconv"
)

// AuthenMethod is how the user was authenticated, as the client tells it (RFC 8907 §6.1).
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

// Identity is what authorization and accounting requests say of who asks. Its texts are up
// to 255 octets each.
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

func (i *Identity) fits(args []string) error {
	if err := fits(255, sized{"user", len(i.User)}, sized{"port", len(i.Port)}, sized{"rem_addr", len(i.RemAddr)}); err != nil {
		return err
	}
	return argsFit(args)
}

// validate is all of Validate that is about the identity and the arguments.
func (i *Identity) validate(args []string) error {
	if err := i.fits(args); err != nil {
		return err
	}
	if err := validIdentity(i.PrivLvl, i.User, i.Port, i.RemAddr); err != nil {
		return err
	}
	return checkArgs(args)
}

// appendWith appends the identity with arguments, which is all of an authorization request.
func (i *Identity) appendWith(dst []byte, args []string) ([]byte, error) {
	if err := i.fits(args); err != nil {
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

// decodeWith is the opposite of appendWith.
func (i *Identity) decodeWith(b []byte) ([]string, error) {
	if len(b) < identityFixed {
		return nil, FaultShort
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
func (p *AuthorRequest) Append(dst []byte) ([]byte, error) { return p.appendWith(dst, p.Args) }

// Decode implements Body.
func (p *AuthorRequest) Decode(b []byte) (err error) {
	p.Args, err = p.decodeWith(b)
	return err
}

// Validate implements Request.
func (p *AuthorRequest) Validate() error { return p.validate(p.Args) }

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

// AuthorResponse is the body of the answer to an authorization request (§6.2).
type AuthorResponse struct {
	Status    AuthorStatus
	Args      []string  // as in the request
	ServerMsg string    // for the user, up to 65535 octets
	Data      Sensitive // for the administrator, up to 65535 octets
}

const responseFixed = 6

// Type is TypeAuthor.
func (p *AuthorResponse) Type() Type { return TypeAuthor }

// Final is true: an authorization is one request and its response.
func (p *AuthorResponse) Final() bool { return true }

func (p *AuthorResponse) known() bool {
	switch p.Status {
	case AuthorPassAdd, AuthorPassRepl, AuthorFail, AuthorError, AuthorFollow:
		return true
	}
	return false
}

func (p *AuthorResponse) size() int {
	return responseFixed + argsSize(p.Args) + len(p.ServerMsg) + len(p.Data)
}

// Append implements Body.
func (p *AuthorResponse) Append(dst []byte) ([]byte, error) {
	if err := fits(65535, sized{"server_msg", len(p.ServerMsg)}, sized{"data", len(p.Data)}); err != nil {
		return dst, err
	}
	if err := argsFit(p.Args); err != nil {
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
func (p *AuthorResponse) Decode(b []byte) error {
	if len(b) < responseFixed {
		return FaultShort
	}
	count, msg, data := int(b[1]), int(binary.BigEndian.Uint16(b[2:])), int(binary.BigEndian.Uint16(b[4:]))
	if len(b) < responseFixed+count {
		return FaultShort
	}
	lengths := b[responseFixed : responseFixed+count]
	rest := b[responseFixed+count:]
	if msg+data+sum(lengths) != len(rest) {
		return FaultLengths
	}
	*p = AuthorResponse{
		Status: AuthorStatus(b[0]), ServerMsg: string(rest[:msg]), Data: keep(rest[msg : msg+data]),
		Args: cutArgs(string(rest[msg+data:]), lengths),
	}
	return nil
}
