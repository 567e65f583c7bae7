package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"aaa-api/internal/radius"
)

const (
	// dueCount is how many sessions of the loud tenant have their timeout at once, at most.
	dueCount = 10_000
	// dueAfter is when all of them are due, counted from before the first is open. A slow machine opens fewer.
	dueAfter = time.Minute
	// quietTimeout is that of the quiet tenant's sessions, in seconds as documents have it.
	quietTimeout = 1
)

// measureTimers has the time of many of the loud tenant's sessions end, while their accounting server is silent. What is due
// stays due, so that all rounds alone come before those beside it.
func measureTimers(ctx context.Context, s settings, dir string) []row {
	rows := []row{
		besideRow("session timers", 2),
		{name: "a quiet tenant's Stop beside due sessions", format: "%.2f s late", target: 2, atMost: true},
	}
	var err error
	if rows[0].value, rows[0].detail, rows[1].value, rows[1].detail, err = timers(ctx, s, dir); err != nil {
		rows[0].err, rows[1].err = err, err
	}
	return rows
}

func timers(ctx context.Context, s settings, dir string) (ratio float64, detail string, late float64, lateDetail string, err error) {
	fail := func(err error) (float64, string, float64, string, error) { return 0, "", 0, "", err }
	t, err := startTenants(ctx, s, dir)
	if err != nil {
		return fail(err)
	}
	defer t.stop()
	stops, err := listenStops()
	if err != nil {
		return fail(err)
	}
	defer stops.conn.Close()
	go stops.serve()
	doc, err := t.accountingAt(stops.conn, backendSecret, quietTimeout)
	if err != nil {
		return fail(err)
	}
	if err := t.svc.put(ctx, t.Quiet, doc); err != nil {
		return fail(err)
	}
	quiet := authnRequests(t.Address, t.Quiet, t.QuietToken)[0]
	took := time.Duration(s.seconds*float64(time.Second)) * time.Duration(s.rounds)
	round := func() (list, lateness []time.Duration, err error) {
		requests := make(chan error, 1)
		ended, cancel := context.WithTimeout(ctx, took)
		defer cancel()
		go func() {
			var err error
			list, err = quietly(t.Address, quiet, took)
			requests <- err
		}()
		for ended.Err() == nil && err == nil {
			var one time.Duration
			one, err = t.lateStop(ctx, stops)
			lateness = append(lateness, one)
		}
		return list, lateness, errors.Join(err, <-requests)
	}
	if _, err := quietly(t.Address, quiet, time.Second/4); err != nil {
		return fail(err)
	}
	alone, before, err := round()
	if err != nil {
		return fail(err)
	}

	if t.silent, err = newSilent(); err != nil {
		return fail(err)
	}
	begun := time.Now()
	opened, err := t.openSessions(ctx, begun.Add(dueAfter))
	if err != nil {
		return fail(err)
	}
	opening := time.Since(begun)
	wait(ctx, time.Until(begun.Add(dueAfter+time.Second)))
	beside, lateness, err := round()
	if err != nil {
		return fail(err)
	}
	var used struct {
		Limits struct {
			Sessions struct {
				Used int `json:"used"`
			} `json:"sessions"`
		} `json:"limits"`
	}
	if err := t.svc.call(ctx, http.MethodGet, "/v2/accounts/"+t.Loud+"/limits", nil, &used); err != nil {
		return fail(err)
	}
	ratio, detail = compare(alone, beside)
	slices.Sort(before)
	slices.Sort(lateness)
	return ratio, fmt.Sprintf("%s; the other: %d sessions opened in %.0f s, %d of them not yet ended", detail, opened, opening.Seconds(), used.Limits.Sessions.Used),
		part(lateness, 100).Seconds(),
		fmt.Sprintf("the latest of %d; alone of %d: %.2f s", len(lateness), len(before), part(before, 100).Seconds()), nil
}

// account has a document's sessions end by themselves, and their records go to a server.
func account(doc map[string]any, server string, timeout int) {
	doc["accounting"], doc["session_timeout"] = []string{server}, timeout
	doc["accounting_avp_translation"] = []any{map[string]any{
		"request_key": "Acct-Status-Type", "attribute": "Acct-Status-Type", "request_value_regexp": "^(.*)$", "attr_value_regexp": "^(.*)$",
	}}
}

