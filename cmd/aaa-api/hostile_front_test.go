//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"aaa-api/internal/aaa"
	"aaa-api/internal/config"
	"aaa-api/internal/line"
	"aaa-api/internal/operations"
	"aaa-api/internal/processes"
)

// loneModule is the process of a security module whose fronts the test plays.
type loneModule struct {
	t     *testing.T
	child *processes.Child
	log   string // its file
	lines int
}

// startModule starts it as main does, on the data of a folder.
func startModule(t *testing.T, dir string) *loneModule {
	t.Helper()
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.AddFlags(flags, config.All()...)
	if err := flags.Parse([]string{"--data-dir=" + filepath.Join(dir, "data")}); err != nil {
		t.Fatal(err)
	}
	values, err := config.Values(flags, nil)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "module.log"))
	if err != nil {
		t.Fatal(err)
	}
	program := processes.Program{Path: self, Name: "aaa-api", Env: []string{"GORACE=" + os.Getenv("GORACE")}, Log: log}
	m := &loneModule{t: t, log: log.Name()}
	if m.child, err = program.Spawn(nil, 0, moduleRole); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.child.Kill()
		<-m.child.Done()
		log.Close()
		if t.Failed() {
			t.Log(m.said())
		}
	})
	if err := m.child.Send(processes.Start, moduleStart{Settings: values, Node: "node", API: "127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	if ready, err := m.child.Receive(); err != nil || ready.Kind != processes.Ready {
		t.Fatalf("the security module does not start: %+v %v", ready, err)
	}
	return m
}

