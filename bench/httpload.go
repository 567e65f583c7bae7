package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// load is what a load generator does.
type load struct {
	Address  string   // host:port, IPv4
	Clients  int      // keep-alive connections, each with one request at a time
	Seconds  float64  // how long; 0 means once through Requests
	Requests [][]byte // complete requests, used in turn
	Want     string   // text that every good answer holds
}

// tally is what came of it.
type tally struct {
	Requests int     `json:"requests"`
	Bad      int     `json:"bad"`
	Seconds  float64 `json:"seconds"`
	FirstBad string  `json:"first_bad,omitempty"`

	Processor   float64 `json:"processor,omitempty"`   // seconds, of a load in a process of its own
	Descriptors int     `json:"descriptors,omitempty"` // open at its end
}

func (t tally) rate() float64 { return float64(t.Requests-t.Bad) / t.Seconds }

// run drives all connections from one thread with epoll and parses no more of
// an answer than its length: a load generator with a goroutine and a
// bufio.Reader a connection would take as much of the machine as the server.
func (l load) run() (tally, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	addr, err := netip.ParseAddrPort(l.Address)
	if err != nil {
		return tally{}, err
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return tally{}, err
	}
	defer unix.Close(epoll)
	conns := make(map[int32]*loadConn, l.Clients)
	defer func() {
		for fd := range conns {
			_ = unix.Close(int(fd))
		}
	}()
	var t tally
	next := 0
	for range l.Clients {
		c, err := dialLoad(addr)
		if err != nil {
			return t, err
		}
		conns[int32(c.fd)] = c
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, c.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)}); err != nil {
			return t, err
		}
	}
	begun := time.Now()
	end := begun.Add(time.Duration(l.Seconds * float64(time.Second)))
	flying := 0
	for _, c := range conns {
		if l.Seconds == 0 && next == len(l.Requests) {
			break
		}
		if err := c.send(l.Requests[next%len(l.Requests)]); err != nil {
			return t, err
		}
		next++
		flying++
	}
	want := []byte(l.Want)
	events := make([]unix.EpollEvent, l.Clients)
	for flying > 0 {
		n, err := unix.EpollWait(epoll, events, 60_000)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return t, err
		}
		if n == 0 {
			return t, errors.New("the server has not answered for a minute")
		}
		now := time.Now()
		for _, e := range events[:n] {
			c := conns[e.Fd]
			answer, err := c.receive()
			if err != nil {
				return t, err
			}
			if answer == nil {
				continue
			}
			t.Requests++
			if !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 ")) || !bytes.Contains(answer, want) {
				if t.Bad++; t.FirstBad == "" {
					t.FirstBad = string(answer)
				}
			}
			if l.Seconds > 0 && now.Before(end) || l.Seconds == 0 && next < len(l.Requests) {
				if err := c.send(l.Requests[next%len(l.Requests)]); err != nil {
					return t, err
				}
				next++
			} else {
				flying--
			}
		}
	}
	t.Seconds = time.Since(begun).Seconds()
	return t, nil
}

// loadConn is one keep-alive connection.
type loadConn struct {
	fd  int
	buf []byte
	n   int
}

func dialLoad(addr netip.AddrPort) (*loadConn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("connect %s: %w", addr, err)
	}
	return &loadConn{fd: fd, buf: make([]byte, 64<<10)}, nil
}

func (c *loadConn) close() { _ = unix.Close(c.fd) }

func (c *loadConn) send(request []byte) error {
	for len(request) > 0 {
		n, err := unix.Write(c.fd, request)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		request = request[n:]
	}
	return nil
}

// receive reads once and returns the answer when it is complete. The answer is valid until the next call.
func (c *loadConn) receive() ([]byte, error) {
	n, err := unix.Read(c.fd, c.buf[c.n:])
	if errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("the server closed the connection after %q", c.buf[:c.n])
	}
	c.n += n
	length, ok := answerLength(c.buf[:c.n])
	switch {
	case ok && c.n >= length:
		answer := c.buf[:c.n]
		c.n = 0
		return answer, nil
	case c.n == len(c.buf):
		return nil, errors.New("an answer is longer than 64 KiB")
	}
	return nil, nil
}

var (
	headEnd      = []byte("\r\n\r\n")
	lengthHeader = []byte("\r\nContent-Length: ")
	chunked      = []byte("\r\nTransfer-Encoding: chunked")
	chunkedEnd   = []byte("\r\n0\r\n\r\n")
)

// answerLength is the length of the answer that begins with b, once it can be told.
func answerLength(b []byte) (int, bool) {
	head := bytes.Index(b, headEnd)
	if head < 0 {
		return 0, false
	}
	body := head + len(headEnd)
	if at := bytes.Index(b[:body], lengthHeader); at >= 0 {
		digits := b[at+len(lengthHeader):]
		n, err := strconv.Atoi(string(digits[:bytes.IndexByte(digits, '\r')]))
		return body + n, err == nil
	}
	if bytes.Contains(b[:body], chunked) {
		return len(b), bytes.HasSuffix(b, chunkedEnd)
	}
	return body, true
}

// runHTTPLoad is the load generator's process: a load as JSON on standard input, a tally as JSON on standard output.
func runHTTPLoad() error {
	var l load
	if err := json.NewDecoder(os.Stdin).Decode(&l); err != nil {
		return err
	}
	t, err := l.run()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(t)
}

// postRequest writes a complete POST of JSON.
func postRequest(host, path, token string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, host, len(body))
	if token != "" {
		fmt.Fprintf(&b, "X-Auth-Token: %s\r\n", token)
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}
