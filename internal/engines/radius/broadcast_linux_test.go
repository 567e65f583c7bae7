package radius

import (
	"errors"
	"net"
	"strconv"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/radius"
	"aaa-api/internal/radius/avp/avptest"
)

// TestBroadcast: no request goes to all machines of a network, whose address for that looks like any other.
func TestBroadcast(t *testing.T) {
	t.Parallel()
	all, err := net.ListenUDP("udp4", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	port := all.LocalAddr().(*net.UDPAddr).Port
	heard := make(chan net.Addr, 100)
	go func() {
		for b := make([]byte, radius.MaxPacket); ; {
			n, from, err := all.ReadFrom(b)
			switch {
			case err != nil:
				return
			case n > 1:
				heard <- from
			default:
				close(heard)
				return
			}
		}
	}()
	c := openTest(t, New(Options{}), aaa.Server{Address: "127.255.255.255", Port: port, Secret: aaa.NewSecret(testSecret), Timeout: 100})
	_, err = c.Exchange(t.Context(), login(avptest.New()))
	var f *engines.Failure
	if !errors.As(err, &f) || f.Reason != engines.Unreachable {
		t.Errorf("%v", err)
	}
	last, err := net.Dial("udp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	if _, err := last.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	for from := range heard {
		t.Errorf("a packet of %v arrived", from)
	}
}
