package peer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

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
	Account   aaa.AccountID  `json:"account"`
	SID       string         `json:"sid"`
	Values    map[string]any `json:"values"`
	RequestID string         `json:"request_id"`
}

// outcome is what comes back: an answer or an error.
type outcome struct {
	Answer *aaa.SessionAnswer `json:"answer,omitempty"`
	Error  *wireError         `json:"error,omitempty"`
}

// wireError is an aaa.Error without what concerns the other node's log alone.
type wireError struct {
	Kind       aaa.Kind      `json:"kind"`
	Message    string        `json:"message"`
	Fields     []aaa.Field   `json:"fields,omitempty"`
	RetryAfter time.Duration `json:"retry_after,omitempty"`
}

func wireErrorOf(err error) *wireError {
	var e *aaa.Error
	switch {
	case errors.As(err, &e) && e.Kind != aaa.KindInternal:
		return &wireError{e.Kind, e.Message, e.Fields, e.RetryAfter}
	case errors.Is(err, context.DeadlineExceeded):
		return &wireError{Kind: aaa.KindNoAnswer, Message: "the request took too long"}
	}
	return &wireError{Kind: aaa.KindInternal, Message: "an internal error of the node that holds the dialogue; its log has it under the request id"}
}

func (w *wireError) error() *aaa.Error {
	return &aaa.Error{Kind: w.Kind, Message: w.Message, Fields: w.Fields, RetryAfter: w.RetryAfter}
}

// messagePurposeOf is what the message of a head is sealed for.
func messagePurposeOf(n nonce) string {
	return messagePurpose + base64.RawURLEncoding.EncodeToString(n[:])
}

// answerPurposeOf is what the answer to a message is sealed for.
func answerPurposeOf(n nonce) string {
	return answerPurpose + base64.RawURLEncoding.EncodeToString(n[:])
}

// encode writes JSON that is no longer than it must be.
func encode(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return b.String(), nil
}

// decode reads JSON and leaves numbers as they were written.
func decode(text string, v any) error {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	return d.Decode(v)
}
