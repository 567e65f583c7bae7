package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"

	"aaa-api/internal/config"
	"aaa-api/internal/ingress"
)

// deviceSockets are the sockets of the listeners for devices.
type deviceSockets struct {
	// packets are UDP sockets: in main one for each front, so that the kernel gives all packets of one source to the same front; in a front its own.
	packets [ingress.NumListeners][]*net.UDPConn
	streams [ingress.NumListeners]net.Listener // nil: off
}

// deviceFile is a socket as other processes get it.
type deviceFile struct {
	*os.File
	listener ingress.Listener
	front    int // whose it is; 0 where all fronts share one
}

// deviceAddress is where a listener is, as another process gets it.
type deviceAddress struct{ Listener, Address string }

// deviceEndpoints are where the listeners for devices are.
type deviceEndpoints []deviceEndpoint

type deviceEndpoint struct {
	listener string
	addr     net.Addr
}

// listenToDevices opens the sockets that the settings name. Those that this process held already stay in use, so that nothing is lost that
// waits in them.
func listenToDevices(ctx context.Context, cfg *config.Config, fronts int, held map[string][]*os.File) (s deviceSockets, err error) {
	defer func() {
		for _, files := range held {
			for _, f := range files {
				f.Close() //nolint:errcheck,gosec // the sockets are copies, or are not wanted any more
			}
		}
		if err != nil {
			err = errors.Join(err, s.Close())
			s = deviceSockets{}
		}
	}()
	for l := range ingress.NumListeners {
		addresses, files := deviceAddresses(cfg, l), held[l.String()]
		want := 1
		if l.Datagrams() {
			want = fronts
		}
		if len(addresses) > 0 && len(files) == want {
			for _, f := range files {
				if err := s.add(l, f); err != nil {
					return s, err
				}
			}
			continue
		}
		for i, address := range addresses {
			if err = s.open(ctx, l, address, fronts); err == nil {
				break
			}
			if i+1 == len(addresses) || !errors.Is(err, syscall.EADDRINUSE) {
				return s, err
			}
		}
	}
	return s, nil
}

// open opens the sockets of a listener.
func (s *deviceSockets) open(ctx context.Context, l ingress.Listener, address string, fronts int) (err error) {
	if l.Datagrams() {
		s.packets[l], err = listenPackets(ctx, l.String(), address, fronts)
	} else {
		s.streams[l], err = listenAt(ctx, l.String(), address)
	}
	return err
}

// listenPackets opens UDP sockets of one address. The first one is alone there when it is opened: the kernel would give a second node of the
// same user a part of the packets, without an error to either.
func listenPackets(ctx context.Context, setting, address string, sockets int) (all []*net.UDPConn, err error) {
	defer func() {
		if err != nil {
			for _, c := range all {
				c.Close() //nolint:errcheck,gosec // unused
			}
			all, err = nil, fmt.Errorf("--%s: %w", setting, err)
		}
	}()
	open := func(control func(string, string, syscall.RawConn) error) error {
		c, err := (&net.ListenConfig{Control: control}).ListenPacket(ctx, "udp", address)
		if err != nil {
			return err
		}
		all = append(all, c.(*net.UDPConn)) //nolint:forcetypeassert // the network's
		return nil
	}
	if err := soon(ctx, syscall.EADDRINUSE, func() error { return open(nil) }); err != nil {
		return all, err
	}
	if sockets > 1 {
		raw, err := all[0].SyscallConn()
		if err != nil {
			return all, err
		}
		if err := sharePort("", "", raw); err != nil {
			return all, err
		}
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return all, err
		}
		address = net.JoinHostPort(host, strconv.Itoa(all[0].LocalAddr().(*net.UDPAddr).Port)) //nolint:forcetypeassert // the network's
		for len(all) < sockets {
			if err := open(sharePort); err != nil {
				return all, err
			}
		}
	}
	for _, c := range all {
		if err := growBuffer(c); err != nil {
			return all, err
		}
	}
	return all, nil
}

