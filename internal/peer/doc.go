// Package peer lets a node ask another one to go on with a login whose dialogue with a
// backend only that node can hold: it lives on one of its connections.
//
// A message is a POST to Path on the other node's admin listener, or the API's where it has none. Head and body are texts sealed by
// the vault under the system configuration's key, which the nodes of one database share and
// nobody else has. The head names the node that is meant, the time, and a nonce, so that a message serves
// once, there, and within a minute; the body and the answer are sealed for this nonce. The body is read after the head
// opened, with the key in memory. What is not such a message is answered like an address at which nothing is.
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
	// headPurpose is what heads are sealed for; messages and answers are for their purpose and the head's nonce.
	headPurpose    = "peer/continue/head"
	messagePurpose = "peer/continue/message/"
	answerPurpose  = "peer/continue/answer/"

	// headName is the header that has the head, MaxHead its longest text.
	headName = "X-Aaa-Api-Head"
	MaxHead  = 4 << 10

	// window is by how much the clocks of two nodes may differ, with the way between them.
	window = time.Minute

	// MaxMessage and maxAnswer bound sealed texts, in octets. A message is little more than the
	// body of a request (256 KiB), whose JSON can grow to twice its length when it is written anew.
	MaxMessage = 768 << 10
	maxAnswer  = 2 << 20
)

// ErrGone is in the errors for a node that is no more, or takes no messages of this one: what
// it held is lost.
var ErrGone = errors.New("the node that holds the dialogue cannot be asked")

// HeldVault is a vault that can open without asking the store.
type HeldVault interface {
	secmod.SealOpener
	// OpenHeld is Open with the key in memory alone.
	OpenHeld(account aaa.AccountID, purpose, sealed string) (aaa.Secret, error)
}

// IsURL reports whether a text is a node's URL: http or https, host and port, no more.
func IsURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && text == u.Scheme+"://"+u.Host
}

// Continue goes on with a login on this node: values are the caller's keys, with the answer to
// the challenge that is out. Its errors are *aaa.Error.
type Continue func(ctx context.Context, account aaa.AccountID, sid string, values aaa.Values, requestID string) (*aaa.SessionAnswer, error)
