package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// served is a server behind Listener; dial opens a connection to it.
func served(t *testing.T, h http.HandlerFunc, change func(*http.Server)) (dial func() net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	s := NewHTTPServer("", h)
	if change != nil {
		change(s)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(NewConnections(0, nil).Listener(l)) }()
	t.Cleanup(func() {
		ok(t, s.Close())
		<-done
	})
	return func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		ok(t, err)
		t.Cleanup(func() { c.Close() })
		ok(t, c.SetDeadline(time.Now().Add(20*time.Second)))
		return c
	}
}

const plainGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// TestClientLeaves: a handler that takes its time learns of it, one that is done before does not mind.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	gone := make(chan error, 1)
	dial := served(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			gone <- context.Cause(r.Context())
		case <-time.After(10 * time.Second):
			gone <- nil
		}
	}, nil)
	c := dial()
	_, err := io.WriteString(c, plainGet)
	ok(t, err)
	ok(t, c.Close())
	if err := <-gone; err == nil {
		t.Error("the handler was not told that its client left")
	}
}

// TestKeepsConnections: requests follow one another on connections, also such as came before the answer to the one before, and
// after the look for the client.
func TestKeepsConnections(t *testing.T) {
	t.Parallel()
	dial := served(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Context().Err() != nil {
			t.Error(err, r.Context().Err())
		}
		if strings.HasPrefix(string(body), "slow") {
			time.Sleep(2 * lookAfter) // the tested thing: longer than the wait
		}
		w.Write(body) //nolint:errcheck // the client checks what it gets
	}, nil)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			c := dial()
			answers := bufio.NewReader(c)
			expect := func(body string) {
				res, err := http.ReadResponse(answers, nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer res.Body.Close()
				if got, err := io.ReadAll(res.Body); err != nil || string(got) != body {
					t.Errorf("%q, %v: want %q", got, err, body)
				}
			}
			send := func(bodies ...string) {
				var b strings.Builder
				for _, body := range bodies {
					fmt.Fprintf(&b, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
				}
				if _, err := io.WriteString(c, b.String()); err != nil {
					t.Error(err)
				}
			}
			for i := range 30 {
				body := strings.Repeat("x", i)
				if i%10 == 0 {
					body = "slow" + body
				}
				send(body)
				expect(body)
			}
			send("slow one", "two", "slow three") // at once
			expect("slow one")
			expect("two")
			expect("slow three")
		})
	}
	all.Wait()
}

// TestDeadlines: whoever says nothing, or half a header, is sent away, also after requests that went well.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]string{"idle": "", "half a header": "GET / HTTP/1.1\r\nHo", "half a body": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dial := served(t, func(_ http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body) //nolint:errcheck // half a body is no fault here
			}, func(s *http.Server) {
				s.ReadHeaderTimeout, s.ReadTimeout, s.IdleTimeout = 1500*time.Millisecond, 2*time.Second, 2500*time.Millisecond
			})
			c := dial()
			answers := bufio.NewReader(c)
			for range 3 {
				_, err := io.WriteString(c, plainGet)
				ok(t, err)
				res, err := http.ReadResponse(answers, nil)
				ok(t, err)
				ok(t, res.Body.Close())
			}
			begun := time.Now()
			_, err := io.WriteString(c, sent)
			ok(t, err)
			if _, err := io.Copy(io.Discard, answers); err != nil { // until the server closes
				t.Errorf("not closed after %v: %v", time.Since(begun), err)
			}
			if took := time.Since(begun); took < 400*time.Millisecond {
				t.Errorf("closed after %v", took)
			}
		})
	}
}

// TestLookIsPutOff: a request that is answered soon costs no look for its client, however many came before on the connection.
func TestLookIsPutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := look{wake: make(chan struct{}, 1)}
		for i := range 3 {
			l.over.Store(false)
			done := make(chan bool)
			begun := time.Now()
			go func() { done <- l.wait() }()
			synctest.Wait()
			l.over.Store(true) // as SetReadDeadline does
			l.rouse()
			if <-done || time.Since(begun) > 0 {
				t.Errorf("request %d: the client was looked for after %v", i, time.Since(begun))
			}
			l.rouse() // the deadline is set again, and nothing waits
		}
		l.over.Store(false)
		begun := time.Now()
		if !l.wait() || time.Since(begun) != lookAfter {
			t.Errorf("a request that lasts: looked for the client after %v", time.Since(begun))
		}
	})
}
