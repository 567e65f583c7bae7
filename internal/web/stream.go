package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"aaa-api/internal/aaa"
)

// NDJSON is the media type of a stream in both directions.
const NDJSON = "application/x-ndjson"

// checkStream refuses a stream by its headers.
func (c *Call) checkStream() error {
	if err := c.checkEncoding(); err != nil {
		return err
	}
	list := c.r.Header["Content-Type"]
	if len(list) == 0 || list[0] == NDJSON {
		return nil
	}
	kind, params, err := mime.ParseMediaType(list[0])
	if err != nil {
		return unsupportedMedia("the Content-Type cannot be read: it must be like " + NDJSON)
	}
	switch kind {
	case NDJSON, "application/ndjson", "application/jsonl":
	default:
		return unsupportedMedia("the body must be " + NDJSON + ", application/ndjson or application/jsonl, not " + fmt.Sprintf("%.80s", kind))
	}
	if cs, ok := params["charset"]; ok && !strings.EqualFold(cs, "utf-8") {
		return unsupportedMedia("the charset must be utf-8, not " + fmt.Sprintf("%.40q", cs))
	}
	return nil
}

// Duplex is the body of a route of kind Stream and its answer, of which one is read while the other is written: by one
// goroutine each.
type Duplex struct {
	c       *Call
	control *http.ResponseController
	in, out pace
	whole   bool // the body was read to its end
}

// pace is how fast octets went in one direction. The time in which the node itself did not read or write does not count.
type pace struct {
	octets int64
	waited time.Duration
}

// allows is how long the next octets may take, next of which are known to come.
func (p *pace) allows(l *Limits, next int) time.Duration {
	takes := func(octets int64) time.Duration {
		return l.Grace + time.Duration(octets/l.LeastRate)*time.Second + time.Duration(octets%l.LeastRate)*time.Second/time.Duration(l.LeastRate)
	}
	return min(takes(p.octets+int64(next))-p.waited, takes(paced))
}

// OpenStream begins a stream. octets are what it costs of the budget until the call ends.
func (c *Call) OpenStream(octets int64) (*Duplex, error) {
	if err := c.Hold(octets); err != nil {
		return nil, err
	}
	s := &Duplex{c: c, control: http.NewResponseController(c.ResponseWriter)}
	s.control.EnableFullDuplex()            //nolint:errcheck // a writer that knows none is no network's
	s.control.SetWriteDeadline(time.Time{}) //nolint:errcheck // each write has its own
	return s, nil
}

// Read reads what has come of the body. Any error but io.EOF is a *Failure or an *aaa.Error.
func (s *Duplex) Read(b []byte) (int, error) {
	if s.c.r.Body == nil {
		return 0, io.EOF
	}
	begun := time.Now()
	s.control.SetReadDeadline(begun.Add(s.in.allows(&s.c.server.Limits, 0))) //nolint:errcheck // a connection that knows none is no network's
	n, err := s.c.r.Body.Read(b)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		s.control.SetReadDeadline(time.Time{}) //nolint:errcheck // what comes meanwhile is not late, and net/http reads on after the end
	}
	s.in.waited += time.Since(begun)
	s.in.octets += int64(n)
	switch {
	case errors.Is(err, io.EOF):
		s.whole = true
		return n, err
	case err == nil:
		return n, nil
	case s.c.status == 0:
		s.c.Header().Set("Connection", "close") // what is left is no request
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, lateBody(err)
	}
	return n, badRead(err, 0, s.in.octets)
}

// Stopped fails once the node stops.
func (s *Duplex) Stopped() error {
	if s.c.server.stops.Load() {
		return errStopped
	}
	return nil
}

var errStopped = &aaa.Error{Kind: aaa.KindBusy, Message: "the node stops; send this and what follows again", RetryAfter: time.Second}

// Begin sends the head of the answer.
func (s *Duplex) Begin() {
	s.c.Header()["Content-Type"] = []string{NDJSON}
	s.c.WriteHeader(http.StatusOK)
}

// Write writes a part of the answer. It fails if the client is gone, or reads too slowly.
func (s *Duplex) Write(b []byte) (int, error) {
	for at := 0; at < len(b); {
		end := min(at+paced, len(b))
		begun := time.Now()
		s.control.SetWriteDeadline(begun.Add(s.out.allows(&s.c.server.Limits, end-at))) //nolint:errcheck // as above
		n, err := s.c.ResponseWriter.Write(b[at:end])
		s.out.waited += time.Since(begun)
		s.out.octets += int64(n)
		if err != nil {
			return at + n, err
		}
		at = end
	}
	return len(b), nil
}

// Flush sends what was written.
func (s *Duplex) Flush() error {
	begun := time.Now()
	s.control.SetWriteDeadline(begun.Add(s.out.allows(&s.c.server.Limits, 0))) //nolint:errcheck // as above
	err := s.control.Flush()
	s.out.waited += time.Since(begun)
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// partingTime is how long what a client still sends is read, so that it comes to see the answer.
const partingTime = 500 * time.Millisecond

// End ends the connection after the answer if the body was not read to its end, which net/http does not see once it reads and
// writes at a time: what is left of the body would be taken for the next request.
func (s *Duplex) End() {
	if s.whole || s.c.r.ProtoMajor != 1 {
		return
	}
	conn, _, err := s.control.Hijack()
	if err != nil {
		return // no network's
	}
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(partingTime)) != nil {
		return
	}
	if s.c.r.ProtoAtLeast(1, 1) {
		io.WriteString(conn, "0\r\n\r\n") //nolint:errcheck // the client is gone: nobody to tell
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()                                       //nolint:errcheck // as above
		io.Copy(io.Discard, io.LimitReader(conn, MaxShortBody)) //nolint:errcheck // only to let the answer arrive
	}
}

// Place waits for a place to work on configuration, for one of many requests in a call.
func (c *Call) Place() (leave func(), err error) {
	p, err := c.server.places.Take(c.Context(), c.who.Account)
	if err != nil {
		return nil, err
	}
	return p.Leave, nil
}
