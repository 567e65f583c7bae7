package processes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Bounds of a message.
const (
	maxOctets = 64 << 10
	maxFiles  = 8
)

// sendTime is how long a message may wait for the other end to take those before it. A process that takes none for so long hangs.
const sendTime = 2 * time.Second

// Message is what one end tells the other.
type Message struct {
	Kind  string
	Body  json.RawMessage
	Files []*os.File `json:"-"` // the receiver's
}

// Decode reads the body, strictly.
func (m *Message) Decode(into any) error {
	d := json.NewDecoder(bytes.NewReader(m.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("the body of %q: %w", m.Kind, err)
	}
	return nil
}

// close gives the files back that nobody takes.
func (m *Message) close() {
	for _, f := range m.Files {
		f.Close() //nolint:errcheck,gosec // nothing was written
	}
	m.Files = nil
}

// Channel is one end of a control channel: a socket that keeps the bounds of messages. Send may be called by many goroutines, Receive by one.
type Channel struct {
	conn  *net.UnixConn
	send  sync.Mutex
	read  []byte
	child bool // main is at the other end
}

// pair makes a channel. The file is the other end, for a child.
func pair() (*Channel, *os.File, error) {
	own, other, err := socketPair(syscall.SOCK_SEQPACKET)
	if err != nil {
		return nil, nil, fmt.Errorf("control channel: %w", err)
	}
	c, err := newChannel(own)
	if err != nil {
		other.Close() //nolint:errcheck,gosec // unused
		return nil, nil, err
	}
	return c, other, nil
}

// LinePair makes a line: a stream of octets between two processes.
func LinePair() (one, other *os.File, err error) {
	return socketPair(syscall.SOCK_STREAM)
}

func socketPair(kind int) (one, other *os.File, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, kind, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	for _, fd := range fds {
		syscall.CloseOnExec(fd)
		if err := syscall.SetNonblock(fd, true); err != nil {
			_ = syscall.Close(fds[0])
			_ = syscall.Close(fds[1])
			return nil, nil, fmt.Errorf("socketpair: %w", err)
		}
	}
	return os.NewFile(uintptr(fds[0]), "socketpair"), os.NewFile(uintptr(fds[1]), "socketpair"), nil
}

// newChannel takes a socket over.
func newChannel(f *os.File) (*Channel, error) {
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("control channel: %w", err)
	}
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close() //nolint:errcheck,gosec // unused
		return nil, errors.New("control channel: the descriptor is no unix socket")
	}
	return &Channel{conn: unix}, nil
}

// Close ends the channel, which the other end notices.
func (c *Channel) Close() error { return c.conn.Close() }

// Send tells the other end something. The files stay the caller's.
func (c *Channel) Send(kind string, body any, files ...*os.File) error {
	if len(files) > maxFiles {
		return fmt.Errorf("control channel: %d descriptors in a message", len(files))
	}
	m := Message{Kind: kind}
	var err error
	if m.Body, err = json.Marshal(body); err != nil {
		return fmt.Errorf("control channel: %w", err)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("control channel: %w", err)
	}
	if len(text) > maxOctets {
		return fmt.Errorf("control channel: %q has %d octets, and %d are allowed", kind, len(text), maxOctets)
	}
	var rights []byte
	if len(files) > 0 {
		fds, err := descriptors(files)
		if err != nil {
			return fmt.Errorf("control channel: %w", err)
		}
		rights = syscall.UnixRights(fds...)
	}
	defer runtime.KeepAlive(files)
	c.send.Lock()
	defer c.send.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
		return fmt.Errorf("control channel: %w", err)
	}
	if _, _, err := c.conn.WriteMsgUnix(text, rights, nil); err != nil {
		return fmt.Errorf("control channel: %w", err)
	}
	return nil
}

// descriptors are the numbers of files. (*os.File).Fd could make a socket block that is in use elsewhere.
func descriptors(files []*os.File) ([]int, error) {
	fds := make([]int, len(files))
	for i, f := range files {
		raw, err := f.SyscallConn()
		if err != nil {
			return nil, err
		}
		if err := raw.Control(func(fd uintptr) { fds[i] = int(fd) }); err != nil { //nolint:gosec // a descriptor
			return nil, err
		}
	}
	return fds, nil
}

// Receive waits for what the other end tells. It returns io.EOF where that has ended. A question of main whether the child is there it answers itself.
func (c *Channel) Receive() (*Message, error) {
	for {
		m, err := c.receive()
		if err != nil || m.Kind != ask || !c.child {
			return m, err
		}
		m.close()
		if err := c.Send(alive, struct{}{}); err != nil {
			return nil, err
		}
	}
}

func (c *Channel) receive() (*Message, error) {
	if c.read == nil {
		c.read = make([]byte, maxOctets+1)
	}
	rights := make([]byte, syscall.CmsgSpace(4*maxFiles))
	n, nr, flags, _, err := c.conn.ReadMsgUnix(c.read, rights)
	if errors.Is(err, syscall.ECONNRESET) {
		// The other end has ended without reading all. What it sent before is there still: the kernel tells this once, and first.
		n, nr, flags, _, err = c.conn.ReadMsgUnix(c.read, rights)
	}
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, fmt.Errorf("control channel: %w", err)
	}
	files, err := received(rights[:nr])
	m := &Message{Files: files}
	switch {
	case err != nil:
	case flags&(syscall.MSG_TRUNC|syscall.MSG_CTRUNC) != 0 || n > maxOctets:
		err = fmt.Errorf("a message of more than %d octets or %d descriptors", maxOctets, maxFiles)
	case n == 0: // no message is empty
		err = io.EOF
	default:
		err = json.Unmarshal(c.read[:n], m)
	}
	if err != nil {
		m.close()
		if err != io.EOF { //nolint:errorlint // as made above
			err = fmt.Errorf("control channel: %w", err)
		}
		return nil, err
	}
	return m, nil
}

// received takes the descriptors out of a message.
func received(rights []byte) (files []*os.File, err error) {
	if len(rights) == 0 {
		return nil, nil
	}
	controls, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil, err
	}
	for i := range controls {
		fds, err := syscall.ParseUnixRights(&controls[i])
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			if err := syscall.SetNonblock(fd, true); err != nil {
				return files, err
			}
			files = append(files, os.NewFile(uintptr(fd), "received")) //nolint:gosec // a descriptor
		}
	}
	return files, nil
}
