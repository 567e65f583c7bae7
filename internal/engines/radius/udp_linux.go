package radius

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"aaa-api/internal/radius"
)

// batchSize is how many datagrams a system call carries at most.
const batchSize = 32

// udp is the wire of Linux: sendmmsg and recvmmsg carry many datagrams, and the error queue (ip(7), IP_RECVERR) says which
// server an ICMP message is about.
type udp struct {
	conn *net.UDPConn
	raw  syscall.RawConn
	ipv6 bool
	in   batch
	out  batch

	memory int                 // that the kernel gives to what is not yet sent, in octets
	queued func() (int, error) // how much of it is in use
}

// batch is what one system call works on. The closures are made once, since each would be an allocation.
type batch struct {
	headers [batchSize]header
	vectors [batchSize]unix.Iovec
	names   [batchSize]unix.RawSockaddrInet6 // the larger of the two families
	call    func(fd uintptr) bool
	first   int // header to begin with
	count   int // headers to work on, then those done
	err     error
}

// header is the kernel's struct mmsghdr.
type header struct {
	unix.Msghdr
	octets uint32
}

func openWire(ipv6 bool) (wire, error) {
	conn, err := listen(ipv6)
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	u := &udp{conn: conn, raw: raw, ipv6: ipv6}
	u.in.prepare(unix.SYS_RECVMMSG, unix.MSG_DONTWAIT)
	u.out.prepare(unix.SYS_SENDMMSG, unix.MSG_DONTWAIT)
	var refused error
	u.queued = func() (n int, err error) {
		if refused := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); refused != nil {
			return 0, refused
		}
		return n, err
	}
	err = raw.Control(func(fd uintptr) {
		u.memory, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
		if ipv6 {
			refused = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		} else {
			// net lets every socket send to all machines of a network. No server is there.
			refused = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST, 0),
				unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1))
		}
	})
	if err = errors.Join(err, refused); err != nil {
		conn.Close()
		return nil, err
	}
	return u, nil
}

func (b *batch) prepare(number, flags uintptr) {
	for i := range b.headers {
		b.headers[i].Iov = &b.vectors[i]
		b.headers[i].SetIovlen(1)
		b.headers[i].Name = (*byte)(unsafe.Pointer(&b.names[i]))
	}
	b.call = func(fd uintptr) bool {
		n, _, errno := unix.Syscall6(number, fd,
			uintptr(unsafe.Pointer(&b.headers[b.first])), uintptr(b.count), flags, 0, 0)
		if errno != 0 {
			b.count, b.err = 0, errno
			return errno != unix.EAGAIN && errno != unix.EINTR
		}
		b.count, b.err = int(n), nil
		return true
	}
}

func (u *udp) Close() error { return u.conn.Close() }

func (u *udp) receive(take func(from netip.AddrPort, b []byte), trouble troubled) error {
	const size = radius.MaxPacket + 1
	memory := make([]byte, batchSize*size)
	var buffers [batchSize][]byte
	for i := range buffers {
		buffers[i] = memory[i*size:][:size:size]
		u.in.vectors[i].Base = &buffers[i][0]
		u.in.vectors[i].SetLen(size)
	}
	woken := false
	read := func(fd uintptr) bool {
		for i := range u.in.headers {
			u.in.headers[i].Namelen = unix.SizeofSockaddrInet6
		}
		u.in.count = batchSize
		done := u.in.call(fd)
		if u.in.err != nil && (done || woken) { // where there is nothing to read, it is woken for the error queue
			u.told(int(fd), trouble)
		}
		woken = !done
		return done
	}
	for {
		woken = false
		if err := u.raw.Read(read); err != nil {
			woken = true
			if errors.Is(err, net.ErrClosed) || !u.wait(read) {
				return err
			}
		}
		if u.in.err != nil {
			if !passing(u.in.err) {
				return os.NewSyscallError("recvmmsg", u.in.err)
			}
			continue
		}
		for i := range u.in.count {
			h := &u.in.headers[i]
			from := addressOf(&u.in.names[i])
			take(from, buffers[i][:h.octets])
		}
	}
}

// wait reads a socket while Go does not. Where the kernel tells of an error alone, since there is nothing to read and
// no room to write, the runtime holds that the socket is not pollable, until something else happens to it.
func (u *udp) wait(read func(fd uintptr) bool) (usable bool) {
	err := u.raw.Control(func(fd uintptr) {
		list := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		_, _ = unix.Poll(list, int(waitTime.Milliseconds()))
		if usable = list[0].Revents&unix.POLLNVAL == 0; usable {
			read(fd)
		}
	})
	return usable && err == nil
}

// waitTime bounds one wait: a socket is closed after it.
const waitTime = 100 * time.Millisecond

