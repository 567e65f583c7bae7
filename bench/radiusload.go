package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/engines"
	engine "aaa-api/internal/engines/radius"
)

// radiusInFlight is how many requests are outstanding at one server.
const radiusInFlight = 512

// manyServers is how many servers are asked with one request each.
const manyServers = 1000

// measureClient compares the RADIUS client alone with layeh.com/radius's Exchange: at one server, and at many of which each is
// asked once. The servers share the client's sockets, the other opens one for each request.
func measureClient(ctx context.Context, s settings, _ string) []row {
	one := row{name: fmt.Sprintf("RADIUS client, %d in flight / layeh Exchange", radiusInFlight), format: "%.2f×", target: 4}
	one.compare(ctx, s, "responder", radiusLoad{Client: "own", InFlight: radiusInFlight}, radiusLoad{Client: "layeh", InFlight: radiusInFlight})
	many := row{name: fmt.Sprintf("RADIUS client, %d servers asked once / layeh Exchange", manyServers), format: "%.2f×", target: 1.2}
	many.compare(ctx, s, "responder-everywhere",
		radiusLoad{Client: "own", InFlight: manyServers, Servers: manyServers, Once: true},
		radiusLoad{Client: "layeh", InFlight: manyServers, Servers: manyServers, Once: true})
	return []row{one, many}
}

// compare measures two loads in turn.
func (r *row) compare(ctx context.Context, s settings, backend string, a, b radiusLoad) {
	responder, address, err := startSelf(ctx, backend)
	if err != nil {
		r.err = err
		return
	}
	defer responder.stop() //nolint:errcheck // it ends by our signal
	var last [2]tally
	run := func(l radiusLoad, i int) contender {
		l.Address, l.Seconds = address, s.seconds
		return contender{l.Client, func() (float64, error) {
			var t tally
			if err := runSelf(ctx, l, &t, "radius-load"); err != nil {
				return 0, err
			}
			// A socket a request loses some on a busy machine; more than a few would be another measurement.
			if t.Bad*100 > t.Requests {
				return 0, fmt.Errorf("%s: %d of %d exchanges failed, the first: %s", l.Client, t.Bad, t.Requests, t.FirstBad)
			}
			last[i] = t
			return t.rate(), nil
		}}
	}
	rates, err := alternate(s.rounds, run(a, 0), run(b, 1))
	if err != nil {
		r.err = err
		return
	}
	r.value = ratio(rates[a.Client], rates[b.Client])
	r.detail = fmt.Sprintf("%.0f/s, %.1f µs of processor time each and %d descriptors against %.0f/s, %.1f µs and %d",
		median(rates[a.Client]), last[0].micros(), last[0].Descriptors, median(rates[b.Client]), last[1].micros(), last[1].Descriptors)
}

// micros is the processor time of a request in µs.
func (t tally) micros() float64 { return t.Processor / float64(max(t.Requests, 1)) * 1e6 }

// radiusLoad is what one client does.
type radiusLoad struct {
	Client   string // own or layeh
	Address  string
	Seconds  float64
	InFlight int
	Servers  int  // 0: the one at Address; else so many, at 127.1.0.0 and so on with the port of Address
	Once     bool // each server is asked once by each of several nodes in turn, so that nothing is open beforehand
}

// runRADIUSLoad is one client's process.
func runRADIUSLoad() error {
	var l radiusLoad
	if err := json.NewDecoder(os.Stdin).Decode(&l); err != nil {
		return err
	}
	if l.Once {
		return tellOnce(l)
	}
	exchanges, _, err := l.exchanges()
	if err != nil {
		return err
	}
	before, err := processorTime() // dictionaries are loaded by now
	if err != nil {
		return err
	}
	t := keepBusy(l.InFlight, exchanges, time.Duration(l.Seconds*float64(time.Second)))
	return tellTally(t, before)
}

// exchanges are those with each server; done gives back what they opened.
func (l radiusLoad) exchanges() (list []func(context.Context) error, done func(), err error) {
	host, port, err := net.SplitHostPort(l.Address)
	if err != nil {
		return nil, nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, nil, err
	}
	open, done := func(host string, port int) (func(context.Context) error, error) {
		return layehExchange(net.JoinHostPort(host, strconv.Itoa(port))), nil
	}, func() {}
	if l.Client == "own" {
		if open, done, err = ownExchange(); err != nil {
			return nil, nil, err
		}
	}
	for i := range max(l.Servers, 1) {
		if l.Servers > 0 {
			host = fmt.Sprintf("127.1.%d.%d", i>>8, i&0xff)
		}
		exchange, err := open(host, number)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, exchange)
	}
	return list, done, nil
}

