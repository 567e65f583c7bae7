package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"time"
)

// What loads a proxy: no more than radsecproxy has identifiers for at one server.
const (
	deviceSockets  = 4
	deviceInFlight = 50 // of each
)

// measureDevices measures the servers for network devices.
func measureDevices(ctx context.Context, s settings, dir string) []row {
	rows := proxyRows(ctx, s, filepath.Join(dir, "proxies"))
	rows = append(rows, tacacsUsersRow(ctx, s, filepath.Join(dir, "tacacs")))
	rows = append(rows, shareRow(ctx, s, filepath.Join(dir, "share")))
	return append(rows, clientRows(ctx)...)
}

// contestant is a server under test for devices.
type contestant struct {
	name     string
	process  *process
	load     deviceLoad
	generate func(context.Context) (deviceTally, error) // nil: load is sent
	used     time.Duration                              // processor time
	answered int
	lost     int
}

// run loads the server once. A busy machine drops datagrams; more than one in a hundred would be another measurement.
func (c *contestant) run(ctx context.Context) (float64, error) {
	before, err := c.process.processor()
	if err != nil {
		return 0, err
	}
	var t deviceTally
	if c.generate != nil {
		t, err = c.generate(ctx)
	} else {
		err = runSelf(ctx, c.load, &t, "device-load")
	}
	if err != nil {
		return 0, err
	}
	after, err := c.process.processor()
	if err != nil {
		return 0, err
	}
	if t.Requests == 0 || t.Bad*100 > t.Requests {
		return 0, fmt.Errorf("%s: %d of %d logins failed, the first: %s", c.name, t.Bad, t.Requests, t.FirstBad)
	}
	c.used += after - before
	c.answered += t.Requests - t.Bad
	c.lost += t.Bad
	return float64(t.Requests-t.Bad) / max(after-before, time.Second/100).Seconds(), nil
}

func (c *contestant) perRequest() time.Duration {
	return (c.used / time.Duration(max(c.answered, 1))).Round(100 * time.Nanosecond)
}

// proxyRows compare the service as a RADIUS proxy with others, and a repetition of a login with a new one.
func proxyRows(ctx context.Context, s settings, dir string) []row {
	rows := make([]row, len(proxies)+1)
	for i, p := range proxies {
		rows[i] = row{name: "RADIUS PAP, device to server / " + p.name + ", requests a processor second", format: "%.2f×", target: p.target}
	}
	again := len(proxies)
	rows[again] = row{name: "RADIUS login that comes again / a new one, requests a processor second", format: "%.2f×", target: 5}
	fail := func(err error) []row {
		for i := range rows {
			rows[i].err = err
		}
		return rows
	}
	responder, backend, err := startSelf(ctx, "responder")
	if err != nil {
		return fail(err)
	}
	defer responder.stop() //nolint:errcheck // it ends by our signal
	svc, at, err := startDevices(ctx, s, dir, backend)
	if err != nil {
		return fail(err)
	}
	defer svc.stop() //nolint:errcheck // it ends by our signal
	load := deviceLoad{Address: at, Sockets: deviceSockets, InFlight: deviceInFlight, Seconds: s.seconds, Realm: deviceRealm}
	own, repeated := &contestant{name: "aaa-api", process: svc.process, load: load}, &contestant{name: "again", process: svc.process, load: load}
	repeated.load.Again = true
	all := []*contestant{own, repeated}
	others := make([]*contestant, len(proxies))
	for i, p := range proxies {
		process, address, err := startProxy(ctx, i, dir, backend)
		if err != nil {
			rows[i].err = err
			continue
		}
		defer process.stop() //nolint:errcheck // it ends by our signal
		c := &contestant{name: p.name, process: process, load: load}
		c.load.Address = address
		others[i] = c
		all = append(all, c)
	}
	rates, err := compete(ctx, s.rounds, all)
	if err != nil {
		return fail(err)
	}
	for i, c := range others {
		if c != nil {
			rows[i].of(own, c, rates)
		}
	}
	rows[again].of(repeated, own, rates)
	return rows
}

// compete loads each server once for warmth, and then in turn.
func compete(ctx context.Context, rounds int, list []*contestant) (map[string][]float64, error) {
	contenders := make([]contender, len(list))
	for i, c := range list {
		contenders[i] = contender{c.name, func() (float64, error) { return c.run(ctx) }}
		if _, err := c.run(ctx); err != nil {
			return nil, err
		}
		c.used, c.answered, c.lost = 0, 0, 0
	}
	return alternate(rounds, contenders...)
}

// of is the ratio of two servers' requests a processor second: the median of the rounds, and the span that they lie in.
func (r *row) of(a, b *contestant, rates map[string][]float64) {
	r.value = ratio(rates[a.name], rates[b.name])
	var each []float64
	for i := range rates[a.name] {
		each = append(each, rates[a.name][i]/rates[b.name][i])
	}
	r.detail = fmt.Sprintf("processor time of a request %v against %v; rounds from %.2f× to %.2f×; %d and %d lost",
		a.perRequest(), b.perRequest(), slices.Min(each), slices.Max(each), a.lost, b.lost)
}

// startDevices starts the service at its default settings with a RADIUS listener, and an account with a client at 127.0.0.1.
func startDevices(ctx context.Context, s settings, dir, backend string) (svc *service, address string, err error) {
	if address, err = freeAddress("udp4"); err != nil {
		return nil, "", err
	}
	if svc, err = startService(ctx, s.binary, dir, "--radius-auth", address); err != nil {
		return nil, "", err
	}
	if _, err = svc.tenantOfDevices(ctx, "bench", "127.0.0.1", backend); err == nil {
		err = answersDevices(ctx, address)
	}
	if err != nil {
		_ = svc.stop()
		return nil, "", err
	}
	return svc, address, nil
}

// tenantOfDevices makes an account whose devices are at an address.
func (s *service) tenantOfDevices(ctx context.Context, name, address, backend string) (account string, err error) {
	if account, err = s.child(ctx, name); err != nil {
		return "", err
	}
	doc, err := tenantDocument(backend, 4*deviceSockets*deviceInFlight)
	if err != nil {
		return "", err
	}
	return account, errors.Join(s.put(ctx, account, doc), s.client(ctx, account, address))
}

// client lets an account have devices at an address.
func (s *service) client(ctx context.Context, account, address string) error {
	err := s.call(ctx, http.MethodPatch, "/v2/accounts/"+account, map[string]any{"client_networks": []string{"127.0.0.0/8"}}, nil)
	if err != nil {
		return err
	}
	return s.call(ctx, http.MethodPut, "/v2/accounts/"+account+"/aaa/clients/devices", map[string]any{"address": address, "secret": deviceSecret}, nil)
}
