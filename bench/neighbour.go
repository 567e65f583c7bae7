package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// neighbour is what one tenant does to the node while another one, who is quiet, sends a request now and then.
type neighbour struct {
	name   string
	target float64 // most that the quiet tenant's p99 beside the attack may be of that alone
	// prepare makes the documents of both and returns the quiet tenant's request.
	prepare func(ctx context.Context, t *tenants) (quiet []byte, err error)
	// attack is made in a process of its own.
	attack func(t *tenants) attack
}

// attack is what the loud tenant does until ctx ends. It returns a line about how it fared.
type attack func(ctx context.Context) (string, error)

// tenants are two accounts of a service, with a RADIUS server that answers. The process of an attack reads them as JSON.
type tenants struct {
	svc        *service
	Address    string // of the service
	Backend    string
	Quiet      string // the account's id
	QuietToken string
	Loud       string   // the account's id
	LoudTokens []string // the service bounds the requests/s of each
	Below      []string // accounts of the loud tenant's
	responder  *process
	silent     *net.UDPConn // the address of silent servers
}

func neighbours() []neighbour {
	return []neighbour{
		{"packets to silent servers", 2, prepareSilentTable, silentTable},
		{"expressions", 2, prepareExpressions, costlyExpressions},
		{"unread answers", 2, prepareUnread, unreadAnswers},
		{"hashes", 3, prepareHashes, costlyHashes},
		{"64 silent servers a document", 2, prepareManySilent, manySilent},
		{"uploads", 2, prepareUploads, heavyUploads},
	}
}

// measureNeighbours plays each attack against a service of its own.
func measureNeighbours(ctx context.Context, s settings, dir string) []row {
	var rows []row
	for i, n := range neighbours() {
		r := besideRow(n.name, n.target)
		r.value, r.detail, r.err = n.measure(ctx, s, fmt.Sprintf("%s/%d", dir, i))
		rows = append(rows, r)
	}
	return rows
}

func besideRow(name string, target float64) row {
	return row{name: "quiet tenant's p99 beside " + name + " / alone", format: "%.2f×", target: target, atMost: true}
}

// measure compares the quiet tenant's latencies alone and beside the attack, in alternating rounds.
func (n *neighbour) measure(ctx context.Context, s settings, dir string) (value float64, detail string, err error) {
	t, err := startTenants(ctx, s, dir)
	if err != nil {
		return 0, "", err
	}
	defer t.stop()
	quiet, err := n.prepare(ctx, t)
	if err != nil {
		return 0, "", err
	}
	if _, err := quietly(t.Address, quiet, time.Second/4); err != nil { // all is warm before it counts
		return 0, "", err
	}
	took := time.Duration(s.seconds * float64(time.Second))
	var alone, beside []time.Duration
	var became string
	for range s.rounds {
		list, err := quietly(t.Address, quiet, took)
		if err != nil {
			return 0, "", err
		}
		alone = append(alone, list...)
		var open int
		list, became, err = t.apart(n.name).beside(ctx, func() (list []time.Duration, err error) {
			if list, err = quietly(t.Address, quiet, took); err == nil {
				open, err = t.svc.descriptors()
			}
			return list, err
		})
		if err != nil {
			return 0, "", err
		}
		became = fmt.Sprintf("%s, %d descriptors open", became, open)
		beside = append(beside, list...)
	}
	value, detail = compare(alone, beside)
	return value, detail + "; " + became, nil
}

// compare is the ratio of the 99th percentiles, with the latencies behind it.
func compare(alone, beside []time.Duration) (ratio float64, detail string) {
	slices.Sort(alone)
	slices.Sort(beside)
	return float64(part(beside, 99)) / float64(part(alone, 99)),
		fmt.Sprintf("p50 %v → %v, p99 %v → %v", part(alone, 50), part(beside, 50), part(alone, 99), part(beside, 99))
}

