package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"aaa-api/internal/radius"
)

// deviceLoad is what one device does: it sends PAP logins over UDP, many a system call, and verifies each reply.
type deviceLoad struct {
	Address  string
	From     string // the address that it sends from; empty: the kernel's choice
	Sockets  int
	InFlight int     // of each socket, 256 at most
	Rate     int     // logins a second of all sockets, whatever becomes of them; 0: the next one follows a reply
	Pause    float64 // seconds between a reply and the next login
	Seconds  float64
	Again    bool // each login is sent again and again as it is
	Last     bool // it gets the processor time that others leave, as a device on a machine of its own takes none of theirs
	Realm    string
}

// deviceTally is what came of it. A tally's bad requests are those without a good reply.
type deviceTally struct {
	tally
	P50, P99 time.Duration
}

// deviceWait is how long a device waits for a reply. It sends nothing a second time. One that keeps a rate needs its identifiers back sooner.
const (
	deviceWait = 2 * time.Second
	hastyWait  = 50 * time.Millisecond
)

// runDeviceLoad is a device's process.
func runDeviceLoad() error {
	var l deviceLoad
	if err := json.NewDecoder(os.Stdin).Decode(&l); err != nil {
		return err
	}
	if l.Last {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, 19); err != nil {
			return err
		}
	}
	t, err := l.run()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(t)
}

func (l deviceLoad) run() (t deviceTally, err error) {
	list := make([]*device, l.Sockets)
	for i := range list {
		if list[i], err = l.device(i); err != nil {
			return t, err
		}
		defer list[i].conn.Close()
	}
	errs := make([]error, len(list))
	begun := time.Now()
	var all sync.WaitGroup
	for i, d := range list {
		all.Go(func() { errs[i] = d.run(begun) })
	}
	all.Wait()
	t.Seconds = l.Seconds
	var took []time.Duration
	for _, d := range list {
		t.Requests += d.good + d.bad
		t.Bad += d.bad
		if t.FirstBad == "" {
			t.FirstBad = d.firstBad
		}
		took = append(took, d.took...)
	}
	slices.Sort(took)
	t.P50, t.P99 = part(took, 50), part(took, 99)
	return t, errors.Join(errs...)
}

// device is one socket.
type device struct {
	deviceLoad
	conn      *net.UDPConn
	batch     *ipv4.PacketConn
	number    int
	key       *radius.Key
	cipher    radius.Cipher
	random    *rand.ChaCha8
	slots     [256]deviceSlot
	free      []byte // identifiers, the one that was not used for longest first
	out       []ipv4.Message
	sent      int
	looked    time.Time // for requests that have waited for too long
	good, bad int
	firstBad  string
	took      []time.Duration
}

// deviceSlot is a request by its identifier.
type deviceSlot struct {
	at   time.Time // zero: there is none in flight
	auth radius.Authenticator
	b    []byte
}

func (l deviceLoad) device(number int) (*device, error) {
	to, err := netip.ParseAddrPort(l.Address)
	if err != nil {
		return nil, err
	}
	var from *net.UDPAddr
	if l.From != "" {
		from = &net.UDPAddr{IP: net.ParseIP(l.From)}
	}
	conn, err := net.DialUDP("udp4", from, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(4 << 20) // as much of it as the machine grants
	_ = conn.SetWriteBuffer(4 << 20)
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(rand.Uint32()) //nolint:gosec // authenticators of a measurement are different, and that is all
	}
	d := &device{deviceLoad: l, conn: conn, batch: ipv4.NewPacketConn(conn), number: number, random: rand.NewChaCha8(seed)}
	d.key = radius.NewKey([]byte(deviceSecret))
	for i := range min(l.InFlight, 256) {
		d.free = append(d.free, byte(i))
	}
	if !l.Again { // the longer until an identifier is used again, the better
		for i := len(d.free); i < 256; i++ {
			d.free = append(d.free, byte(i))
		}
	}
	d.out = make([]ipv4.Message, 0, 64)
	return d, nil
}

// flying is how many requests have no reply yet.
func (d *device) flying() int {
	if d.Again {
		return min(d.InFlight, 256) - len(d.free)
	}
	return 256 - len(d.free)
}