// add takes a socket of another process over.
func (s *deviceSockets) add(l ingress.Listener, f *os.File) error {
	if l.Datagrams() {
		c, err := net.FilePacketConn(f)
		if err != nil {
			return fmt.Errorf("--%v: %w", l, err)
		}
		udp, ok := c.(*net.UDPConn)
		if !ok {
			return errors.Join(fmt.Errorf("--%v: the socket is not one of UDP", l), c.Close())
		}
		s.packets[l] = append(s.packets[l], udp)
		return nil
	}
	c, err := net.FileListener(f)
	if err != nil {
		return fmt.Errorf("--%v: %w", l, err)
	}
	s.streams[l] = c
	return nil
}

// files are the sockets as other processes get them.
func (s *deviceSockets) files() (all []deviceFile, err error) {
	for l := range ingress.NumListeners {
		for i, c := range s.packets[l] {
			f, err := c.File()
			if err != nil {
				return all, fmt.Errorf("--%v: %w", l, err)
			}
			all = append(all, deviceFile{f, l, i})
		}
		if c, ok := s.streams[l].(*net.TCPListener); ok {
			f, err := c.File()
			if err != nil {
				return all, fmt.Errorf("--%v: %w", l, err)
			}
			all = append(all, deviceFile{f, l, 0})
		}
	}
	return all, nil
}

// filesOfFront are the sockets of one front, and the listeners that they are of.
func filesOfFront(all []deviceFile, front int) (names []string, files []*os.File) {
	for _, f := range all {
		if f.front == front || !f.listener.Datagrams() {
			names, files = append(names, f.listener.String()), append(files, f.File)
		}
	}
	return names, files
}

// deviceSocketsOf takes over what filesOfFront returned in another process.
func deviceSocketsOf(names []string, files []*os.File) (s deviceSockets, err error) {
	if len(names) != len(files) {
		return s, fmt.Errorf("%d sockets for %d listeners", len(files), len(names))
	}
	for i, name := range names {
		for l := range ingress.NumListeners {
			if l.String() != name {
				continue
			}
			if err := s.add(l, files[i]); err != nil {
				return deviceSockets{}, errors.Join(err, s.Close())
			}
		}
	}
	return s, nil
}

// Close ends the sockets. Those that a server has closed are no error.
func (s *deviceSockets) Close() (err error) {
	closed := func(cerr error) {
		if !errors.Is(cerr, net.ErrClosed) {
			err = errors.Join(err, cerr)
		}
	}
	for l := range ingress.NumListeners {
		for _, c := range s.packets[l] {
			closed(c.Close())
		}
		if c := s.streams[l]; c != nil {
			closed(c.Close())
		}
	}
	return err
}

// endpoints are where the sockets are.
func (s *deviceSockets) endpoints() (at deviceEndpoints) {
	for l := range ingress.NumListeners {
		if len(s.packets[l]) > 0 {
			at = append(at, deviceEndpoint{l.String(), s.packets[l][0].LocalAddr()})
		} else if c := s.streams[l]; c != nil {
			at = append(at, deviceEndpoint{l.String(), c.Addr()})
		}
	}
	return at
}

// list is all of the addresses.
func (at deviceEndpoints) list() (list []net.Addr) {
	for _, e := range at {
		list = append(list, e.addr)
	}
	return list
}

// texts are the addresses for another process.
func (at deviceEndpoints) texts() (texts []deviceAddress) {
	for _, e := range at {
		texts = append(texts, deviceAddress{e.listener, e.addr.String()})
	}
	return texts
}

// deviceEndpointsOf reads what texts returned in another process.
func deviceEndpointsOf(texts []deviceAddress) (at deviceEndpoints) {
	for _, t := range texts {
		if p, err := netip.ParseAddrPort(t.Address); err == nil {
			at = append(at, deviceEndpoint{t.Listener, net.UDPAddrFromAddrPort(p)})
		}
	}
	return at
}