// accountingAt is a tenant's document whose records go to a port.
func (t *tenants) accountingAt(conn *net.UDPConn, secret string, timeout int) (map[string]any, error) {
	doc, err := tenantDocument(t.Backend, 4*loudClients)
	if err != nil {
		return nil, err
	}
	at := conn.LocalAddr().(*net.UDPAddr)
	doc["servers"] = append(doc["servers"].([]any), map[string]any{
		"enabled": true, "name": "records", "address": at.IP.String(), "port": at.Port, "secret": secret,
		"aaa_engine": "radius", "dicts": []string{"dictionary"}, "avp": "strict", "retries": 3, "timeout": 1000,
	})
	account(doc, "records", timeout)
	return doc, nil
}

// openSession opens a session with a token.
func (t *tenants) openSession(ctx context.Context, account, token string) error {
	as := *t.svc
	as.token = token
	path := "/v2/accounts/" + account + "/aaa/sessions"
	var begun struct {
		SID string `json:"sid"`
	}
	if err := as.send(ctx, http.MethodPost, path, strings.NewReader(requestBody), &begun); err != nil {
		return err
	}
	return as.call(ctx, http.MethodPost, path+"/"+begun.SID+"/open", json.RawMessage("{}"), nil)
}

// openSessions opens sessions of the loud tenant whose time is over at one moment, and then has their records go to a server
// that never answers.
func (t *tenants) openSessions(ctx context.Context, due time.Time) (opened int, err error) {
	doc, err := tenantDocument(t.Backend, 4*loudClients)
	if err != nil {
		return opened, err
	}
	put := t.svc.put
	const batch, clients = 500, 16 // more would wait for each other's writes
	for opened < dueCount {
		left := int(time.Until(due) / time.Second)
		if left < 10 { // the last ones must be open, and the document replaced, before the first is due
			break
		}
		account(doc, "backend", left)
		if err := put(ctx, t.Loud, doc); err != nil {
			return opened, err
		}
		put = t.svc.replace
		var all sync.WaitGroup
		failed := make([]error, clients)
		for client := range clients {
			all.Go(func() {
				for n := client; n < batch && failed[client] == nil; n += clients {
					failed[client] = t.openSession(ctx, t.Loud, t.LoudTokens[client])
				}
			})
		}
		all.Wait()
		if err := errors.Join(failed...); err != nil {
			return opened, err
		}
		opened += batch
	}
	if doc, err = t.accountingAt(t.silent, "silent", 1); err != nil {
		return opened, err
	}
	return opened, t.svc.replace(ctx, t.Loud, doc)
}

// stops is an accounting server that notes when a Stop comes.
type stops struct {
	conn *net.UDPConn
	came chan time.Time
}

func listenStops() (*stops, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	return &stops{conn, make(chan time.Time, 16)}, err
}

// serve answers until the socket is closed.
func (s *stops) serve() {
	key := radius.NewKey([]byte(backendSecret))
	in := make([]byte, 4096)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(in)
		if err != nil {
			return
		}
		if reply, ok := respond(nil, in[:n], key); ok {
			if isStop(in[:n]) {
				s.came <- time.Now()
			}
			_, _ = s.conn.WriteToUDPAddrPort(reply, from)
		}
	}
}

// isStop reports whether an Accounting-Request's Acct-Status-Type is Stop (RFC 2866 §5.1).
func isStop(request []byte) bool {
	for rest := request[20:]; len(rest) >= 2 && int(rest[1]) >= 2 && int(rest[1]) <= len(rest); rest = rest[rest[1]:] {
		if rest[0] == 40 && rest[1] == 6 && rest[5] == 2 {
			return true
		}
	}
	return false
}

// lateStop opens a session of the quiet tenant and returns how long after its timeout its Stop comes.
func (t *tenants) lateStop(ctx context.Context, s *stops) (time.Duration, error) {
	begun := time.Now()
	if err := t.openSession(ctx, t.Quiet, t.QuietToken); err != nil {
		return 0, err
	}
	select {
	case at := <-s.came:
		return at.Sub(begun) - quietTimeout*time.Second, nil
	case <-time.After(time.Minute):
		return 0, errors.New("the quiet tenant's Stop has not come for a minute")
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
