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

// errStatus is the status ERROR: the server can't answer (RFC 8907 §5.4, §6.2, §7.2).
var errStatus = errors.New("the server answered ERROR")

// statusError is errStatus with the texts of the server.
type statusError struct{ words string }

func (e *statusError) Error() string { return errStatus.Error() + e.words }
func (e *statusError) Unwrap() error { return errStatus }

// maxWords bounds each text of an ERROR in characters.
const maxWords = 200

// unable returns the Failure for a status ERROR. secrets are octets of the request that its texts may repeat and
// must not show.
func (c *client) unable(sent int, msg string, data tacacs.Sensitive, secrets ...[]byte) error {
	c.failing()
	var err error = errStatus
	if words := said("server_msg", []byte(msg), secrets) + said("data", data, secrets); words != "" {
		err = &statusError{words}
	}
	return &engines.Failure{Reason: engines.ServerError, Attempts: sent, Err: err}
}

// said returns a text of an ERROR with its name: printable, bounded, and without the secrets. Without a text it is empty.
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

// secrets returns the octets of a request that are never shown.
func (f *fields) secrets() [][]byte {
	return [][]byte{f.password, f.newPassword, f.userMsg, f.data, f.chapAnswer}
}
