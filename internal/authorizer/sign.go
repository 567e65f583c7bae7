package authorizer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"aaa-api/internal/aaa"
)

// The headers of a signed question.
const (
	TimestampHeader = "X-AAA-Timestamp"
	SignatureHeader = "X-AAA-Signature"
)

// signatureVersion begins every signature, so that a later scheme can be told apart.
const signatureVersion = "v1="

// ErrSignature is returned for a question that the secret's owner did not send, or not now.
var ErrSignature = errors.New("the signature does not verify")

func sign(secret aaa.Secret, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(timestamp))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return mac.Sum(nil)
}

// setSignature puts the two headers on a question.
func setSignature(h http.Header, secret aaa.Secret, now time.Time, body []byte) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	h.Set(TimestampHeader, timestamp)
	h.Set(SignatureHeader, signatureVersion+hex.EncodeToString(sign(secret, timestamp, body)))
}

// Verify checks a question's signature and that its timestamp is at most skew
// from now, for those who receive questions. The comparison takes constant
// time. Every fault is ErrSignature: the sender learns nothing from it.
func Verify(secret aaa.Secret, h http.Header, body []byte, now time.Time, skew time.Duration) error {
	timestamp := h.Get(TimestampHeader)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return ErrSignature
	}
	text, ok := strings.CutPrefix(h.Get(SignatureHeader), signatureVersion)
	if !ok {
		return ErrSignature
	}
	given, err := hex.DecodeString(text)
	if err != nil || secret.IsZero() || !hmac.Equal(given, sign(secret, timestamp, body)) {
		return ErrSignature
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > skew || d < -skew {
		return ErrSignature
	}
	return nil
}
