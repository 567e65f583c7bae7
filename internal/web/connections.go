package web

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Connections bounds those of a server. If as many are open as may be, a new one takes the place of one that has waited long
// for a request; if none has, it is answered with a 503.
type Connections struct {
	most    int           // 0: any number
	patient time.Duration // how long one must have waited to be closed
	mu      sync.Mutex
	open    map[*conn]struct{}
	refused atomic.Int64
	parting chan struct{} // places of those that are refused with an answer
}

// NewConnections bounds connections to most, 0 for no bound. reg may be nil.
func NewConnections(most int, reg prometheus.Registerer) *Connections {
	k := &Connections{most: most, patient: 100 * time.Millisecond, open: make(map[*conn]struct{}), parting: make(chan struct{}, 64)}
	if reg != nil {
		reg.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "aaa_api_connections", Help: "Open connections."},
				func() float64 { return float64(k.Open()) }),
			prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "aaa_api_connections_refused_total", Help: "Connections refused since as many as may be were open."},
				func() float64 { return float64(k.refused.Load()) }))
	}
	return k
}

// Open is how many connections there are.
func (k *Connections) Open() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.open)
}

// conn is a connection that is counted.
type conn struct {
	*net.TCPConn
	look  look
	all   *Connections
	waits atomic.Int64 // for a request since then, Unix nanoseconds; 0: one is being served
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.all.leave(c)
	return c.TCPConn.Close()
}

// Listener counts the TCP connections of a server that NewHTTPServer made; connections of other kinds stay as they are.
func (k *Connections) Listener(l net.Listener) net.Listener { return listener{l, k} }

type listener struct {
	net.Listener
	*Connections
}

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			return c, nil
		}
		own := &conn{TCPConn: tcp, look: look{wake: make(chan struct{}, 1)}, all: l.Connections}
		own.waits.Store(time.Now().UnixNano())
		if l.admit(own) {
			return own, nil
		}
		l.refuse(tcp)
	}
}

// looked is how many connections are looked at for the one that has waited longest.
const looked = 64

// admit takes a connection in, if need be in the place of another.
func (k *Connections) admit(c *conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.most > 0 && len(k.open) >= k.most {
		longest := k.longest(time.Now().Add(-k.patient).UnixNano())
		if longest == nil {
			return false
		}
		delete(k.open, longest)
		longest.TCPConn.Close() //nolint:errcheck,gosec // nobody uses it
	}
	k.open[c] = struct{}{}
	return true
}

// longest is the connection that has waited longest of those looked at, at least since a time; nil without one.
func (k *Connections) longest(since int64) (found *conn) {
	n := 0
	for c := range k.open { // in an order that is another one each time
		if w := c.waits.Load(); w > 0 && w <= since {
			since, found = w, c
		}
		if n++; n >= looked && found != nil || n >= 16*looked {
			break
		}
	}
	return found
}

func (k *Connections) leave(c *conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, c)
}

// tooMany is the answer to a connection that is refused.
var tooMany = func() string {
	body, err := json.Marshal(map[string]any{
		"data": map[string]any{"message": "too many connections are open"}, "error": "503", "message": "overloaded", "status": "error",
	})
	if err != nil {
		panic(err)
	}
	return "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) +
		"\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" + string(body)
}()

// refuse answers a connection with a 503 and ends it. What the client sends is read for a moment, else it
// might never see the answer.
func (k *Connections) refuse(c *net.TCPConn) {
	k.refused.Add(1)
	select {
	case k.parting <- struct{}{}:
	default:
		c.Close() //nolint:errcheck,gosec // nobody uses it
		return
	}
	go func() {
		defer func() { <-k.parting }()
		defer c.Close()
		if c.SetDeadline(time.Now().Add(time.Second)) != nil {
			return
		}
		if _, err := io.WriteString(c, tooMany); err != nil || c.CloseWrite() != nil {
			return
		}
		io.Copy(io.Discard, io.LimitReader(c, 64<<10)) //nolint:errcheck // only to let the answer arrive
	}()
}

// noteState notes since when a connection waits for a request.
func noteState(c net.Conn, state http.ConnState) {
	if over, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
		c = over.NetConn()
	}
	own, ok := c.(*conn)
	if !ok {
		return
	}
	switch state {
	case http.StateActive:
		own.waits.Store(0)
	case http.StateIdle:
		own.waits.Store(time.Now().UnixNano())
	}
}
