// Package peer lets a node ask another one to go on with a login whose dialogue with a
// backend only that node can hold: it lives on one of its connections.
//
// A message is a POST to Path on the other node's admin listener, or the API's where it has none. Its body is one text, sealed by
// the vault under the system configuration's key, which the nodes of one database share and
// nobody else has. It names the node that it is meant for, the time, and a nonce, so that it serves
// once, there, and within a minute. The answer is sealed too, for the nonce of the message
// that it answers. What is not such a message is answered like an address at which nothing is.
//
// A message is served where it arrives. It is never passed on, so nodes that are wrong about each other make no circle.
package peer

import (
	"context"
	"errors"
	"net/url"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/secmod"
)

// Path is where a node takes messages of others.
const Path = "/internal/continue"

const (
	// messagePurpose is what messages are sealed for, answerPurpose with the message's nonce what answers are.
	messagePurpose = "peer/continue"
	answerPurpose  = "peer/continue/answer/"

	// window is by how much the clocks of two nodes may differ, with the way between them.
	window = time.Minute

	// maxMessage and maxAnswer bound sealed texts, in octets. A message is little more than the
	// body of a request (256 KiB), whose JSON can grow to twice its length when it is written anew.
	maxMessage = 768 << 10
	maxAnswer  = 2 << 20
)

// ErrGone is in the errors for a node that is no more, or takes no messages of this one: what
// it held is lost.
var ErrGone = errors.New("the node that holds the dialogue cannot be asked")

// Vault seals messages and opens them.
type Vault interface {
	secmod.Sealer
	secmod.Opener
}

// IsURL reports whether a text is a node's URL: http or https, host and port, no more.
func IsURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && text == u.Scheme+"://"+u.Host
}

// Continue goes on with a login on this node: values are the caller's keys, with the answer to
// the challenge that is out. Its errors are *aaa.Error.
type Continue func(ctx context.Context, account aaa.AccountID, sid string, values map[string]any, requestID string) (*aaa.SessionAnswer, error)
