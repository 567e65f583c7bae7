package peer

import (
	"encoding/base64"

	"aaa-api/internal/aaa"
)

// nonceBytes is the length of a nonce: 128 random bits.
const nonceBytes = 16

type nonce [nonceBytes]byte

// head says whom a message is for. It goes in a header, so that nothing else is read of what is none.
type head struct {
	To    string `json:"to"` // URL of the node that is meant
	At    int64  `json:"at"` // when it was sent, Unix milliseconds
	Nonce []byte `json:"nonce"`
}

// message is what a node asks of another. It holds a SID and a password: it is printed nowhere.
type message struct {
	Account   aaa.AccountID `json:"account"`
	SID       string        `json:"sid"`
	Values    aaa.Values    `json:"values"`
	RequestID string        `json:"request_id"`
}

// outcome is what comes back: an answer or an error.
type outcome struct {
	Answer *aaa.SessionAnswer `json:"answer,omitempty"`
	Error  *aaa.ErrorData     `json:"error,omitempty"`
}

// messagePurposeOf is what the message of a head is sealed for.
func messagePurposeOf(n nonce) string {
	return messagePurpose + base64.RawURLEncoding.EncodeToString(n[:])
}

// answerPurposeOf is what the answer to a message is sealed for.
func answerPurposeOf(n nonce) string {
	return answerPurpose + base64.RawURLEncoding.EncodeToString(n[:])
}
