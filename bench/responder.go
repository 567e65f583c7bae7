package main

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"net"
	"os"

	"golang.org/x/net/ipv4"
)

// RADIUS codes and the one attribute that the responder writes (RFC 2865 §3, RFC 2866 §3, RFC 3579 §3.2).
const (
	accessRequest        = 1
	accessAccept         = 2
	accountingRequest    = 4
	accountingResponse   = 5
	statusServer         = 12
	messageAuthenticator = 80
)

// runResponder is a RADIUS server that accepts everything: the backend of all
// that is measured. It reads and writes many datagrams per system call, so that
// it takes as little of the machine as possible. With everywhere it serves all addresses of 127.0.0.0/8, each as a server of
// its own.
func runResponder(everywhere bool) error {
	conn, err := listenResponder(everywhere)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, conn.LocalAddr())
	return serveResponder(conn, []byte(backendSecret))
}

func listenResponder(everywhere bool) (*net.UDPConn, error) {
	at := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}
	if everywhere {
		at.IP = net.IPv4zero
	}
	conn, err := net.ListenUDP("udp4", at)
	if err != nil {
		return nil, err
	}
	if everywhere {
		if err := ipv4.NewPacketConn(conn).SetControlMessage(ipv4.FlagDst, true); err != nil {
			return nil, err
		}
	}
	_ = conn.SetReadBuffer(4 << 20) // as much of it as the machine grants
	_ = conn.SetWriteBuffer(4 << 20)
	return conn, nil
}

// serveResponder answers until the socket is closed.
func serveResponder(conn *net.UDPConn, secret []byte) error {
	const batch = 64
	p := ipv4.NewPacketConn(conn)
	in, out := make([]ipv4.Message, batch), make([]ipv4.Message, batch)
	for i := range in {
		in[i].Buffers, in[i].OOB = [][]byte{make([]byte, 4096)}, make([]byte, 64)
		out[i].Buffers = [][]byte{make([]byte, 0, 64)}
	}
	for {
		n, err := p.ReadBatch(in, 0)
		if err != nil {
			return err
		}
		k := 0
		for i := range n {
			reply, ok := respond(out[k].Buffers[0][:0], in[i].Buffers[0][:in[i].N], secret)
			if !ok {
				continue
			}
			// The address that the kernel says a datagram came to is the one that it sends this from (ip(7), IP_PKTINFO).
			out[k].Buffers[0], out[k].Addr, out[k].OOB = reply, in[i].Addr, in[i].OOB[:in[i].NN]
			k++
		}
		for sent := 0; sent < k; {
			m, err := p.WriteBatch(out[sent:k], 0)
			if err != nil {
				m = 1 // the asker's socket is gone: go on behind its datagram
			}
			sent += m
		}
	}
}

// respond appends the accepting reply to a request; false for what is no request.
func respond(dst, request, secret []byte) ([]byte, bool) {
	if len(request) < 20 || int(binary.BigEndian.Uint16(request[2:])) > len(request) {
		return dst, false
	}
	code := byte(accessAccept)
	switch request[0] {
	case accessRequest, statusServer:
	case accountingRequest:
		code = accountingResponse
	default:
		return dst, false
	}
	dst = append(dst, code, request[1], 0, 0)
	dst = append(dst, request[4:20]...)
	if code == accessAccept {
		dst = append(dst, messageAuthenticator, 18)
		dst = append(dst, make([]byte, 16)...)
	}
	binary.BigEndian.PutUint16(dst[2:], uint16(len(dst)))
	if code == accessAccept {
		mac := hmac.New(md5.New, secret)
		mac.Write(dst)
		mac.Sum(dst[:22])
	}
	h := md5.New()
	h.Write(dst)
	h.Write(secret)
	h.Sum(dst[:4])
	return dst, true
}
