package web

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"aaa-api/internal/admission"
)

// paced is how much of a long body or answer goes at once.
const paced = 64 << 10

// due is the time by which so many octets must have gone that began to go at begun, the next of them now. A fast beginning
// allows no long stop.
func (c *Call) due(begun time.Time, octets int) time.Time {
	l := &c.server.Limits
	takes := func(octets int) time.Duration {
		return l.Grace + time.Duration(octets)*time.Second/time.Duration(l.LeastRate)
	}
	all, next := begun.Add(takes(octets)), time.Now().Add(takes(paced))
	if next.Before(all) {
		return next
	}
	return all
}

// readLong reads a body that costs memory: at least as fast as the least rate, and as far as the budget allows. What is
// announced is taken at once; else the memory grows with what arrives.
func (c *Call) readLong(limit int64) error {
	body, size := c.r.Body, c.r.ContentLength
	if size < 0 {
		body, size = http.MaxBytesReader(c.ResponseWriter, body, limit), 2<<10
	} else if err := c.Hold(size); err != nil {
		return err
	}
	control := http.NewResponseController(c.ResponseWriter)
	begun := time.Now()
	b := make([]byte, 0, size)
	for {
		end := min(len(b)+paced, cap(b))
		control.SetReadDeadline(c.due(begun, end)) //nolint:errcheck // a connection that knows none is no network's
		n, err := io.ReadFull(body, b[len(b):end])
		b = b[:len(b)+n]
		switch {
		case err == nil && int64(len(b)) == c.r.ContentLength:
			return c.readWhole(control, b)
		case err == nil && len(b) == cap(b):
			grown := int64(2 * cap(b))
			if grown > admission.FreeBody {
				if err := c.Hold(grown - c.holding.Octets()); err != nil {
					return err
				}
			}
			b = append(make([]byte, 0, grown), b...)
		case (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) && c.r.ContentLength < 0:
			return c.readWhole(control, b)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return c.tooSlow(err)
		case err != nil:
			return badRead(err, limit, int64(len(b)))
		}
	}
}

// readWhole ends the reading of a body. The deadline goes: net/http reads on, to learn of a client that leaves.
func (c *Call) readWhole(control *http.ResponseController, b []byte) error {
	control.SetReadDeadline(time.Time{}) //nolint:errcheck // a connection that knows none is no network's
	c.body = b
	return nil
}

// tooSlow refuses a body that comes too slowly; its rest is not read.
func (c *Call) tooSlow(err error) error {
	c.Header().Set("Connection", "close")
	return lateBody(err)
}

func lateBody(err error) error {
	return &Failure{Status: http.StatusBadRequest, Slug: SlugParse, Detail: "the body came too slowly", Err: err}
}

// writeLong writes a long answer: at least as fast as the least rate, else the connection ends.
func (c *Call) writeLong(b []byte) {
	control := http.NewResponseController(c.ResponseWriter)
	begun := time.Now()
	for at := 0; at < len(b); {
		end := min(at+paced, len(b))
		control.SetWriteDeadline(c.due(begun, end)) //nolint:errcheck // a connection that knows none is no network's
		n, err := c.Write(b[at:end])
		if err != nil {
			return // the client is gone: nobody to tell
		}
		at += n
	}
}
