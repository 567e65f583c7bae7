#!/bin/sh
# tacquito grants single connection mode and serves the sessions of that connection one after the other.
#
# Guess: a TACACS+ server that answers the first packet with the single-connect flag (RFC 8907 §4.3) works on the sessions
# of the connection side by side, since that is what the flag is for: their packets carry session ids and may interleave.
# What happens: the flag comes back, and the second session's packet is not looked at before the first session is answered.
# Two logins of 0.5 s each that are sent at once are answered after 0.5 s and 1.0 s.
# Why an AAA gateway cares: requests that share such a connection queue behind each other, and their wait looks like a
# server that is silent. A client has to find out from the order of replies whether a server interleaves.
set -eu
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'MOD'
module finding

go 1.24
MOD
cat >main.go <<'GO'
package main

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	tq "github.com/facebookincubator/tacquito"
)

const (
	secret = "a secret of the finding"
	each   = 500 * time.Millisecond // how long the server takes for a login
)

// quiet drops tacquito's log.
type quiet struct{}

func (quiet) Infof(context.Context, string, ...interface{})              {}
func (quiet) Errorf(context.Context, string, ...interface{})             {}
func (quiet) Debugf(context.Context, string, ...interface{})             {}
func (quiet) Record(context.Context, map[string]string, ...string)       {}
func (quiet) Set(ctx context.Context, _ map[string]string, _ ...tq.ContextKey) context.Context {
	return ctx
}

// slow answers each login with PASS after a while.
type slow struct{}

func (slow) Get(context.Context, net.Addr) ([]byte, tq.Handler, error) { return []byte(secret), slow{}, nil }

func (slow) Handle(response tq.Response, _ tq.Request) {
	time.Sleep(each)
	response.Reply(tq.NewAuthenReply(tq.SetAuthenReplyStatus(tq.AuthenStatusPass)))
}

// pad is the obfuscation of RFC 8907 §4.5.
func pad(header, body []byte) []byte {
	out := make([]byte, 0, len(body))
	var last []byte
	for len(out) < len(body) {
		h := md5.New()
		h.Write(header[4:8])
		io.WriteString(h, secret)
		h.Write(header[:1])
		h.Write(header[2:3])
		h.Write(last)
		last = h.Sum(nil)
		out = append(out, last...)
	}
	for i := range body {
		out[i] ^= body[i]
	}
	return out[:len(body)]
}

// login is the START of a PAP login, with the single-connect flag.
func login(session uint32) []byte {
	body := []byte{1, 1, 2, 1, 3, 4, 4, 2} // LOGIN, priv_lvl 1, PAP, LOGIN, and four lengths
	body = append(body, "bobtty0hostpw"...)
	header := []byte{0xc1, 1, 1, 4, 0, 0, 0, 0, 0, 0, 0, byte(len(body))}
	binary.BigEndian.PutUint32(header[4:], session)
	return append(header, pad(header, body)...)
}

func main() {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	check(err)
	go tq.NewServer(quiet{}, slow{}).Serve(context.Background(), tq.DeadlineListener(ln.(*net.TCPListener)))
	c, err := net.Dial("tcp4", ln.Addr().String())
	check(err)
	c.SetDeadline(time.Now().Add(20 * time.Second))
	began := time.Now()
	_, err = c.Write(append(login(1), login(2)...))
	check(err)
	var took [2]time.Duration
	granted := true
	for i := range took {
		header := make([]byte, 12)
		_, err := io.ReadFull(c, header)
		check(err)
		body := make([]byte, binary.BigEndian.Uint32(header[8:]))
		_, err = io.ReadFull(c, body)
		check(err)
		took[i] = time.Since(began)
		session, status := binary.BigEndian.Uint32(header[4:]), pad(header, body)[0]
		fmt.Printf("session %d: status %d, single-connect flag %v, after %v\n", session, status, header[3]&4 != 0, took[i].Round(10*time.Millisecond))
		granted = granted && header[3]&4 != 0 && status == 1
	}
	if !granted || took[1] < 2*each {
		fmt.Println("the behaviour has changed")
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
GO
version=v0.0.0-20260814210148-7c6e7f81cf5a
go get "github.com/facebookincubator/tacquito@$version" >/dev/null 2>&1
echo "tacquito $version"
go run .
