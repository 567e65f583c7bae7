package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"sync"

	"aaa-api/internal/tacacs"
)

// A tacacsPeer never answers silentUser, and lateUser after the next request of the connection.
const (
	silentUser = "nobody"
	lateUser   = "late"
)

// tacacsPeer is a TACACS+ server that accepts PAP logins at once, in single connection mode where asked for.
type tacacsPeer struct {
	ln net.Listener
	wg sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool
}

func startTACACSPeer() (*tacacsPeer, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &tacacsPeer{ln: ln, open: make(map[net.Conn]bool)}
	p.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			p.keep(conn, true)
			p.wg.Go(func() {
				_ = serveTACACS(conn) // what a client misses it tells of
				_ = conn.Close()
				p.keep(conn, false)
			})
		}
	})
	return p, nil
}

func (p *tacacsPeer) keep(conn net.Conn, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if open {
		p.open[conn] = true
	} else {
		delete(p.open, conn)
	}
}

// stop ends the peer and its connections.
func (p *tacacsPeer) stop() {
	_ = p.ln.Close()
	p.mu.Lock()
	for conn := range p.open {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

// serveTACACS answers until the connection ends, what came together in one write.
func serveTACACS(conn net.Conn) error {
	r, w := bufio.NewReader(conn), bufio.NewWriter(conn)
	head, body := make([]byte, tacacs.HeaderLen), make([]byte, tacacs.MaxBody)
	var out, late []byte
	for {
		if r.Buffered() == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(r, head); err != nil {
			return err
		}
		h, err := tacacs.ParseHeader(head)
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(r, body[:h.Length]); err != nil {
			return err
		}
		var start tacacs.AuthenStart
		if err := tacacs.DecodeBody(body[:h.Length], h, tacacsSecret, &start); err != nil {
			return err
		}
		if string(start.Data) != tacacsPassword {
			return errors.New("not the password")
		}
		if start.User == silentUser {
			continue
		}
		if out, err = tacacs.AppendPacket(out[:0], h.Answer(h.Flags), &tacacs.AuthenReply{Status: tacacs.AuthenPass}, tacacsSecret); err != nil {
			return err
		}
		if start.User == lateUser {
			late = append(late, out...)
			continue
		}
		_, _ = w.Write(out) // Flush tells
		_, _ = w.Write(late)
		late = late[:0]
	}
}
