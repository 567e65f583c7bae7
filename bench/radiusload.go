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

// measureClient compares the RADIUS client alone with layeh.com/radius's Exchange.
func measureClient(ctx context.Context, s settings, _ string) []row {
	r := row{name: fmt.Sprintf("RADIUS client, %d in flight / layeh Exchange", radiusInFlight), format: "%.2f×", target: 4}
	responder, backend, err := startSelf(ctx, "responder")
	if err != nil {
		r.err = err
		return []row{r}
	}
	defer responder.stop() //nolint:errcheck // it ends by our signal
	run := func(client string) contender {
		return contender{client, func() (float64, error) {
			var t tally
			if err := runSelf(ctx, radiusLoad{Client: client, Address: backend, Seconds: s.seconds}, &t, "radius-load"); err != nil {
				return 0, err
			}
			// A socket a request loses some on a busy machine; more than a few would be another measurement.
			if t.Bad*100 > t.Requests {
				return 0, fmt.Errorf("%s: %d of %d exchanges failed, the first: %s", client, t.Bad, t.Requests, t.FirstBad)
			}
			return t.rate(), nil
		}}
	}
	rates, err := alternate(s.rounds, run("own"), run("layeh"))
	if err != nil {
		r.err = err
		return []row{r}
	}
	r.value = ratio(rates["own"], rates["layeh"])
	r.detail = fmt.Sprintf("%.0f/s against %.0f/s", median(rates["own"]), median(rates["layeh"]))
	return []row{r}
}

// radiusLoad is what one client does.
type radiusLoad struct {
	Client  string // own or layeh
	Address string
	Seconds float64
}

// runRADIUSLoad is one client's process.
func runRADIUSLoad() error {
	var l radiusLoad
	if err := json.NewDecoder(os.Stdin).Decode(&l); err != nil {
		return err
	}
	exchange := layehExchange(l.Address)
	if l.Client == "own" {
		var err error
		if exchange, err = ownExchange(l.Address); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(keepBusy(radiusInFlight, exchange, time.Duration(l.Seconds*float64(time.Second))))
}

// keepBusy has so many exchanges running for d, and counts those that end within it.
func keepBusy(inFlight int, exchange func(context.Context) error, d time.Duration) tally {
	var good, bad atomic.Int64
	var first atomic.Pointer[string]
	end := time.Now().Add(d)
	var wg sync.WaitGroup
	for range inFlight {
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

func ownExchange(address string) (func(context.Context) error, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	client, err := engine.New(engine.Options{}).Open(engines.Config{Server: aaa.Server{
		Enabled: true, Name: "backend", Address: host, Port: number, Secret: aaa.NewSecret(backendSecret),
		Engine: engine.Name, Retries: 3, Timeout: 1000,
	}})
	if err != nil {
		return nil, err
	}
	system, err := dict.LoadSystem("")
	if err != nil {
		return nil, err
	}
	set := system.Default()
	req := &engines.Request{Op: aaa.Authn, Dict: set, AVPs: []aaa.AVP{
		{Attr: set.ByName("User-Name"), Value: []byte("bob@example.com")},
		{Attr: set.ByName("User-Password"), Value: []byte("hello-password")},
		{Attr: set.ByName("NAS-Identifier"), Value: []byte("bench")},
	}}
	return func(ctx context.Context) error {
		reply, err := client.Exchange(ctx, req)
		if err == nil && reply.Outcome != aaa.Accept {
			err = fmt.Errorf("answered %s", reply.Outcome)
		}
		return err
	}, nil
}
