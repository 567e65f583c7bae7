package peer

import (
	"context"
	"io"
	"net/http"
	"strconv"
)

// Messages knows what came at Path. It may be another process.
type Messages interface {
	// Check reports whether a head is one of a node and was not seen before, so that its body may be read. from is for the log.
	Check(ctx context.Context, from, head string) bool
	// Answer serves a message, once. Without a body it answers that the node has no room for it. It returns false for what is no message.
	Answer(ctx context.Context, from, head, body string) (answer string, ok bool)
}

// Door takes messages of other nodes by HTTP.
type Door struct {
	messages Messages
	places   chan struct{} // of messages that are read and served
}

// NewDoor makes a Door.
func NewDoor(m Messages) *Door { return &Door{m, make(chan struct{}, maxInFlight)} }

// Serve answers a message. It returns false, with nothing written, for whatever is none or
// is not good (any more): the caller answers that like any address at which nothing is.
func (d *Door) Serve(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || r.URL.Path != Path || r.ContentLength < 1 || r.ContentLength > MaxMessage {
		return false
	}
	ctx, head := r.Context(), r.Header.Get(headName)
	if len(head) > MaxHead || !d.messages.Check(ctx, r.RemoteAddr, head) {
		return false
	}
	body := ""
	select {
	case d.places <- struct{}{}:
		defer func() { <-d.places }()
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxMessage))
		if err != nil || len(b) == 0 {
			return false
		}
		body = string(b)
	default:
	}
	answer, ok := d.messages.Answer(ctx, r.RemoteAddr, head, body)
	if !ok {
		return false
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(http.StatusOK)
	io.WriteString(w, answer) //nolint:errcheck,gosec // plain text, sealed; the other node may be gone: nobody to tell
	return true
}