// tellOnce asks each server once, again and again with new Engines. Only the asking counts.
func tellOnce(l radiusLoad) error {
	var t tally
	var spent time.Duration
	for spent.Seconds() < l.Seconds {
		exchanges, done, err := l.exchanges()
		if err != nil {
			return err
		}
		start := time.Now()
		round := keepBusy(l.InFlight, exchanges, 0)
		spent += time.Since(start)
		t.Requests += round.Requests + l.InFlight // keepBusy does not count what ends after its time
		t.Bad += round.Bad
		done()
	}
	t.Seconds = spent.Seconds()
	return tellTally(t, 0)
}

// processorTime is what the process has used so far.
func processorTime() (time.Duration, error) {
	var used syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), err
}

// tellTally prints a load's result, with the processor time used since before.
func tellTally(t tally, before time.Duration) error {
	used, err := processorTime()
	if err != nil {
		return err
	}
	t.Processor = (used - before).Seconds()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	t.Descriptors = len(open)
	return json.NewEncoder(os.Stdout).Encode(t)
}

// keepBusy has so many exchanges running for d, each of the kinds as often as the others, and counts those that end within it.
func keepBusy(inFlight int, exchanges []func(context.Context) error, d time.Duration) tally {
	var good, bad atomic.Int64
	var first atomic.Pointer[string]
	end := time.Now().Add(d)
	var wg sync.WaitGroup
	for i := range inFlight {
		exchange := exchanges[i%len(exchanges)]
		wg.Go(func() {
			for {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				err := exchange(ctx)
				cancel()
				if err != nil {
					bad.Add(1)
					text := err.Error()
					first.CompareAndSwap(nil, &text)
				}
				if !time.Now().Before(end) {
					return
				}
				if err == nil {
					good.Add(1)
				}
			}
		})
	}
	wg.Wait()
	t := tally{Requests: int(good.Load() + bad.Load()), Bad: int(bad.Load()), Seconds: d.Seconds()}
	if text := first.Load(); text != nil {
		t.FirstBad = *text
	}
	return t
}

func layehExchange(address string) func(context.Context) error {
	secret := []byte(backendSecret)
	return func(ctx context.Context) error {
		p := radius.New(radius.CodeAccessRequest, secret)
		if err := rfc2865.UserName_SetString(p, "bob@example.com"); err != nil {
			return err
		}
		if err := rfc2865.UserPassword_SetString(p, "hello-password"); err != nil {
			return err
		}
		if err := rfc2865.NASIdentifier_SetString(p, "bench"); err != nil {
			return err
		}
		reply, err := radius.Exchange(ctx, p, address)
		if err == nil && reply.Code != radius.CodeAccessAccept {
			err = fmt.Errorf("answered %v", reply.Code)
		}
		return err
	}
}

// ownExchange is the own client: open makes the Exchange of a server.
func ownExchange() (open func(host string, port int) (func(context.Context) error, error), done func(), err error) {
	system, err := dict.LoadSystem("")
	if err != nil {
		return nil, nil, err
	}
	set := system.Default()
	req := &engines.Request{Op: aaa.Authn, Dict: set, AVPs: []aaa.AVP{
		{Attr: set.ByName("User-Name"), Value: []byte("bob@example.com")},
		{Attr: set.ByName("User-Password"), Value: []byte("hello-password")},
		{Attr: set.ByName("NAS-Identifier"), Value: []byte("bench")},
	}}
	e := engine.New(engine.Options{})
	return func(host string, port int) (func(context.Context) error, error) {
		client, err := e.Open(engines.Config{Server: aaa.Server{
			Enabled: true, Name: "backend", Address: host, Port: port, Secret: aaa.NewSecret(backendSecret),
			Engine: engine.Name, Retries: 3, Timeout: 1000,
		}})
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			reply, err := client.Exchange(ctx, req)
			if err == nil && reply.Outcome != aaa.Accept {
				err = fmt.Errorf("answered %s", reply.Outcome)
			}
			return err
		}, nil
	}, func() { _ = e.Close() }, nil
}
