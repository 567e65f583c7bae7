package idempotency

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
)

// packFrom is the length from which an answer is compressed, in octets.
const packFrom = 4 << 10

// The first octet of what is sealed.
const (
	plain      = 'p'
	compressed = 'c'
)

// pack makes an answer short: an answer with a dictionary of megabytes would be too long to be sealed.
func pack(answer []byte) (string, error) {
	if len(answer) < packFrom {
		return string(plain) + string(answer), nil
	}
	var b bytes.Buffer
	b.WriteByte(compressed)
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return "", err
	}
	if _, err := w.Write(answer); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return b.String(), nil
}

// unpack is the reverse. The text was sealed, so it is one of pack.
func unpack(text string) ([]byte, error) {
	if rest, ok := strings.CutPrefix(text, string(plain)); ok {
		return []byte(rest), nil
	}
	return io.ReadAll(flate.NewReader(strings.NewReader(text[min(1, len(text)):])))
}
