package tacacs

import (
	"bytes"
	"errors"
	"strings"
	"unicode"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tacacs"
)

// errStatus is a server's own word that it can't answer (RFC 8907 §5.4, §6.2, §7.2).
var errStatus = errors.New("the server answered ERROR")

// statusError is errStatus with what the server says of it.
type statusError struct{ words string }

func (e *statusError) Error() string { return errStatus.Error() + e.words }
func (e *statusError) Unwrap() error { return errStatus }

// maxWords bounds each text of an ERROR in characters.
const maxWords = 200

// unable is the Failure of a server that says that it can't answer. secrets are what the request held that a server
// may repeat and nobody may read.
func (c *client) unable(sent int, msg string, data tacacs.Sensitive, secrets ...[]byte) error {
	c.failing()
	var err error = errStatus
	if words := said("server_msg", []byte(msg), secrets) + said("data", data, secrets); words != "" {
		err = &statusError{words}
	}
	return &engines.Failure{Reason: engines.ServerError, Attempts: sent, Err: err}
}

// said is a text of an ERROR under its name, printable, bounded, and without the secrets; empty where there is none.
func said(name string, text []byte, secrets [][]byte) string {
	if len(text) == 0 {
		return ""
	}
	for _, secret := range secrets {
		if len(secret) > 0 {
			text = bytes.ReplaceAll(text, secret, []byte(aaa.Mask))
		}
	}
	clean := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(string(text), "\uFFFD"))
	if runes := []rune(clean); len(runes) > maxWords {
		clean = string(runes[:maxWords]) + "…"
	}
	return ", " + name + " \"" + clean + "\""
}

// secrets are the octets of a request that are never shown.
func (f *fields) secrets() [][]byte {
	return [][]byte{f.password, f.newPassword, f.userMsg, f.data, f.chapAnswer}
}
