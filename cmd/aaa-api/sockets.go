package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"aaa-api/internal/backoff"
	"aaa-api/internal/config"
)

// freed is how long a start waits for what a node that was killed holds still: its processes end a moment after it.
const freed = time.Second

// endpoints are where a node listens.
type endpoints struct {
	api   net.Addr
	admin net.Addr // nil: the API's listener serves all

	devices deviceEndpoints
}

// sockets are the listeners of a node.
type sockets struct {
	api     net.Listener // of the API
	admin   net.Listener // nil: the API's has all
	devices deviceSockets
}

// listen takes the addresses of the settings, for so many fronts, or the sockets that this process held already.
func listen(ctx context.Context, cfg *config.Config, fronts int, held heldFiles) (s sockets, err error) {
	if len(held.http) > 0 {
		s, err = listenersOf(held.http, cfg.AdminListen != "")
	} else {
		s, err = listenHTTP(ctx, cfg)
	}
	if err == nil {
		s.devices, err = listenToDevices(ctx, cfg, fronts, held.devices)
	}
	if err != nil {
		return sockets{}, errors.Join(err, s.Close())
	}
	return s, nil
}

func listenHTTP(ctx context.Context, cfg *config.Config) (s sockets, err error) {
	if s.api, err = listenAt(ctx, config.Listen, cfg.Listen); err != nil {
		return sockets{}, err
	}
	if cfg.AdminListen != "" {
		if s.admin, err = listenAt(ctx, config.AdminListen, cfg.AdminListen); err != nil {
			return sockets{}, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// listenAt takes one address, which a node that was killed may have for a moment still.
func listenAt(ctx context.Context, setting, address string) (l net.Listener, err error) {
	err = soon(ctx, syscall.EADDRINUSE, func() (err error) {
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", setting, err)
	}
	return l, nil
}

// soon tries again for a while what fails with an error that passes.
func soon(ctx context.Context, passes error, try func() error) error {
	for over := time.Now().Add(freed); ; {
		err := try()
		if !errors.Is(err, passes) || time.Now().After(over) || backoff.Sleep(ctx, 20*time.Millisecond) != nil {
			return err
		}
	}
}

// endpoints are where the listeners are.
func (s sockets) endpoints() endpoints {
	at := endpoints{api: s.api.Addr(), devices: s.devices.endpoints()}
	if s.admin != nil {
		at.admin = s.admin.Addr()
	}
	return at
}

// Close ends the listeners. Those that a server has closed are no error.
func (s sockets) Close() (err error) {
	for _, l := range []net.Listener{s.api, s.admin} {
		if l == nil {
			continue
		}
		if cerr := l.Close(); !errors.Is(cerr, net.ErrClosed) {
			err = errors.Join(err, cerr)
		}
	}
	return errors.Join(err, s.devices.Close())
}

// files are the listeners as other processes get them: the API's, then the admin one.
func (s sockets) files() (files []*os.File, err error) {
	for _, l := range []net.Listener{s.api, s.admin} {
		if l == nil {
			continue
		}
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			return nil, fmt.Errorf("listener: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

// socketsOf takes over what files returned in another process.
func socketsOf(files []*os.File) (s sockets, err error) {
	for i, to := range []*net.Listener{&s.api, &s.admin} {
		if i >= len(files) {
			break
		}
		if *to, err = net.FileListener(files[i]); err != nil {
			return sockets{}, errors.Join(fmt.Errorf("listener: %w", err), s.Close())
		}
	}
	if s.api == nil {
		return sockets{}, errors.New("there is no listener")
	}
	return s, nil
}

// String is the API's address.
func (a endpoints) String() string { return a.api.String() }

// adminText is where the admin listener is, empty where there is none.
func (a endpoints) adminText() string {
	if a.admin == nil {
		return ""
	}
	return a.admin.String()
}

// operators is the listener that takes the messages of other nodes.
func (a endpoints) operators() net.Addr {
	if a.admin != nil {
		return a.admin
	}
	return a.api
}

// list is all of the addresses.
func (a endpoints) list() []net.Addr {
	list := []net.Addr{a.api}
	if a.admin != nil {
		list = append(list, a.admin)
	}
	return append(list, a.devices.list()...)
}

// address reads an address that another process wrote.
func address(text string) (net.Addr, error) {
	if text == "" {
		return nil, nil
	}
	return net.ResolveTCPAddr("tcp", text)
}
