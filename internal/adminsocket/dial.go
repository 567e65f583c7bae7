package adminsocket

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"syscall"
	"time"

	"aaa-api/internal/line"
)

// Errors of Dial.
var (
	// ErrNotRunning: no node has a socket in the folder.
	ErrNotRunning = errors.New("no node runs on this data folder")
	// ErrRefused: the node, or the kernel, does not let this user in.
	ErrRefused = errors.New("the node refuses the connection")
)

// OtherVersion is the error of Dial if the node speaks another form: it is another build.
type OtherVersion struct{ Node Hello }

func (e *OtherVersion) Error() string {
	return fmt.Sprintf("the node is version %s, which this command can't talk to: use the aaa-api that it was started from, or signals to process %d (SIGTERM stops it)",
		e.Node.Version, e.Node.PID)
}

// maxHello bounds the octets of a Hello.
const maxHello = 4096

// Dial reaches the node of a data folder. protocol is what it must speak.
func Dial(ctx context.Context, folder, protocol string) (*line.Conn, Hello, error) {
	c, err := dial(ctx, filepath.Join(folder, Name))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, Hello{}, ErrNotRunning
	case errors.Is(err, fs.ErrPermission):
		return nil, Hello{}, fmt.Errorf("%w: only root and the service's user may use %s", ErrRefused, filepath.Join(folder, Name))
	case err != nil:
		return nil, Hello{}, err
	}
	hello, err := readHello(ctx, c)
	switch {
	case err != nil:
		err = fmt.Errorf("the node takes the connection but does not answer: its first process hangs, is stopped or is about to end (%w)", err)
	case hello.Refused != "":
		err = fmt.Errorf("%w: %s", ErrRefused, hello.Refused)
	case hello.Protocol != protocol:
		err = &OtherVersion{hello}
	default:
		return line.New(c, options(nil, slog.New(slog.DiscardHandler))), hello, nil
	}
	return nil, hello, errors.Join(err, c.Close())
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	short, done, err := shortPath(path)
	if err != nil {
		return nil, err
	}
	defer done()
	return (&net.Dialer{Timeout: helloTime}).DialContext(ctx, "unix", short)
}

// readHello reads the first line, and nothing of what follows.
func readHello(ctx context.Context, c net.Conn) (Hello, error) {
	until := time.Now().Add(helloTime)
	if d, ok := ctx.Deadline(); ok && d.Before(until) {
		until = d
	}
	if err := c.SetReadDeadline(until); err != nil {
		return Hello{}, err
	}
	var text []byte
	for b := make([]byte, 1); len(text) < maxHello && !bytes.HasSuffix(text, []byte{'\n'}); text = append(text, b...) {
		if _, err := io.ReadFull(c, b); err != nil {
			return Hello{}, err
		}
	}
	var hello Hello
	if err := json.Unmarshal(text, &hello); err != nil {
		return Hello{}, err
	}
	return hello, c.SetReadDeadline(time.Time{})
}
