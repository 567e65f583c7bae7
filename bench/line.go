package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/line"
)

const (
	lineCalls = 20_000 // of a measurement
	lineBatch = 32     // calls that begin together
)

// lineRows tell what a call from a front to the security module costs beside the work that is called: an authn request and its
// result, with both ends in this process, so that all that either takes is counted.
func lineRows(ctx context.Context, rounds int) (rows []row, err error) {
	// As fronts have it. Both ends' garbage is this process's.
	defer debug.SetGCPercent(debug.SetGCPercent(1600))
	front, module, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer module.Close()
	least, err := perCall(rounds, lineCalls, func() error { return pingPong(front, module) })
	if err != nil {
		return nil, err
	}
	front, module, err = socketPair()
	if err != nil {
		return nil, err
	}
	serves := line.New(module, line.Options{Handler: acceptAll{}})
	calls := line.New(front, line.Options{})
	defer serves.Wait()
	defer calls.Close()
	alone, err := perCall(rounds, lineCalls, func() error { return lineAlone(ctx, calls) })
	if err != nil {
		return nil, err
	}
	together, err := perCall(rounds, lineCalls/lineBatch*lineBatch, func() error { return lineTogether(ctx, calls) })
	if err != nil {
		return nil, err
	}
	micro := func(name string, value, target float64, detail string) row {
		return row{name: name, format: "%.1f µs", value: value, target: target, atMost: true, detail: detail}
	}
	return []row{
		micro("processor time of a call on the line", alone, 10, fmt.Sprintf("one after another; one octet there and back over the same kind of socket takes %.1f µs", least)),
		micro("processor time of a call on the line, in batches", together, 2, fmt.Sprintf("%d begin together", lineBatch)),
	}, nil
}

// perCall is the median over the rounds of the processor time of a call, in microseconds. run makes a number of calls.
func perCall(rounds, calls int, run func() error) (float64, error) {
	var list []float64
	for range rounds + 1 {
		before, err := ownProcessor()
		if err != nil {
			return 0, err
		}
		if err := run(); err != nil {
			return 0, err
		}
		after, err := ownProcessor()
		if err != nil {
			return 0, err
		}
		list = append(list, float64((after-before).Nanoseconds())/float64(calls)/1e3)
	}
	return median(list[1:]), nil // the first is for warmth
}

// ownProcessor is the processor time that this process has taken.
func ownProcessor() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// socketPair is a pair of connected sockets of the line's kind.
func socketPair() (one, other net.Conn, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "line") //nolint:gosec // a descriptor
		conn, cerr := net.FileConn(f)
		err = errors.Join(err, cerr, f.Close())
		ends[i] = conn
	}
	return ends[0], ends[1], err
}

// pingPong sends an octet to and fro: what no line can do without.
func pingPong(one, other net.Conn) error {
	echoed := make(chan error, 1)
	go func() {
		b := make([]byte, 1)
		for range lineCalls {
			if _, err := io.ReadFull(other, b); err != nil {
				echoed <- err
				return
			}
			if _, err := other.Write(b); err != nil {
				echoed <- err
				return
			}
		}
		echoed <- nil
	}()
	b := make([]byte, 1)
	for range lineCalls {
		if _, err := one.Write(b); err != nil {
			return err
		}
		if _, err := io.ReadFull(one, b); err != nil {
			return err
		}
	}
	return <-echoed
}

func lineAlone(ctx context.Context, to line.Caller) error {
	for range lineCalls {
		if err := lineCall(ctx, to); err != nil {
			return err
		}
	}
	return nil
}

func lineTogether(ctx context.Context, to line.Caller) error {
	var all sync.WaitGroup
	begin, failed := make(chan struct{}, lineBatch), make(chan error, lineBatch)
	for range lineBatch {
		go func() {
			for range begin {
				if err := lineCall(ctx, to); err != nil {
					select {
					case failed <- err:
					default: // others have failed
					}
				}
				all.Done()
			}
		}()
	}
	defer close(begin)
	for range lineCalls / lineBatch {
		all.Add(lineBatch)
		for range lineBatch {
			begin <- struct{}{}
		}
		all.Wait()
	}
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func lineCall(ctx context.Context, to line.Caller) error {
	from := line.From{
		Token: "aaa_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ", Account: "0123456789abcdef0123456789abcdef",
		RequestID: "4f7e1c2d9a8b4c3e8f60718293a4b5c6", At: time.Now(),
	}
	q := aaa.Request{ID: from.RequestID, Account: from.Account, Op: aaa.Authn, Values: aaa.Values{
		"User-Name": "alice@example.com", "User-Password": "correct horse battery staple", "Calling-Station-Id": "00-11-22-33-44-55",
		"NAS-Identifier": "nas1", "NAS-Port": json.Number("7"),
	}}
	var r *aaa.Result
	if err := to.Call(ctx, 1, &from, &q, &r); err != nil {
		return err
	}
	if r.Outcome != aaa.Accept {
		return fmt.Errorf("the line answers %q", r.Outcome)
	}
	return nil
}

// acceptAll answers requests with a result that is there already.
type acceptAll struct{}

func (acceptAll) Serve(_ context.Context, _ uint16, _ *line.From, decode func(any) error) (any, error) {
	var q aaa.Request
	if err := decode(&q); err != nil {
		return nil, err
	}
	return &lineResult, nil
}

var lineResult = &aaa.Result{
	Outcome: aaa.Accept, IsAuthorized: true, Document: "0123456789abcdef0123456789abcdef", Server: "server1", Attempts: 1,
	Keys: aaa.Values{"Session-Timeout": json.Number("3600"), "Reply-Message": "hello alice"},
	AVPs: aaa.AVPs{
		{AVP: aaa.AVP{Attr: &aaa.Attribute{Name: "Framed-IP-Address", Number: 8, Type: aaa.TypeIPAddr, Wire: true}, Value: []byte{192, 0, 2, 9}}, As: "Framed-IP-Address"},
		{AVP: aaa.AVP{Attr: &aaa.Attribute{Name: "Class", Number: 25, Type: aaa.TypeOctets, Wire: true}, Value: []byte("0123456789abcdef")}, As: "Class"},
	},
}
