package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Where as many connections are open as may be, a new one takes the place of one that waits for a request; where all
// are served, it is told to come again.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	k := NewConnections(3, nil)
	k.patient = time.Hour
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	entered, release := make(chan struct{}), make(chan struct{})
	s := NewHTTPServer("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			entered <- struct{}{}
			<-release
		}
		io.WriteString(w, "here") //nolint:errcheck // the client checks what it gets
	}))
	go func() { _ = s.Serve(k.Listener(l)) }()
	defer s.Close()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		ok(t, err)
		t.Cleanup(func() { c.Close() })
		ok(t, c.SetDeadline(time.Now().Add(20*time.Second)))
		return c
	}
	ask := func(c net.Conn, path string) {
		_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		ok(t, err)
	}
	read := func(c net.Conn) (int, string) {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		ok(t, err)
		text, err := io.ReadAll(resp.Body)
		ok(t, err)
		if resp.StatusCode == 503 && resp.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		return resp.StatusCode, string(text)
	}
	var slow []net.Conn
	for range 2 {
		c := dial()
		ask(c, "/slow")
		<-entered
		slow = append(slow, c)
	}
	idle := dial()
	ask(idle, "/")
	read(idle)
	fourth := dial()
	if status, text := read(fourth); status != 503 || !strings.Contains(text, "too many connections") {
		t.Errorf("one that came while another had only just been served: %d %s", status, text)
	}

	waits := func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.patient = 0
		return k.longest(time.Now().UnixNano()) != nil
	}
	for !waits() { // its answer was there before the server noted it
		runtime.Gosched()
	}
	fifth := dial()
	ask(fifth, "/")
	if status, text := read(fifth); status != 200 || text != "here" {
		t.Errorf("in the place of one that waits: %d %s", status, text)
	}
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("the one that waited is still there")
	}
	close(release)
	for _, c := range slow {
		if status, _ := read(c); status != 200 {
			t.Errorf("a connection that was served got %d", status)
		}
		c.Close()
	}
	ok(t, s.Close())
	if n := k.Open(); n != 0 {
		t.Errorf("%d connections are counted after the end", n)
	}
}
