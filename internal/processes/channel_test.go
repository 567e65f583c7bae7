package processes

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

// ends are both ends of a channel.
func ends(t *testing.T) (one, other *Channel) {
	t.Helper()
	one, f, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	if other, err = newChannel(f); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		one.Close()
		other.Close()
	})
	return one, other
}

func TestChannelCarriesDescriptors(t *testing.T) {
	t.Parallel()
	one, other := ends(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if err := one.Send(Line, FrontLines{Front: 7}, write); err != nil {
		t.Fatal(err)
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	m, err := other.Receive()
	if err != nil || m.Kind != Line || len(m.Files) != 1 {
		t.Fatalf("%+v: %v", m, err)
	}
	var lines FrontLines
	if err := m.Decode(&lines); err != nil || lines.Front != 7 {
		t.Errorf("%+v: %v", lines, err)
	}
	var until Until
	if err := m.Decode(&until); err == nil {
		t.Error("a body of another kind is taken")
	}
	if _, err := io.WriteString(m.Files[0], "through"); err != nil {
		t.Fatal(err)
	}
	m.close()
	if text, err := io.ReadAll(read); err != nil || string(text) != "through" {
		t.Errorf("%q: %v", text, err)
	}

	if err := other.Send(Ready, struct{}{}); err != nil {
		t.Fatal(err)
	}
	if m, err := one.Receive(); err != nil || m.Kind != Ready {
		t.Errorf("the other way: %+v: %v", m, err)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Receive(); err != io.EOF { //nolint:errorlint // as promised
		t.Errorf("after the end: %v", err)
	}
}

// What is no message is refused, and the descriptors with it are closed.
func TestChannelRefuses(t *testing.T) {
	t.Parallel()
	one, other := ends(t)
	if err := one.Send(Start, strings.Repeat("x", maxOctets)); err == nil {
		t.Error("a message that is too long is sent")
	}
	if err := one.Send(Start, "", make([]*os.File, maxFiles+1)...); err == nil {
		t.Error("a message of too many descriptors is sent")
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	fds, err := descriptors([]*os.File{write, write, write, write, write, write, write, write, write, write})
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]struct {
		text   string
		rights []byte
	}{
		"no JSON":                   {"{", syscall.UnixRights(fds[0])},
		"too long":                  {`"` + strings.Repeat("x", maxOctets) + `"`, nil},
		"another type":              {`["start"]`, nil},
		"more descriptors than may": {`{"Kind":"start"}`, syscall.UnixRights(fds...)},
	} {
		if _, _, err := one.conn.WriteMsgUnix([]byte(raw.text), raw.rights, nil); err != nil {
			t.Fatal(err)
		}
		if m, err := other.Receive(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %+v: %v", name, m, err)
		}
	}
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(read); err != nil { // ends with the last descriptor of the other end
		t.Error(err)
	}
}

// FuzzReceive: whatever comes, the end that receives lives.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"Kind":"stop","Body":{"Milliseconds":5}}`))
	f.Add([]byte(`{"Kind":"line","Body":{"Front":1}}`))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) == 0 || len(text) > maxOctets {
			return
		}
		one, other := ends(t)
		if _, err := one.conn.Write(text); err != nil {
			t.Fatal(err)
		}
		m, err := other.Receive()
		if err != nil {
			return
		}
		_ = m.Decode(new(Until))
		_ = m.Decode(new(FrontLines))
		_ = m.Decode(new(Failure))
	})
}