// startTenants starts a service with two accounts. Without an error the caller owes one stop.
func startTenants(ctx context.Context, s settings, dir string) (_ *tenants, err error) {
	t := &tenants{}
	defer func() {
		if err != nil {
			t.stop()
		}
	}()
	if t.responder, t.Backend, err = startSelf(ctx, "responder"); err != nil {
		return nil, err
	}
	if t.svc, err = startService(ctx, s.binary, dir); err != nil {
		return nil, err
	}
	t.Address = t.svc.address
	if t.Quiet, err = t.svc.child(ctx, "quiet"); err != nil {
		return nil, err
	}
	if t.Loud, err = t.svc.child(ctx, "loud"); err != nil {
		return nil, err
	}
	tokens, err := t.svc.tokens(ctx, t.Quiet, 1)
	if err != nil {
		return nil, err
	}
	t.QuietToken = tokens[0]
	t.LoudTokens, err = t.svc.tokens(ctx, t.Loud, loudClients)
	return t, err
}

// stop ends what startTenants started; each ends by our signal.
func (t *tenants) stop() {
	if t.svc != nil {
		_ = t.svc.stop()
	}
	if t.responder != nil {
		_ = t.responder.stop()
	}
	if t.silent != nil {
		t.silent.Close()
	}
}

// beside runs what the quiet tenant does once the attack is under way, and ends the attack.
func (a attack) beside(ctx context.Context, quiet func() ([]time.Duration, error)) (list []time.Duration, became string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type end struct {
		became string
		err    error
	}
	ended := make(chan end, 1)
	go func() {
		became, err := a(ctx)
		ended <- end{became, err}
	}()
	select {
	case e := <-ended:
		return nil, "", fmt.Errorf("the attack ended by itself: %s: %w", e.became, e.err)
	case <-time.After(time.Second / 4): // it has to build its backlog up
	}
	list, err = quiet()
	cancel()
	e := <-ended
	return list, e.became, errors.Join(err, e.err)
}

// part is the latency that so many percent of a sorted list don't exceed.
func part(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)].Round(10 * time.Microsecond)
}

// quietPause is between an answer that the quiet tenant gets and its next request.
const quietPause = 4 * time.Millisecond

// quietly sends one request after the other, with pauses, on one connection.
func quietly(address string, request []byte, long time.Duration) ([]time.Duration, error) {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	c, err := dialLoad(addr)
	if err != nil {
		return nil, err
	}
	defer c.close()
	var list []time.Duration
	for end := time.Now().Add(long); time.Now().Before(end); time.Sleep(quietPause) {
		begun := time.Now()
		if err := c.send(request); err != nil {
			return nil, err
		}
		var answer []byte
		for answer == nil {
			if answer, err = c.receive(); err != nil {
				return nil, err
			}
		}
		list = append(list, time.Since(begun))
		if !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") {
			return nil, fmt.Errorf("the quiet tenant got %.500s", answer)
		}
	}
	return list, nil
}

// loudClients is how many connections the loud tenant uses, each with one request at a time.
const loudClients = 64

// flood is an attack by requests that are repeated without a pause.
func flood(t *tenants, requests [][]byte) attack {
	return func(ctx context.Context) (string, error) {
		l := load{Address: t.Address, Clients: loudClients, Seconds: 0.25, Requests: requests, Want: `"AAA-Result":"accept"`}
		var all tally
		for ctx.Err() == nil {
			one, err := l.run()
			if err != nil {
				return "", err
			}
			all.Requests += one.Requests
			all.Bad += one.Bad
			all.Seconds += one.Seconds
			if all.FirstBad == "" {
				all.FirstBad = one.FirstBad
			}
		}
		status, _, _ := strings.Cut(all.FirstBad, "\r\n")
		return fmt.Sprintf("the other: %.0f requests/s, %d of %d refused (%s)", float64(all.Requests)/max(all.Seconds, 1), all.Bad, all.Requests, status), nil
	}
}

// crowd is an attack by clients that call act again and again: it returns the status of the answer.
func crowd(clients int, what string, act func(ctx context.Context, client, n int) (status int, err error)) attack {
	return func(ctx context.Context) (string, error) {
		var done, refused, failed, cut atomic.Int64
		var first atomic.Pointer[string]
		var all sync.WaitGroup
		for client := range clients {
			all.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					switch status, err := act(ctx, client, n); {
					case ctx.Err() != nil:
						cut.Add(1)
					case err != nil:
						failed.Add(1)
						why := err.Error()
						first.CompareAndSwap(nil, &why)
						wait(ctx, quietPause)
					case status >= http.StatusBadRequest:
						refused.Add(1)
						why := http.StatusText(status)
						first.CompareAndSwap(nil, &why)
					default:
						done.Add(1)
					}
				}
			})
		}
		all.Wait()
		became := fmt.Sprintf("the other: %d %s, %d refused, %d failed, %d under way at the end", done.Load(), what, refused.Load(), failed.Load(), cut.Load())
		if why := first.Load(); why != nil {
			became += " (" + *why + ")"
		}
		return became, nil
	}
}