// run sends and receives until the time is over and nothing is in flight.
func (d *device) run(begun time.Time) error {
	end := begun.Add(time.Duration(d.Seconds * float64(time.Second)))
	in := make([]ipv4.Message, 64)
	for i := range in {
		in[i].Buffers = [][]byte{make([]byte, radius.MaxPacket)}
	}
	for {
		now := time.Now()
		if now.Before(end) {
			d.send(now, begun)
		} else if d.flying() == 0 {
			return nil
		}
		wait := 50 * time.Millisecond
		if d.Rate > 0 && now.Before(end) {
			wait = time.Millisecond
		}
		_ = d.conn.SetReadDeadline(now.Add(wait))
		n, err := d.batch.ReadBatch(in, 0)
		now = time.Now()
		d.expire(now)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			continue
		case err != nil:
			return err
		}
		for i := range n {
			d.receive(in[i].Buffers[0][:in[i].N], now, now.Before(end))
		}
		if d.Pause > 0 {
			time.Sleep(time.Duration(d.Pause * float64(time.Second)))
		}
	}
}

// send sends as many logins as may be in flight now.
func (d *device) send(now, begun time.Time) {
	due := d.InFlight
	if d.Rate > 0 {
		due = int(now.Sub(begun).Seconds()*float64(d.Rate)/float64(d.Sockets)) - d.sent
		d.sent += max(due-(d.InFlight-d.flying()), 0) // those are not sent at all: it has no identifiers left
	}
	due = min(due, d.InFlight-d.flying())
	for due > 0 {
		d.out = d.out[:0]
		for len(d.out) < min(due, 64) {
			id := d.free[0]
			d.free = d.free[:copy(d.free, d.free[1:])]
			s := &d.slots[id]
			s.at = now
			if !d.Again || s.b == nil {
				d.login(s, id)
			}
			d.out = append(d.out, ipv4.Message{Buffers: [][]byte{s.b}})
			d.sent++
		}
		due -= len(d.out)
		for rest := d.out; len(rest) > 0; {
			n, err := d.batch.WriteBatch(rest, 0)
			if err != nil || n < 1 {
				n = max(n, 0) + 1 // its reply will be missing
			}
			rest = rest[min(n, len(rest)):]
		}
	}
}

// login makes an Access-Request.
func (d *device) login(s *deviceSlot, id byte) {
	_, _ = d.random.Read(s.auth[:]) // which never fails
	b := radius.AppendMAC(radius.AppendHeader(s.b[:0], radius.AccessRequest, id, &s.auth))
	b = radius.AppendAttribute(b, radius.AttrUserName, append(strconv.AppendInt([]byte("user"), int64(d.sent%1000), 10), d.Realm...)...)
	d.cipher.Key, d.cipher.Request = d.key, &s.auth
	b = radius.AppendAttribute(b, radius.AttrUserPassword, d.cipher.AppendUser(nil, []byte("hello-password"))...)
	b = radius.AppendAttribute(b, radius.AttrNASIPAddress, 127, 0, 0, 1)
	b = radius.AppendAttribute(b, radius.AttrNASPort, 0, 0, 0, byte(d.number))
	b = radius.AppendAttribute(b, radius.AttrNASIdentifier, []byte("bench")...)
	b = radius.AppendAttribute(b, radius.AttrCallingStationID, []byte("00-11-22-33")...)
	d.key.SignRequest(b)
	s.b = b
}

// receive takes a reply.
func (d *device) receive(b []byte, now time.Time, counts bool) {
	reply, err := radius.Parse(b)
	if err != nil {
		d.fail(err)
		return
	}
	id := reply.Identifier()
	s := &d.slots[id]
	if s.at.IsZero() {
		return // it is late
	}
	if _, err := d.key.VerifyReply(reply, radius.AccessRequest, &s.auth, false); err == nil && reply.Code() != radius.AccessAccept {
		err = fmt.Errorf("answered %v", reply.Code())
		d.fail(err)
	} else if err != nil {
		d.fail(err)
	} else if counts {
		d.good++
		d.took = append(d.took, now.Sub(s.at))
	}
	s.at = time.Time{}
	d.free = append(d.free, id)
}

// expire gives up requests that have waited for too long.
func (d *device) expire(now time.Time) {
	if now.Sub(d.looked) < 20*time.Millisecond {
		return
	}
	d.looked = now
	wait := deviceWait
	if d.Rate > 0 {
		wait = hastyWait
	}
	for id := range d.slots {
		if s := &d.slots[id]; !s.at.IsZero() && now.Sub(s.at) > wait {
			s.at = time.Time{}
			d.free = append(d.free, byte(id))
			d.fail(fmt.Errorf("no reply within %v", wait))
		}
	}
}

func (d *device) fail(err error) {
	if d.bad++; d.firstBad == "" {
		d.firstBad = err.Error()
	}
}
