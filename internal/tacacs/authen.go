package tacacs

import (
	"encoding/binary"
	"strconv"
)

// Action is what an authentication is for (RFC 8907 §5.1).
type Action uint8

// The actions.
const (
	ActionLogin    Action = 1
	ActionChPass   Action = 2
	ActionSendAuth Action = 4
)

// AuthenType is a method of authentication (§5.1).
type AuthenType uint8

// The authentication types. AuthenNotSet is for authorization and accounting alone.
const (
	AuthenNotSet   AuthenType = 0
	AuthenASCII    AuthenType = 1
	AuthenPAP      AuthenType = 2
	AuthenCHAP     AuthenType = 3
	AuthenMSCHAP   AuthenType = 5
	AuthenMSCHAPv2 AuthenType = 6
)

// Service is the service that asks (§5.1).
type Service uint8

// The services.
const (
	ServiceNone    Service = 0
	ServiceLogin   Service = 1
	ServiceEnable  Service = 2
	ServicePPP     Service = 3
	ServicePT      Service = 5
	ServiceRCMD    Service = 6
	ServiceX25     Service = 7
	ServiceNASI    Service = 8
	ServiceFWProxy Service = 9
)

// Privilege levels run from 0 to 15 (§9).
const (
	PrivMin  = 0
	PrivUser = 1
	PrivMax  = 15
)

// AuthenStatus is how an authentication stands (§5.2).
type AuthenStatus uint8

// The statuses.
const (
	AuthenPass    AuthenStatus = 0x01
	AuthenFail    AuthenStatus = 0x02
	AuthenGetData AuthenStatus = 0x03
	AuthenGetUser AuthenStatus = 0x04
	AuthenGetPass AuthenStatus = 0x05
	AuthenRestart AuthenStatus = 0x06
	AuthenError   AuthenStatus = 0x07
	AuthenFollow  AuthenStatus = 0x21 // deprecated; never followed
)

func (s AuthenStatus) String() string {
	switch s {
	case AuthenPass:
		return "PASS"
	case AuthenFail:
		return "FAIL"
	case AuthenGetData:
		return "GETDATA"
	case AuthenGetUser:
		return "GETUSER"
	case AuthenGetPass:
		return "GETPASS"
	case AuthenRestart:
		return "RESTART"
	case AuthenError:
		return "ERROR"
	case AuthenFollow:
		return "FOLLOW"
	default:
		return "status " + strconv.Itoa(int(s))
	}
}

// Flags of authentication bodies.
const (
	ReplyNoEcho   = 0x01 // REPLY: the answer must not be shown as it is typed
	ContinueAbort = 0x01 // CONTINUE: the client gives up
)

// AuthenStart is the body of the first packet of an authentication (§5.1). Its texts are up
// to 255 octets each, and so is Data.
type AuthenStart struct {
	Action  Action
	PrivLvl uint8
	Method  AuthenType
	Service Service
	User    string
	Port    string
	RemAddr string
	Data    Sensitive
}

const startFixed = 8

// Type is TypeAuthen.
func (p *AuthenStart) Type() Type { return TypeAuthen }

// Version is the version that the START is sent with: minor version 1 for PAP, CHAP and
// MS-CHAP logins, 0 for all else (§5.4.1).
func (p *AuthenStart) Version() byte {
	switch p.Method {
	case AuthenPAP, AuthenCHAP, AuthenMSCHAP, AuthenMSCHAPv2:
		if p.Action == ActionLogin {
			return Version1
		}
	}
	return Version0
}

func (p *AuthenStart) size() int {
	return startFixed + len(p.User) + len(p.Port) + len(p.RemAddr) + len(p.Data)
}

func (p *AuthenStart) fits() error {
	return fits(255, sized{"user", len(p.User)}, sized{"port", len(p.Port)},
		sized{"rem_addr", len(p.RemAddr)}, sized{"data", len(p.Data)})
}

// Append implements Body.
func (p *AuthenStart) Append(dst []byte) ([]byte, error) {
	if err := p.fits(); err != nil {
		return dst, err
	}
	dst = append(dst, byte(p.Action), p.PrivLvl, byte(p.Method), byte(p.Service),
		byte(len(p.User)), byte(len(p.Port)), byte(len(p.RemAddr)), byte(len(p.Data)))
	dst = append(dst, p.User...)
	dst = append(dst, p.Port...)
	dst = append(dst, p.RemAddr...)
	return append(dst, p.Data...), nil
}

