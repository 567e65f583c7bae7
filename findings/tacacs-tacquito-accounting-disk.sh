#!/bin/sh
# tacquito answers an accounting request with SUCCESS although it could not write the record.
#
# Guess: a TACACS+ accounting server answers ERROR where the record is not kept, since SUCCESS means that it was
# recorded (RFC 8907 §7.2); a disk that is full is then seen by the device, which asks another server.
# What happens: the accounter of files writes through Go's log.Logger and never learns whether the write went well. On a disk without
# room (here /dev/full, to which every write fails) the answer is SUCCESS all the same.
# Why an AAA gateway cares: it takes SUCCESS for the end of its duty and deletes the record. The disk of such a server has to be watched
# from outside, or its records be sent to a second server as well.
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
	"fmt"
	"net"
	"os"

	tq "github.com/facebookincubator/tacquito"
	"github.com/facebookincubator/tacquito/cmds/server/config/accounters/local"
)

const secret = "a secret of the finding"

// quiet drops tacquito's log.
type quiet struct{}

func (quiet) Infof(context.Context, string, ...interface{})        {}
func (quiet) Errorf(context.Context, string, ...interface{})       {}
func (quiet) Debugf(context.Context, string, ...interface{})       {}
func (quiet) Record(context.Context, map[string]string, ...string) {}
func (quiet) Set(ctx context.Context, _ map[string]string, _ ...tq.ContextKey) context.Context {
	return ctx
}

// to gives every client the accounter.
type to struct{ tq.Handler }

func (t to) Get(context.Context, net.Addr) ([]byte, tq.Handler, error) { return []byte(secret), t.Handler, nil }

// ask sends a stop record to a server whose accounter writes to a file, and returns the status of the answer.
func ask(file string) tq.AcctReplyStatus {
	accounter, err := local.New(quiet{}, local.SetLogSinkDefault(file, ""))
	check(err)
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	check(err)
	go tq.NewServer(quiet{}, to{accounter.New(nil)}).Serve(context.Background(), tq.DeadlineListener(ln.(*net.TCPListener)))
	c, err := tq.NewClient(tq.SetClientDialer("tcp4", ln.Addr().String(), []byte(secret)))
	check(err)
	defer c.Close()
	reply, err := c.Send(tq.NewPacket(
		tq.SetPacketHeader(tq.NewHeader(
			tq.SetHeaderVersion(tq.Version{MajorVersion: tq.MajorVersion, MinorVersion: tq.MinorVersionDefault}),
			tq.SetHeaderType(tq.Accounting), tq.SetHeaderSessionID(1),
		)),
		tq.SetPacketBodyUnsafe(tq.NewAcctRequest(
			tq.SetAcctRequestFlag(tq.AcctFlagStop), tq.SetAcctRequestMethod(tq.AuthenMethodTacacsPlus),
			tq.SetAcctRequestPrivLvl(tq.PrivLvlUser), tq.SetAcctRequestType(tq.AuthenTypeASCII), tq.SetAcctRequestService(tq.AuthenServiceLogin),
			tq.SetAcctRequestUser("bob"), tq.SetAcctRequestPort("tty0"), tq.SetAcctRequestRemAddr("192.0.2.1"),
			tq.SetAcctRequestArgs(tq.Args{"task_id=1", "cmd=show version"}),
		)),
	))
	check(err)
	var body tq.AcctReply
	check(tq.Unmarshal(reply.Body, &body))
	return body.Status
}

func main() {
	dir, err := os.MkdirTemp("", "")
	check(err)
	defer os.RemoveAll(dir)
	good, full := ask(dir+"/accounting"), ask("/dev/full")
	written, err := os.ReadFile(dir + "/accounting")
	check(err)
	fmt.Printf("a disk with room: %v, %d octets written\na disk without: %v, nothing written\n", good, len(written), full)
	if good != tq.AcctReplyStatusSuccess || full != tq.AcctReplyStatusSuccess || len(written) == 0 {
		fmt.Println("the behaviour has changed")
		os.Exit(1)
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
GO
GOPATH=$dir/go GOFLAGS=-mod=mod go get github.com/facebookincubator/tacquito@v0.0.0-20260814210148-7c6e7f81cf5a 2>/dev/null
echo 'tacquito v0.0.0-20260814210148-7c6e7f81cf5a'
GOPATH=$dir/go GOFLAGS=-mod=mod go run .
