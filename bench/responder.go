package main

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/net/ipv4"

	"aaa-api/internal/radius"
)

// runResponder is a RADIUS server that accepts everything: the backend of all that is measured. It takes as little of the
// machine as possible: it reads and writes many datagrams per system call and does not check the requests. With everywhere
// it serves all addresses of 127.0.0.0/8, each as a server of its own.
func runResponder(everywhere bool) error {
	conn, err := listenResponder(everywhere)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, conn.LocalAddr())
	return serveResponder(conn, radius.NewKey([]byte(backendSecret)))
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
func serveResponder(conn *net.UDPConn, key *radius.Key) error {
	const batch = 64
	p := ipv4.NewPacketConn(conn)
	in, out := make([]ipv4.Message, batch), make([]ipv4.Message, batch)
	for i := range in {
		in[i].Buffers, in[i].OOB = [][]byte{make([]byte, radius.MaxPacket)}, make([]byte, 64)
		out[i].Buffers = [][]byte{make([]byte, 0, 64)}
	}
	for {
		n, err := p.ReadBatch(in, 0)
		if err != nil {
			return err
		}
		k := 0
		for i := range n {
			reply, ok := respond(out[k].Buffers[0][:0], in[i].Buffers[0][:in[i].N], key)
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

// respond appends the accepting reply to a request. ok is false if it is no request.
func respond(dst, datagram []byte, key *radius.Key) (reply []byte, ok bool) {
	request, err := radius.Parse(datagram)
	if err != nil {
		return dst, false
	}
	auth := request.Authenticator()
	switch request.Code() {
	case radius.AccessRequest, radius.StatusServer:
		dst = radius.AppendMAC(radius.AppendHeader(dst, radius.AccessAccept, request.Identifier(), &auth))
	case radius.AccountingRequest:
		dst = radius.AppendHeader(dst, radius.AccountingResponse, request.Identifier(), &auth)
	default:
		return dst, false
	}
	key.SignReply(dst, &auth)
	return dst, true
}
