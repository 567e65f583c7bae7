package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"aaa-api/internal/config"
	"aaa-api/internal/line"
	"aaa-api/internal/operations"
	"aaa-api/internal/processes"
)

// secmod is the process of the security module: it serves the calls of fronts until main tells it to stop.
func (c *child) secmod() (err error) {
	var set moduleStart
	if err := c.start.Decode(&set); err != nil {
		return err
	}
	tune(set.Environment, set.Memory)
	cfg, err := config.Restore(set.Settings)
	if err != nil {
		return err
	}
	if err := checkDataOwner(cfg, set.User); err != nil {
		return err
	}
	var at endpoints
	if at.api, err = address(set.API); err == nil {
		at.admin, err = address(set.Admin)
	}
	at.devices = deviceEndpointsOf(set.Devices)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &secmodProcess{child: c, opened: make(chan *module), stop: make(chan time.Duration, 1), cancel: cancel}
	go s.hear(ctx)

	n, err := openModule(ctx, cfg, c.lines, set.Node, at, set.Memory, confineModule(cfg))
	if err != nil {
		return err
	}
	defer func() {
		s.hangUp()
		err = errors.Join(err, n.Close())
	}()
	go tuneGC(ctx, heapHeadroom)
	go watchMemory(ctx, set.Memory, n.budget)
	var print bytes.Buffer
	demo, err := n.welcome(ctx, &print, set.Terminal)
	if err != nil {
		return err
	}
	defer demo.Close() //nolint:errcheck // it only answers; nothing can be lost
	n.warnUnreachable(ctx)
	s.opened <- n
	if err := c.Send(processes.Ready, moduleReady{Print: print.String()}); err != nil {
		return err
	}
	<-ctx.Done()
	finish, end := context.WithTimeout(context.Background(), <-s.stop)
	defer end()
	return n.finish(finish)
}

// secmodProcess is what the process does on main's behalf.
type secmodProcess struct {
	*child
	opened chan *module
	stop   chan time.Duration // that there is to finish
	cancel context.CancelFunc

	mu    sync.Mutex
	conns map[*line.Conn]struct{}
	left  sync.WaitGroup
}

// hear does what main says.
func (s *secmodProcess) hear(ctx context.Context) {
	var n *module // nil: it is being opened
	said := s.messages()
	for {
		select {
		case n = <-s.opened:
		case m := <-said:
			switch {
			case m.Kind == processes.Stop:
				within, err := until(m)
				if err != nil {
					within = 0
				}
				s.stop <- within
				s.cancel()
				return
			case n == nil:
			case m.Kind == processes.Line:
				if err := s.connect(n, m); err != nil {
					n.log.ErrorContext(ctx, "a front has no line", "error", err)
				}
			case m.Kind == processes.Operators:
				if err := s.connectMain(n, m); err != nil {
					n.log.ErrorContext(ctx, "operators have no line", "error", err)
				}
			case m.Kind == processes.Drain:
				n.draining.Store(true)
			case m.Kind == processes.Reload:
				_ = n.reload(ctx) // the log has it
			}
		}
	}
}

// connect serves a front's lines.
func (s *secmodProcess) connect(n *module, m *processes.Message) error {
	var from processes.FrontLines
	if err := m.Decode(&from); err != nil {
		return err
	}
	name := fmt.Sprintf("front %d", from.Front)
	ends, err := lineEnds(m)
	if err != nil {
		return err
	}
	parts, leave := n.parts.For(name)
	var both sync.WaitGroup
	for i, end := range ends {
		o := line.Options{Handler: parts, Log: n.log, Peer: name, NameOf: operations.NameOf, Hold: parts.Hold}
		if i == 0 {
			o = callsOnly(o)
		}
		conn := line.New(end, o)
		s.mu.Lock()
		if s.conns == nil {
			s.conns = map[*line.Conn]struct{}{}
		}
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		both.Go(func() {
			conn.Wait()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
			if conn.Cut() {
				if err := s.Send(processes.Cut, from); err != nil {
					n.log.Error("main can't be told of a line that is cut", "error", err)
				}
			}
		})
	}
	s.left.Go(func() {
		both.Wait()
		leave()
	})
	return nil
}

// connectMain serves what main hands on of operators.
func (s *secmodProcess) connectMain(n *module, m *processes.Message) error {
	if len(m.Files) != 1 {
		return fmt.Errorf("%d lines where one is wanted", len(m.Files))
	}
	end, err := net.FileConn(m.Files[0])
	if err := errors.Join(err, m.Files[0].Close()); err != nil {
		return err
	}
	conn := line.New(end, line.Options{Handler: n.parts.Operators(), Log: n.log, Peer: "main", NameOf: operations.NameOf})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns = map[*line.Conn]struct{}{}
	}
	s.conns[conn] = struct{}{}
	s.left.Go(conn.Wait)
	return nil
}

// hangUp ends all lines, and waits for what they serve.
func (s *secmodProcess) hangUp() {
	s.mu.Lock()
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.left.Wait()
}

// lineEnds are the two lines of a message: calls, then bulk.
func lineEnds(m *processes.Message) (ends [2]net.Conn, err error) {
	if len(m.Files) != len(ends) {
		return ends, fmt.Errorf("%d lines where %d are wanted", len(m.Files), len(ends))
	}
	for i, f := range m.Files {
		conn, cerr := net.FileConn(f)
		err = errors.Join(err, cerr, f.Close())
		ends[i] = conn
	}
	if err == nil {
		return ends, nil
	}
	for _, c := range ends {
		if c, ok := c.(io.Closer); ok {
			c.Close() //nolint:errcheck,gosec // unused
		}
	}
	return ends, err
}

// until is the time that a child has to finish.
func until(m *processes.Message) (time.Duration, error) {
	var u processes.Until
	if err := m.Decode(&u); err != nil {
		return 0, err
	}
	return time.Duration(u.Milliseconds) * time.Millisecond, nil
}