// Decode implements Body.
func (p *AuthenStart) Decode(b []byte) error {
	if err := bounds(b, startFixed); err != nil {
		return err
	}
	user, port, addr, data := int(b[4]), int(b[5]), int(b[6]), int(b[7])
	if startFixed+user+port+addr+data != len(b) {
		return FaultLengths
	}
	at := len(b) - data
	text := string(b[startFixed:at])
	*p = AuthenStart{
		Action: Action(b[0]), PrivLvl: b[1], Method: AuthenType(b[2]), Service: Service(b[3]),
		User: text[:user], Port: text[user : user+port], RemAddr: text[user+port:], Data: keep(b[at:]),
	}
	return nil
}

// Validate implements Body.
func (p *AuthenStart) Validate() error {
	if err := p.fits(); err != nil {
		return err
	}
	return validIdentity(p.PrivLvl, p.User, p.Port, p.RemAddr)
}

// AuthenReply is the body of a server's answer in an authentication (§5.2).
type AuthenReply struct {
	Status    AuthenStatus
	Flags     byte      // ReplyNoEcho
	ServerMsg string    // for the user, up to 65535 octets
	Data      Sensitive // for the client, up to 65535 octets
}

const replyFixed = 6

// Type is TypeAuthen.
func (p *AuthenReply) Type() Type { return TypeAuthen }

// Final reports whether the server asks for nothing more.
func (p *AuthenReply) Final() bool {
	return p.Status != AuthenGetData && p.Status != AuthenGetUser && p.Status != AuthenGetPass
}

// NoEcho reports whether the answer must not be shown as the user types it.
func (p *AuthenReply) NoEcho() bool { return p.Flags&ReplyNoEcho != 0 }

// Known implements Reply.
func (p *AuthenReply) Known() bool {
	return p.Status >= AuthenPass && p.Status <= AuthenError || p.Status == AuthenFollow
}

// Validate implements Body. It accepts any message: what a terminal may show is for the sender to decide.
func (p *AuthenReply) Validate() error {
	if !p.Known() {
		return errUnknownStatus
	}
	return replyFits(p.size(), p.ServerMsg, p.Data)
}

func (p *AuthenReply) size() int { return replyFixed + len(p.ServerMsg) + len(p.Data) }

// Append implements Body.
func (p *AuthenReply) Append(dst []byte) ([]byte, error) {
	if err := replyFits(p.size(), p.ServerMsg, p.Data); err != nil {
		return dst, err
	}
	dst = append(dst, byte(p.Status), p.Flags)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.ServerMsg)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.Data)))
	dst = append(dst, p.ServerMsg...)
	return append(dst, p.Data...), nil
}

// Decode implements Body.
func (p *AuthenReply) Decode(b []byte) error {
	if err := bounds(b, replyFixed); err != nil {
		return err
	}
	msg := int(binary.BigEndian.Uint16(b[2:]))
	if replyFixed+msg+int(binary.BigEndian.Uint16(b[4:])) != len(b) {
		return FaultLengths
	}
	rest := b[replyFixed:]
	*p = AuthenReply{Status: AuthenStatus(b[0]), Flags: b[1], ServerMsg: string(rest[:msg]), Data: keep(rest[msg:])}
	return nil
}

// AuthenContinue is the body of a client's later packets in an authentication (§5.3).
type AuthenContinue struct {
	Flags   byte      // ContinueAbort
	UserMsg Sensitive // what the user answered, up to 65535 octets
	Data    Sensitive // the reason of an abort, up to 65535 octets
}

const continueFixed = 5

// Type is TypeAuthen.
func (p *AuthenContinue) Type() Type { return TypeAuthen }

func (p *AuthenContinue) size() int { return continueFixed + len(p.UserMsg) + len(p.Data) }

// Append implements Body.
func (p *AuthenContinue) Append(dst []byte) ([]byte, error) {
	if err := p.Validate(); err != nil {
		return dst, err
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.UserMsg)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.Data)))
	dst = append(dst, p.Flags)
	dst = append(dst, p.UserMsg...)
	return append(dst, p.Data...), nil
}

// Decode implements Body.
func (p *AuthenContinue) Decode(b []byte) error {
	if err := bounds(b, continueFixed); err != nil {
		return err
	}
	msg := int(binary.BigEndian.Uint16(b))
	if continueFixed+msg+int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return FaultLengths
	}
	rest := b[continueFixed:]
	*p = AuthenContinue{Flags: b[4], UserMsg: keep(rest[:msg]), Data: keep(rest[msg:])}
	return nil
}

// Validate implements Body. It accepts any content, since a password may be any octets.
func (p *AuthenContinue) Validate() error {
	if err := fits(65535, sized{"user_msg", len(p.UserMsg)}, sized{"data", len(p.Data)}); err != nil {
		return err
	}
	return together(p.size())
}