func (m *loneModule) said() string {
	text, err := os.ReadFile(m.log)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

// front is the end of a new front's line for calls.
func (m *loneModule) front() net.Conn {
	m.t.Helper()
	var own net.Conn
	var theirs []*os.File
	for range 2 {
		one, other, err := processes.LinePair()
		if err != nil {
			m.t.Fatal(err)
		}
		conn, err := net.FileConn(one)
		if err := errors.Join(err, one.Close()); err != nil {
			m.t.Fatal(err)
		}
		m.t.Cleanup(func() { conn.Close() })
		theirs = append(theirs, other)
		if own == nil {
			own = conn
		}
	}
	m.lines++
	if err := m.child.Send(processes.Line, processes.FrontLines{Front: m.lines}, theirs...); err != nil {
		m.t.Fatal(err)
	}
	for _, f := range theirs {
		f.Close()
	}
	return own
}

// callFrame is the frame by which a front asks who a token is of, with an id.
func callFrame(t *testing.T, token string, id uint32) []byte {
	t.Helper()
	a, b := net.Pipe()
	conn := line.New(a, line.Options{})
	go operations.WhoAmI.Call(t.Context(), conn, line.From{Token: token}, operations.None{}) //nolint:errcheck // nobody answers
	head := make([]byte, 9)
	if _, err := io.ReadFull(b, head); err != nil {
		t.Fatal(err)
	}
	frame := append(head, make([]byte, int(binary.BigEndian.Uint32(head))-5)...)
	if _, err := io.ReadFull(b, frame[9:]); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	binary.BigEndian.PutUint32(frame[5:], id)
	return frame
}

// Kinds of frames, and where a call's operation is.
const (
	callKind, answerKind, errorKind = 1, 2, 3
	operationAt                     = 9
)

// TestHostileFront: a front that is in the hands of strangers writes on its line what it likes. It is refused or cut off, the security
// module lives, and other fronts are served.
func TestHostileFront(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	p := start(t, dir, nil, "--demo")
	p.stop()
	root, tenants := readToken(t, dir, "admin.token"), readToken(t, dir, "demo.token")
	m := startModule(t, dir)
	other := line.New(m.front(), line.Options{})
	t.Cleanup(func() { other.Close(); other.Wait() })
	serves := func() {
		t.Helper()
		who, err := operations.WhoAmI.Call(t.Context(), other, line.From{Token: tenants}, operations.None{})
		if err != nil || who.Account != demoProvider {
			t.Fatalf("the other front is not served: %+v %v", who, err)
		}
	}
	serves()

	call := callFrame(t, tenants, 7)
	frame := func(kind byte, id uint32, body ...byte) []byte {
		f := binary.BigEndian.AppendUint32(nil, uint32(5+len(body)))
		return append(binary.BigEndian.AppendUint32(append(f, kind), id), body...)
	}
	replayed := []byte{}
	for range 5000 {
		replayed = append(replayed, call...)
	}
	for name, c := range map[string]struct {
		send []byte
		why  string
	}{
		"4 GiB":             {[]byte{255, 255, 255, 255, callKind, 0, 0, 0, 1}, "octets, where"},
		"a length of 0":     {[]byte{0, 0, 0, 0, callKind, 0, 0, 0, 1}, "octets, where"},
		"an unknown kind":   {frame(99, 1), "unknown kind 99"},
		"an answer":         {frame(answerKind, 1, 1, 2, 3), "answers the call 1, which nobody made"},
		"an error":          {frame(errorKind, 2), "answers the call 2, which nobody made"},
		"no head":           {frame(callKind, 3), "without a head"},
		"half a frame":      {call[:len(call)-1], "half a frame"},
		"half a head":       {call[:3], "half a frame"},
		"a replayed id":     {replayed, "called 7 twice at once"},
		"a frame in frames": {append(frame(callKind, 1, call...), call...), "without a head"},
	} {
		front := m.front()
		go io.Copy(io.Discard, front) //nolint:errcheck // what is answered meanwhile
		if _, err := front.Write(c.send); err != nil && !strings.Contains(err.Error(), "broken pipe") && !strings.Contains(err.Error(), "reset") {
			t.Fatalf("%s: %v", name, err)
		}
		if strings.HasPrefix(c.why, "half") {
			front.(*net.UnixConn).CloseWrite() //nolint:errcheck // it may be cut
		}
		of := fmt.Sprintf(`"peer":"front %d"`, m.lines)
		eventually(t, name+" ends the line, and the log says why", func() bool {
			for said := range strings.Lines(m.said()) {
				if strings.Contains(said, of) {
					return strings.Contains(said, "the line between processes is cut") && strings.Contains(said, c.why)
				}
			}
			return false
		})
		serves()
		front.Close()
	}

	// An operation that there is not.
	strange := callFrame(t, root, 9)
	binary.BigEndian.PutUint16(strange[operationAt:], 65535)
	front := m.front()
	if _, err := front.Write(strange); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 9)
	if _, err := io.ReadFull(front, head); err != nil || head[4] != errorKind || binary.BigEndian.Uint32(head[5:]) != 9 {
		t.Errorf("an unknown operation: %v %v", head, err)
	}
	serves()

	// What the tokens that it has do not reach. It may say what it likes about who asks.
	own := line.New(m.front(), line.Options{})
	t.Cleanup(func() { own.Close(); own.Wait() })
	who, err := operations.WhoAmI.Call(t.Context(), other, line.From{Token: root}, operations.None{})
	if err != nil {
		t.Fatal(err)
	}
	from := line.From{Token: tenants, Account: who.Account}
	_, document := operations.GetDocument.Call(t.Context(), own, from, operations.KnownDocument{})
	_, account := operations.GetAccount.Call(t.Context(), own, from, operations.None{})
	_, deleted := operations.DeleteAccount.Call(t.Context(), own, from, operations.Expecting{})
	_, tree := operations.Subtree.Call(t.Context(), own, from, operations.None{})
	_, none := operations.GetAccount.Call(t.Context(), own, line.From{Account: who.Account}, operations.None{})
	_, forged := operations.GetAccount.Call(t.Context(), own, line.From{Account: demoProvider, Token: tenants + "x"}, operations.None{})
	for name, c := range map[string]struct {
		err  error
		kind aaa.Kind
	}{
		"a document": {document, aaa.KindNotFound}, "an account": {account, aaa.KindNotFound}, "to delete one": {deleted, aaa.KindNotFound},
		"the tree": {tree, aaa.KindNotFound}, "without a token": {none, aaa.KindUnauthorized}, "a forged token": {forged, aaa.KindUnauthorized},
	} {
		if aaa.KindOf(c.err) != c.kind {
			t.Errorf("%s: %v", name, c.err)
		}
	}
	serves()

	// Very many calls at once: they are answered, or refused and the line is cut. The other front is served meanwhile.
	calls := 200_000
	if raced {
		calls = 50_000
	}
	of := fmt.Sprintf(`"peer":"front %d"`, m.lines+1)
	flood, piece := m.front(), []byte{}
	done := make(chan error, 1)
	go func() {
		for id := range uint32(calls) {
			binary.BigEndian.PutUint32(call[5:], id)
			if piece = append(piece, call...); len(piece) > 60_000 || int(id) == calls-1 {
				if _, err := flood.Write(piece); err != nil {
					done <- err
					return
				}
				piece = piece[:0]
			}
		}
		done <- nil
	}()
	answered := make(chan int, 1)
	go func() {
		n := 0
		for ; n < calls; n++ {
			if _, err := io.ReadFull(flood, head); err != nil {
				break
			}
			if _, err := io.CopyN(io.Discard, flood, int64(binary.BigEndian.Uint32(head))-5); err != nil {
				break
			}
		}
		answered <- n
	}()
	for slow := time.Duration(0); ; {
		began := time.Now()
		serves()
		slow = max(slow, time.Since(began))
		select {
		case n := <-answered:
			if err := <-done; err != nil || n != calls {
				t.Logf("%d of %d calls were answered: %v", n, calls, err)
				eventually(t, "the log says why the line is cut", func() bool {
					said := m.said()
					return strings.Contains(said, of) && strings.Contains(said, "calls at once, though they are refused")
				})
			}
			t.Logf("meanwhile a call of the other front took %v at the most", slow)
		default:
			continue
		}
		break
	}
	select {
	case <-m.child.Done():
		t.Fatalf("the security module has ended: %v", m.child.Err())
	default:
	}
}