func (u *udp) send(octets []byte, list []outgoing, trouble troubled) {
	start := 0
	for len(list) > 0 {
		n := min(len(list), batchSize)
		crowded := slices.ContainsFunc(list[:n], func(d outgoing) bool { return !d.answers }) && u.crowded()
		kept := list[:0]
		for _, d := range list[:n] {
			first := start
			start = d.end
			if crowded && !d.answers {
				trouble(d.to, unix.ENOBUFS, false)
				continue
			}
			i := len(kept)
			kept = append(kept, d)
			u.out.vectors[i].Base = &octets[first]
			u.out.vectors[i].SetLen(d.end - first)
			u.out.headers[i].Namelen = u.name(&u.out.names[i], d.to)
		}
		u.flush(kept, trouble)
		list = list[n:]
	}
	for i := range u.out.vectors {
		u.out.vectors[i].Base = nil
	}
}

// crowded reports whether a quarter of the kernel's memory is in use. Packets to neighbours that are not there stay in it
// for three seconds, and where it is full, nothing goes out to anybody. So servers that do not answer get a part of it.
func (u *udp) crowded() bool {
	n, err := u.queued()
	return err == nil && n > u.memory/4
}

// flush sends the datagrams that are prepared.
func (u *udp) flush(list []outgoing, trouble troubled) {
	tries := 0
	for done := 0; done < len(list); {
		u.out.first, u.out.count = done, len(list)-done
		err := u.raw.Write(u.out.call)
		if err == nil {
			err = u.out.err
		}
		if err == nil {
			done += u.out.count
			tries = 0
			continue
		}
		// It may be about an earlier datagram: the kernel tells of that at the next call, whatever this is about. Where it
		// comes again, it is about this one.
		_ = u.raw.Control(func(fd uintptr) { u.told(int(fd), trouble) })
		if tries++; passing(err) && (tries < 2 || hearsay(err) && tries < batchSize) {
			continue
		}
		if !late(err) {
			trouble(list[done].to, os.NewSyscallError("sendmmsg", err), false)
		}
		done++
		tries = 0
	}
}

// late reports errors that no call to send meets by itself: they are about earlier datagrams.
func late(err error) bool { return isOne(err, unix.ECONNREFUSED, unix.ENOPROTOOPT, unix.EPROTO) }

// hearsay reports errors that routers and neighbours send word of, of many servers one after the other. That there is no way
// to a server may be this machine's own word, too.
func hearsay(err error) bool { return late(err) || isOne(err, unix.EHOSTUNREACH, unix.ENETUNREACH) }

// passing reports errors that do not speak against the socket itself.
func passing(err error) bool {
	var number syscall.Errno
	return errors.As(err, &number) && !isOne(err, unix.EBADF, unix.ENOTSOCK, unix.EFAULT)
}

// told empties the error queue: each message is about a datagram sent, whose destination it names.
func (u *udp) told(fd int, trouble troubled) {
	var oob [512]byte
	for {
		_, n, _, from, err := unix.Recvmsg(fd, nil, oob[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		if err != nil {
			return
		}
		messages, err := unix.ParseSocketControlMessage(oob[:n])
		if err != nil {
			continue
		}
		for _, m := range messages {
			if !u.isError(&m) || len(m.Data) < 4 {
				continue
			}
			number := syscall.Errno(binary.NativeEndian.Uint32(m.Data))
			if number == unix.ENETUNREACH || number == unix.EHOSTUNREACH {
				continue // a router's passing word, which anybody may send: a packet lost on the way
			}
			trouble(destination(from), number, true)
		}
	}
}

func (u *udp) isError(m *unix.SocketControlMessage) bool {
	if u.ipv6 {
		return m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
	}
	return m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
}

func destination(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(zoned(netip.AddrFrom16(sa.Addr), sa.ZoneId), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// addressOf is the address that the kernel wrote.
func addressOf(name *unix.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&name.Port))[:])
	if name.Family == unix.AF_INET {
		name := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(name.Addr), port)
	}
	return netip.AddrPortFrom(zoned(netip.AddrFrom16(name.Addr), name.Scope_id), port)
}

// name writes an address for the kernel, and returns its size.
func (u *udp) name(name *unix.RawSockaddrInet6, to netip.AddrPort) uint32 {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&name.Port))[:], to.Port())
	if !u.ipv6 {
		name := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		name.Family, name.Addr = unix.AF_INET, to.Addr().As4()
		return unix.SizeofSockaddrInet4
	}
	name.Family, name.Addr, name.Scope_id = unix.AF_INET6, to.Addr().As16(), 0
	if zone := to.Addr().Zone(); zone != "" {
		n, _ := strconv.ParseUint(zone, 10, 32) // see numbered
		name.Scope_id = uint32(n)
	}
	return unix.SizeofSockaddrInet6
}

// zoned is an address with its zone as a number, where it has one.
func zoned(a netip.Addr, zone uint32) netip.Addr {
	if zone == 0 {
		return a
	}
	return a.WithZone(strconv.FormatUint(uint64(zone), 10))
}