// loudly sends one request with a token of the loud tenant, and reads its answer.
func (t *tenants) loudly(ctx context.Context, client int, method, path, contentType string, body []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+t.Address+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Auth-Token", t.LoudTokens[client])
	req.Header.Set("Content-Type", contentType)
	res, err := apiClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// plainQuiet makes the quiet tenant's document, whose server answers, and returns its request.
func (t *tenants) plainQuiet(ctx context.Context) ([]byte, error) {
	doc, err := tenantDocument(t.Backend, loudClients)
	if err != nil {
		return nil, err
	}
	return authnRequests(t.Address, t.Quiet, t.QuietToken)[0], t.svc.put(ctx, t.Quiet, doc)
}

// prepareExpressions has each request of the loud tenant spend its budget on rules that try much at every octet.
func prepareExpressions(ctx context.Context, t *tenants) ([]byte, error) {
	doc, err := tenantDocument(t.Backend, loudClients)
	if err != nil {
		return nil, err
	}
	var rules []any
	for i := range 40 {
		rules = append(rules, map[string]any{
			"request_key": "key", "attribute": "Reply-Message",
			"request_value_regexp": fmt.Sprintf("((?:a?){%d}a{300})b", 250+i), "attr_value_regexp": "^(.*)$",
		})
	}
	doc["authn_avp_translation"] = append(doc["authn_avp_translation"].([]any), rules...)
	if err := t.svc.put(ctx, t.Loud, doc); err != nil {
		return nil, err
	}
	return t.plainQuiet(ctx)
}

func costlyExpressions(t *tenants) attack {
	body := strings.Replace(requestBody, `{"data":{`, `{"data":{"key":"`+strings.Repeat("a", 1000)+`",`, 1)
	var requests [][]byte
	for _, token := range t.LoudTokens {
		requests = append(requests, postRequest(t.Address, "/v2/accounts/"+t.Loud+"/aaa/authn", token, []byte(body)))
	}
	return flood(t, requests)
}

// benchHash is the hash of "hello-password", of a usual cost.
const benchHash = "$6$rounds=40000$benchsalt$.dZ8XmXk/TQlN6ZSevGqDi.x8YNd1CKwdr7IEr648Fie4xOmrC9ENdP1lqIBAaE.CGUeSZSOCthYPEDwvJjTK0"

// usersTable answers logins from the users file named users.
func usersTable() map[string]any {
	line := func(action, do, next string) any {
		action, event, _ := strings.Cut(action, ".")
		return map[string]any{"state": "*", "action": action, "event": event, "do": do, "next": next}
	}
	return map[string]any{"states": []any{
		map[string]any{"name": "Start", "lines": []any{line("+AUTHEN.ACK", "FILE", "Wait")}},
		map[string]any{"name": "Wait", "lines": []any{line("FILE.ACK", "REPLY", "End"), line("FILE.NAK", "REPLY", "End"), line("FILE.ERROR", "REPLY", "End")}},
	}}
}

// prepareHashes has both tenants check passwords by users files.
func prepareHashes(ctx context.Context, t *tenants) ([]byte, error) {
	for _, account := range []string{t.Quiet, t.Loud} {
		users := map[string]any{"text": "bob@example.com:" + benchHash + "\n"}
		if err := t.svc.call(ctx, http.MethodPut, "/v2/accounts/"+account+"/aaa/users/users", users, nil); err != nil {
			return nil, err
		}
		if err := t.svc.call(ctx, http.MethodPut, "/v2/accounts/"+account+"/aaa/fsm/file", usersTable(), nil); err != nil {
			return nil, err
		}
		doc, err := tenantDocument(t.Backend, 4*loudClients)
		if err != nil {
			return nil, err
		}
		doc["fsm"] = "file"
		if err := t.svc.put(ctx, account, doc); err != nil {
			return nil, err
		}
	}
	return authnRequests(t.Address, t.Quiet, t.QuietToken)[0], nil
}

func costlyHashes(t *tenants) attack {
	return flood(t, authnRequests(t.Address, t.Loud, t.LoudTokens...))
}
