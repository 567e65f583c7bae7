package tacacs

import (
	"errors"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/tacacs"
)

// quirks are the faults of a device that its client's document forgives.
type quirks struct {
	shortBody      bool // the fields end before the body does
	passwordInData bool // a login of type ascii has the password in data
	bareArguments  bool // an argument has neither "=" nor "*"
	blankRemAddr   bool // rem_addr has a blank
	emptyArguments bool // an argument has no octets
}

func quirksOf(c *clients.Client) (q quirks) {
	for _, name := range c.Document.Quirks {
		switch name {
		case aaa.QuirkShortBody:
			q.shortBody = true
		case aaa.QuirkPasswordInData:
			q.passwordInData = true
		case aaa.QuirkBareArguments:
			q.bareArguments = true
		case aaa.QuirkBlankRemAddr:
			q.blankRemAddr = true
		case aaa.QuirkEmptyArguments:
			q.emptyArguments = true
		}
	}
	return q
}

// decode reads a request in the clear.
func decode(octets []byte, h tacacs.Header, q quirks) (tacacs.Request, error) {
	body, err := tacacs.NewRequest(h)
	if err != nil {
		return nil, err
	}
	err = body.Decode(octets)
	if errors.Is(err, tacacs.FaultLengths) && q.shortBody {
		if n := length(octets, body); n < len(octets) {
			err = body.Decode(octets[:n])
		}
	}
	if err != nil {
		return nil, err
	}
	return body, nil
}

// length is the number of octets that a body's own lengths add up to.
func length(b []byte, body tacacs.Request) int {
	sum := func(fixed int, lengths []byte) int {
		for _, n := range lengths {
			fixed += int(n)
		}
		return fixed
	}
	identity := func(at int) int { // octets before the lengths
		count := int(b[at+3])
		if len(b) < at+4+count {
			return len(b)
		}
		return sum(at+4+count, b[at:at+3]) + sum(0, b[at+4:at+4+count])
	}
	switch body.(type) {
	case *tacacs.AuthenStart:
		return sum(8, b[4:8])
	case *tacacs.AuthenContinue:
		return 5 + int(b[0])<<8 + int(b[1]) + int(b[2])<<8 + int(b[3])
	case *tacacs.AuthorRequest:
		return identity(4)
	default:
		return identity(5)
	}
}

// remAddr mends rem_addr, and returns what is wrong with it.
func (q quirks) remAddr(addr *string) string {
	if !strings.Contains(*addr, " ") {
		return ""
	}
	if !q.blankRemAddr {
		return "rem_addr has a blank"
	}
	*addr = strings.TrimSpace(*addr)
	return ""
}

// arguments mends a request's arguments, and returns what is wrong with them.
func (q quirks) arguments(args []string) (mended []string, fault string) {
	mended = args[:0:0]
	for _, text := range args {
		switch a, ok := tacacs.ParseArgument(text); {
		case text == "" && q.emptyArguments:
		case text == "":
			return nil, "an argument is empty"
		case ok && tacacs.CheckText("", text) == nil && a.Name != "":
			mended = append(mended, text)
		case tacacs.CheckText("", text) != nil:
			return nil, "an argument has a character other than printable US-ASCII"
		case q.bareArguments && !strings.ContainsAny(text, "=*"):
			mended = append(mended, "cmd-arg="+text) // what stands alone is a word of the command
		default:
			return nil, "the argument " + quote(text) + " has no name, or neither '=' nor '*'"
		}
	}
	return mended, ""
}

// quote bounds a device's text for a message.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "..."
	}
	return `"` + s + `"`
}
