package main

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// socketBuffer is how many octets of packets wait in a socket: some ten thousand requests, as many as may come while a front is started anew.
const socketBuffer = 8 << 20

// sharePort lets several sockets have one address. The kernel gives all packets of one source to the same one.
func sharePort(_, _ string, raw syscall.RawConn) error {
	var serr error
	err := raw.Control(func(fd uintptr) { serr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }) //nolint:gosec // a descriptor
	return errors.Join(err, serr)
}

// growBuffer gives a socket its buffer: root may go beyond net.core.rmem_max, and others get as much as that allows.
func growBuffer(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var forced error
	if err := raw.Control(func(fd uintptr) {
		forced = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer) //nolint:gosec // a descriptor
	}); err != nil || forced == nil {
		return err
	}
	return c.SetReadBuffer(socketBuffer)
}
